//! What does one update cost, through a handle, of a metric that is kept in Redis?

use super::server::{connect, connect_with, show_own, start};
use crate::groups::update::{BLOCK, UPDATES, Update};
use crate::groups::{lookup, ours};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Effect, Gate, Group, Reading, Subject, Work, sample};
use pytheus_core::Registry;
use pytheus_exposition::render_blocking;
use pytheus_test_servers::Server;
use std::time::Duration;

pub(in crate::groups) const GROUP: Group = Group {
    name: "redis-update",
    about: "one update of what is carried to Redis every 100 ms",
    cases: || UPDATES.iter().map(update).chain([look_up()]).collect(),
};

/// How often what changed is carried to the server.
const INTERVAL: Duration = Duration::from_millis(100);

const THREADS: [usize; 2] = [1, 2];

const AWAY_NOTE: &str = "the server was killed; what is read back is what this process shows then";

/// A metric of a registry, and its updates.
type Build = fn(Registry) -> Result<Box<dyn Subject>, BoxError>;

fn update(update: &'static Update) -> Case {
    let Update { name, about, effect, pytheus, .. } = *update;
    case(name, about, BLOCK, effect, pytheus)
}

fn look_up() -> Case {
    let about = "looks up one of 1,000 series";
    let adds = Effect::Adds(&[1.0]);
    let case = case("look_up", about, lookup::BLOCK, adds, lookup::one_thousand_on);
    case.warm_up(lookup::WARM_UP)
}

fn case(name: &'static str, about: &'static str, work: Work, effect: Effect, build: Build) -> Case {
    Case::new(name, about, work)
        .effect(effect)
        .threads(THREADS)
        .candidate(Candidate::new(OURS, "local", move || build(ours::registry())))
        .candidate(Candidate::new(OURS, "redis", move || {
            let server = start()?;
            let subject = build(Registry::new(connect(&server.url(), INTERVAL)?))?;
            Ok(Box::new(Served { subject, _server: server }))
        }))
        .candidate(
            Candidate::new(OURS, "redis, server away", move || {
                let server = start()?;
                let redis = connect_with(&server.url(), INTERVAL, show_own)?;
                let registry = Registry::new(redis);
                let subject = build(registry.clone())?;
                // It has been told of the metric.
                registry.flush_blocking()?;
                server.kill();
                let page = render_blocking(&registry)?;
                sample(std::str::from_utf8(&page)?, "pytheus_store_unavailable")?;
                Ok(Box::new(Served { subject, _server: server }))
            })
            .note(AWAY_NOTE),
        )
}

/// A subject, and the server that it is read back from.
struct Served {
    subject: Box<dyn Subject>,
    // Ends at last.
    _server: Server,
}

impl Subject for Served {
    fn run(&self, gate: &Gate, first: usize, warm_up: usize, ops: usize) -> Duration {
        self.subject.run(gate, first, warm_up, ops)
    }

    fn read(&self) -> Result<Reading, BoxError> {
        self.subject.read()
    }
}
