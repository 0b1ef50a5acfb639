//! Series nobody uses.

use super::Subject;
use super::page::{ok, shows};
use crate::{ManualClock, Registry};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const ALMOST: Duration = Duration::from_secs(59);
const SECOND: Duration = Duration::from_secs(1);

fn with_clock(subject: &Subject) -> (Registry, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder(subject.open()).clock(clock.clone()).build();
    (ok(registry, "building a registry"), clock)
}

/// A series that nobody held and nobody looked up for as long as its family said is removed; asked for
/// again, it begins at zero. A family that did not ask for this keeps its series.
pub fn a_series_nobody_uses_expires(subject: &Subject) {
    let (registry, clock) = with_clock(subject);
    let family = registry.counter("c_total", "help").label_names(["a"]).expire_idle(MINUTE);
    let family = ok(family.register(), "a registration");
    let stays = registry.counter("d_total", "help").label_names(["a"]).register();
    let stays = ok(stays, "a registration");
    family.with(["1"]).inc_by(5);
    stays.with(["1"]).inc();
    shows(&registry, "c_total", [r#"a="1": 5"#], "a new series is shown");
    clock.advance(ALMOST);
    shows(&registry, "c_total", [r#"a="1": 5"#], "a series stays as long as its family said");
    clock.advance(SECOND);
    shows(&registry, "c_total", [], "a series nobody uses expires");
    clock.advance(100 * MINUTE);
    shows(&registry, "d_total", [r#"a="1": 1"#], "a family that did not ask keeps its series");
    family.with(["1"]).inc();
    shows(&registry, "c_total", [r#"a="1": 1"#], "an expired series comes back at zero");
}

/// A series that somebody holds a handle of never expires, whether it is updated or not.
pub fn a_series_somebody_holds_never_expires(subject: &Subject) {
    let (registry, clock) = with_clock(subject);
    let family = registry.gauge("g", "help").label_names(["a"]).expire_idle(MINUTE).register();
    let family = ok(family, "a registration");
    let held = family.with(["1"]);
    held.set(5);
    for _ in 0..5 {
        clock.advance(2 * MINUTE);
        shows(&registry, "g", [r#"a="1": 5"#], "a series somebody holds never expires");
    }
    let clone = held.clone();
    drop(held);
    for _ in 0..3 {
        clock.advance(2 * MINUTE);
        shows(&registry, "g", [r#"a="1": 5"#], "a clone holds the series as well");
    }
    drop(clone);
    shows(&registry, "g", [r#"a="1": 5"#], "idle time begins when a series is last seen held");
    clock.advance(2 * MINUTE);
    shows(&registry, "g", [], "a series that nobody holds any more, nor used meanwhile, expires");
}

/// A look-up uses a series, and its time begins anew.
pub fn a_look_up_begins_the_time_anew(subject: &Subject) {
    let (registry, clock) = with_clock(subject);
    let family = registry.counter("c_total", "help").label_names(["a"]).expire_idle(MINUTE);
    let family = ok(family.register(), "a registration");
    family.with(["used"]).inc();
    family.with(["idle"]).inc();
    for uses in 1..5 {
        shows_used(&registry, uses);
        clock.advance(ALMOST);
        family.with(["used"]).inc();
    }
    clock.advance(ALMOST);
    shows_used(&registry, 5);
    clock.advance(MINUTE);
    shows(&registry, "c_total", [], "a series nobody uses any more expires");

    fn shows_used(registry: &Registry, uses: usize) {
        let used = format!("a=\"used\": {uses}");
        let promise = "a look-up begins the time of its series anew, and of no other";
        match uses {
            1 => shows(registry, "c_total", [&*used, r#"a="idle": 1"#], promise),
            2 => shows(registry, "c_total", [&*used, r#"a="idle": 1"#], promise),
            _ => shows(registry, "c_total", [&*used], promise),
        }
    }
}

/// Where a family is full, series that have been idle for long enough make room at once.
pub fn idle_series_make_room_in_a_full_family(subject: &Subject) {
    let (registry, clock) = with_clock(subject);
    let family = registry.counter("c_total", "help").label_names(["a"]);
    let family = ok(family.max_series(2).expire_idle(MINUTE).register(), "a registration");
    let held = family.with(["held"]);
    held.inc();
    family.with(["idle"]).inc();
    shows(&registry, "c_total", [r#"a="held": 1"#, r#"a="idle": 1"#], "there is room for two");
    clock.advance(2 * MINUTE);
    family.with(["new"]).inc();
    family.with(["too many"]).inc();
    shows(
        &registry,
        "c_total",
        [r#"a="held": 1"#, r#"a="new": 1"#, r#"a="__overflow__": 1"#],
        "idle series make room in a full family",
    );
}
