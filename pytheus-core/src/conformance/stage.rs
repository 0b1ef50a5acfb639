//! Where two clients of one store do what a behaviour is about: in this process, or each in one of its
//! own.

use super::page::{holds, ok};
use crate::{Backend, Registry};
use std::any::Any;
use std::env;
use std::fmt;
use std::io::{BufRead, BufReader, Lines, StdinLock, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// A store, and how it is opened by one process and by another.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::conformance::{Clients, clients};
///
/// // Clones of a backend are one client, which is the least that must be right.
/// let subject = Clients::new(|| {
///     let local = Local::new();
///     (local.clone(), local)
/// });
/// clients::labels_in_another_order_are_the_same_series(&subject);
/// ```
pub struct Clients(Kind);

enum Kind {
    /// Opened twice in this process.
    Here(Box<dyn Fn() -> [Arc<dyn Backend>; 2] + Send + Sync>),
    Processes(Processes),
}

struct Processes {
    /// The name of the test that is running, as its harness knows it.
    test: &'static str,
    store: Box<Store>,
    open: Box<Open>,
}

/// Where a new store is, and what keeps it there.
type Store = dyn Fn() -> (String, Box<dyn Any>);
type Open = dyn Fn(&str) -> Arc<dyn Backend>;

/// A step of a behaviour, which both processes have the same list of.
#[derive(Clone, Copy)]
pub(super) enum Step {
    One(fn(&Registry)),
    Other(fn(&Registry)),
    /// The other, and then the one.
    Each(fn(&Registry)),
    /// Both, at the same time.
    AtOnce(fn(&Registry)),
    /// Each says something, which must be the same.
    Same(&'static str, fn(&Registry) -> String),
    /// The other one goes round and round, until it is killed; the one looks on. Needs processes.
    Killed {
        round: fn(&Registry),
        /// How many rounds the other one has said are over, and whether it can begin another one.
        look: fn(&Registry, u64, bool),
    },
}

impl Clients {
    /// `open` makes a new, empty store at every call and opens it twice. Not for the behaviours of
    /// [`processes`](super::processes), which need [`in_processes`](Self::in_processes).
    pub fn new<B: Backend>(open: impl Fn() -> (B, B) + Send + Sync + 'static) -> Self {
        Self(Kind::Here(Box::new(move || {
            let (one, other) = open();
            [Arc::new(one), Arc::new(other)]
        })))
    }

    /// `store` makes a new, empty store at every call, and says where it is; what comes with that is kept
    /// until the behaviour is over. `open` opens it, in this process and in another one: this program is
    /// started again to run the test named `test` alone, the full name with its modules, which must do
    /// the same there as here. It takes the standard test harness, whose options `--exact` and
    /// `--nocapture` it uses; what the two have to say goes through the other one's standard input and
    /// output.
    ///
    /// [`conformance_of_processes!`](crate::conformance_of_processes!) makes such tests.
    pub fn in_processes<B: Backend, G: 'static>(
        test: &'static str,
        store: impl Fn() -> (String, G) + 'static,
        open: impl Fn(&str) -> B + 'static,
    ) -> Self {
        let store = move || {
            let (location, guard) = store();
            (location, Box::new(guard) as Box<dyn Any>)
        };
        let open = move |location: &str| Arc::new(open(location)) as Arc<dyn Backend>;
        Self(Kind::Processes(Processes { test, store: Box::new(store), open: Box::new(open) }))
    }

    /// Has one client and another one do these steps.
    pub(super) fn play(&self, steps: &[Step]) {
        match &self.0 {
            Kind::Here(open) => {
                let [one, other] = open().map(Registry::new);
                steps.iter().for_each(|step| step.take_here(&one, &other));
            }
            Kind::Processes(processes) => match env::var(LOCATION) {
                Ok(location) => serve(&Registry::new((processes.open)(&location)), steps),
                Err(_) => processes.play(steps),
            },
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clients")
    }
}

/// The variable that tells a process that it is the other one, and where the store is.
const LOCATION: &str = "PYTHEUS_CONFORMANCE_LOCATION";
/// How a line begins that the other process has to say: test harnesses say something, too.
const MARK: &str = "the other process: ";
const FAILED: &str = "the other process failed, and has said why, above";
/// How long anything may take: a machine may be slow and busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How many rounds are over, at least, and are looked at, when a process is killed in the midst of another
/// one.
const ROUNDS: u64 = 20;

impl Step {
    fn take_here(&self, one: &Registry, other: &Registry) {
        match *self {
            Self::One(act) => act(one),
            Self::Other(act) => act(other),
            Self::Each(act) => {
                act(other);
                act(one);
            }
            Self::AtOnce(act) => thread::scope(|scope| {
                scope.spawn(|| act(other));
                act(one);
            }),
            Self::Same(promise, say) => is_same(promise, &say(one), &say(other)),
            Self::Killed { .. } => panic!("a thread cannot be killed: this needs processes"),
        }
    }
}

fn is_same(promise: &str, one: &str, other: &str) {
    holds(one == other, promise, || format!("one shows   {one}\nother shows {other}"));
}

impl Processes {
    fn play(&self, steps: &[Step]) {
        let (location, _guard) = (self.store)();
        let mut other = Other::start(self.test, &location);
        let one = Registry::new((self.open)(&location));
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::One(act) => act(&one),
                Step::Other(_) => drop(other.does(number)),
                Step::Each(act) => {
                    other.does(number);
                    act(&one);
                }
                Step::AtOnce(act) => {
                    other.begins(number);
                    act(&one);
                    other.says();
                }
                Step::Same(promise, say) => {
                    is_same(promise, &one_line(&say(&one)), &other.does(number));
                }
                Step::Killed { look, .. } => other.is_killed(number, |rounds, goes_on| {
                    look(&one, rounds, goes_on);
                }),
            }
        }
    }
}

/// The other process. It is killed when this is dropped, if it is still there.
struct Other {
    process: Child,
    said: Receiver<String>,
}

impl Other {
    fn start(test: &str, location: &str) -> Self {
        let (_, test) = test.split_once("::").unwrap_or(("", test));
        let program = ok(env::current_exe().map_err(|error| error.to_string()), "finding itself");
        let process = Command::new(program)
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(LOCATION, location)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = ok(process, "another process");
        let out = process.stdout.take().expect("its output is piped");
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            let mut said = lines.filter_map(|line| line.strip_prefix(MARK).map(str::to_owned));
            said.try_for_each(|line| say.send(line))
        });
        let other = Self { process, said };
        other.says();
        other
    }

    fn begins(&mut self, step: usize) {
        let mut to = self.process.stdin.as_ref().expect("its input is piped");
        ok(writeln!(to, "{step}").and_then(|()| to.flush()), "telling the other process");
    }

    /// What it says when it is done.
    #[track_caller]
    fn says(&self) -> String {
        match self.said.recv_timeout(PATIENCE) {
            Ok(said) => said,
            Err(RecvTimeoutError::Timeout) => panic!("the other process does not answer"),
            Err(RecvTimeoutError::Disconnected) => panic!("{FAILED}"),
        }
    }

    #[track_caller]
    fn does(&mut self, step: usize) -> String {
        self.begins(step);
        self.says()
    }

    /// Kills it while it goes round and round, and has `look` look on all the time.
    fn is_killed(&mut self, step: usize, mut look: impl FnMut(u64, bool)) {
        self.begins(step);
        let (mut rounds, mut looks) = (0, 0);
        let since = Instant::now();
        while rounds < ROUNDS || looks < ROUNDS {
            assert!(since.elapsed() < PATIENCE, "the other process is slow: {rounds} rounds");
            match self.said.try_recv() {
                Ok(_) => rounds += 1,
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => panic!("{FAILED}"),
            }
            look(rounds, true);
            looks += 1;
        }
        ok(self.process.kill(), "killing the other process");
        look(rounds, true);
        ok(self.process.wait(), "waiting for the other process");
        // What it still said; its output ends.
        rounds += self.said.iter().count() as u64;
        look(rounds, false);
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does what this process, which is the other one, is told to do.
fn serve(registry: &Registry, steps: &[Step]) {
    // The harness has begun a line.
    println!();
    say("");
    let input: Lines<StdinLock<'static>> = std::io::stdin().lines();
    for line in input.map_while(Result::ok) {
        let step = line.parse().ok().and_then(|number: usize| steps.get(number));
        match *step.expect("the number of a step") {
            Step::One(_) => panic!("the one does it"),
            Step::Other(act) | Step::Each(act) | Step::AtOnce(act) => {
                act(registry);
                say("");
            }
            Step::Same(_, what) => say(&what(registry)),
            Step::Killed { round, .. } => loop {
                round(registry);
                say("");
            },
        }
    }
}

fn say(what: &str) {
    println!("{MARK}{}", one_line(what));
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}
