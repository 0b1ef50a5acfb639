//! A table in memory: the conformance kit on it, and what goes wrong with one.
#![cfg(feature = "conformance")]

use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Datum, Key, Options, Row, Table, WriteBehind};
use pytheus_core::{Clock, GaugeMode, ManualClock, Registry};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where tables find their rows. Clones are the same one.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rows: BTreeMap<Key, Row>,
    /// Who is within a transaction.
    is_begun: bool,
    calls: usize,
    /// Every how many calls one fails; whether what it should do is done.
    fail_every: Option<(usize, bool)>,
    opened: usize,
    clock: Option<Arc<ManualClock>>,
}

impl Database {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, options: Options) -> WriteBehind {
        let database = self.clone();
        let open = move || {
            database.state().opened += 1;
            Ok(Open { database: database.clone(), rows: None })
        };
        let engine = Engine::private().expect("memory");
        WriteBehind::start_in_table(engine, "memory:here", open, options).expect("a table")
    }

    fn registry(&self) -> Registry {
        Registry::new(self.open(Options::default()))
    }
}

/// A connection, and the rows of its transaction.
struct Open {
    database: Database,
    rows: Option<BTreeMap<Key, Row>>,
}

impl Open {
    /// What the call does, unless it is one that fails.
    fn call<R>(
        &mut self,
        work: impl FnOnce(&mut BTreeMap<Key, Row>) -> R,
    ) -> Result<R, &'static str> {
        let failure = {
            let mut state = self.database.state();
            state.calls += 1;
            let calls = state.calls;
            state.fail_every.filter(|(every, _)| calls.is_multiple_of(*every))
        };
        let done = work(self.rows.as_mut().expect("a transaction was begun"));
        if failure.is_some() { Err("the line is cut") } else { Ok(done) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.rows.take().is_some() {
            self.database.state().is_begun = false;
        }
    }
}

impl Table for Open {
    const NAME: &'static str = "memory";
    type Error = &'static str;

    fn begin(&mut self) -> Result<(), &'static str> {
        assert!(self.rows.is_none(), "a transaction is ended before another one begins");
        loop {
            let mut state = self.database.state();
            if !state.is_begun {
                state.is_begun = true;
                self.rows = Some(state.rows.clone());
                return Ok(());
            }
            drop(state);
            std::thread::yield_now();
        }
    }

    fn end(&mut self, keep: bool) -> Result<(), &'static str> {
        let rows = self.rows.take().expect("a transaction was begun");
        let mut state = self.database.state();
        state.is_begun = false;
        state.calls += 1;
        let calls = state.calls;
        let failure = state.fail_every.filter(|(every, _)| calls.is_multiple_of(*every));
        if keep && failure.is_none_or(|(_, is_done)| is_done) {
            state.rows = rows;
        }
        if failure.is_some() { Err("the answer is lost") } else { Ok(()) }
    }

    fn get(&mut self, key: &Key) -> Result<Option<Row>, &'static str> {
        self.call(|rows| rows.get(key).cloned())
    }

    fn put(&mut self, row: Row) -> Result<(), &'static str> {
        self.call(|rows| drop(rows.insert(row.key.clone(), row)))
    }

    fn remove_series(&mut self, family: &str, labels: &str) -> Result<(), &'static str> {
        self.call(|rows| rows.retain(|key, _| key.family != family || key.labels != labels))
    }

    fn remove_family(&mut self, family: &str) -> Result<(), &'static str> {
        self.call(|rows| rows.retain(|key, _| key.family != family))
    }

    fn remove_owner(&mut self, owner: &str) -> Result<(), &'static str> {
        self.call(|rows| rows.retain(|key, _| key.owner != owner))
    }

    fn read(&mut self, see: &mut dyn FnMut(Row)) -> Result<(), &'static str> {
        self.call(|rows| rows.values().cloned().for_each(see))
    }

    fn now(&mut self) -> Result<f64, &'static str> {
        let clock = self.database.state().clock.clone();
        let seconds = clock.map(|clock| clock.elapsed().as_secs_f64());
        Ok(seconds.unwrap_or_else(|| {
            std::time::UNIX_EPOCH.elapsed().expect("a clock that is set").as_secs_f64()
        }))
    }
}

pytheus_core::conformance! {
    open: || Database::default().open(Options::default()),
    traits: [keeps_idle],
}

pytheus_core::conformance_of_clients!(|| {
    let database = Database::default();
    (database.open(Options::default()), database.open(Options::default()))
});

#[test]
fn a_table_that_fails_at_any_call_is_opened_anew_and_counts_once() {
    for is_done in [false, true] {
        for every in 3..40 {
            let database = Database::default();
            let (one, other) = (database.registry(), database.registry());
            let [first, second] = [&one, &other].map(|registry| {
                registry.counter("c_total", "help").label_names(["a"]).register().unwrap()
            });
            database.state().fail_every = Some((every, is_done));
            for n in 0..30_u64 {
                first.with([&(n % 3).to_string()]).inc_by(n);
                second.with([&(n % 2).to_string()]).inc();
                let (_, _) = (one.flush_blocking(), other.flush_blocking());
            }
            database.state().fail_every = None;
            one.flush_blocking().unwrap();
            other.flush_blocking().unwrap();
            let total: f64 = ["0", "1", "2"]
                .map(|a| one.value("c_total", [("a", a)]).unwrap().unwrap_or(0.0))
                .iter()
                .sum();
            assert_eq!(total, (0..30).sum::<u64>() as f64 + 30.0, "{every} {is_done}");
            assert!(database.state().opened > 2, "{every}");
        }
    }
}

#[test]
fn a_table_that_is_emptied_is_told_everything_again() {
    let database = Database::default();
    let registry = database.registry();
    let counter = registry.counter("c_total", "help").register().unwrap();
    counter.inc_by(3);
    registry.flush_blocking().unwrap();
    database.state().rows.clear();
    counter.inc();
    registry.flush_blocking().unwrap();
    assert_eq!(registry.value("c_total", []).unwrap(), Some(4.0));
}

#[test]
fn an_error_says_where_the_table_is_and_why() {
    let database = Database::default();
    let registry = database.registry();
    registry.counter("c_total", "help").register().unwrap().inc();
    database.state().fail_every = Some((1, false));
    let error = registry.flush_blocking().unwrap_err().to_string();
    assert!(error.contains("memory:here cannot be used: the line is cut"), "{error}");
}

#[test]
fn who_was_silent_for_a_day_is_forgotten_and_its_live_gauges_with_it() {
    let (database, clock) = (Database::default(), Arc::new(ManualClock::new()));
    clock.advance(Duration::from_secs(1_000_000));
    database.state().clock = Some(clock.clone());
    let dead = database.registry();
    for (name, mode) in [("live", GaugeMode::LiveSum), ("kept", GaugeMode::Sum)] {
        dead.gauge(name, "help").mode(mode).register().unwrap().set(3);
    }
    dead.flush_blocking().unwrap();
    let owners = || {
        let state = database.state();
        let live = state.rows.keys().filter(|key| key.owner.starts_with("live:"));
        live.map(|key| (key.family.clone(), key.owner.clone())).collect::<Vec<_>>()
    };
    let owner = owners()[0].1.clone();
    // Its record of batches, and the gauge.
    assert_eq!(owners().len(), 2);
    clock.advance(Duration::from_secs(61));
    let reader = database.registry();
    assert_eq!(reader.value("live", []).unwrap(), None);
    assert_eq!(reader.value("kept", []).unwrap(), Some(3.0));
    assert!(owners().iter().any(|(_, of)| *of == owner), "its record is kept for a day");
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(reader.value("kept", []).unwrap(), Some(3.0));
    assert!(owners().iter().all(|(_, of)| *of != owner), "nothing is left of it");
}

#[test]
fn of_a_shared_gauge_what_was_set_last_stays_unless_the_clock_went_back() {
    let (database, clock) = (Database::default(), Arc::new(ManualClock::new()));
    clock.advance(Duration::from_secs(1_000));
    database.state().clock = Some(clock.clone());
    let mut options = Options::default();
    options.clock = clock.clone();
    let registry = Registry::new(database.open(options));
    let gauge = registry.gauge("g", "help").register().unwrap();
    let put = |at: f64| {
        let mut state = database.state();
        let row = state.rows.values_mut().find(|row| row.key.family == "g");
        let row = row.expect("the gauge's");
        (row.at, row.value) = (at, Datum::Float(7.0));
    };
    gauge.set(1);
    registry.flush_blocking().unwrap();
    gauge.set(2);
    database.state().fail_every = Some((1, false));
    registry.flush_blocking().unwrap_err();
    database.state().fail_every = None;
    clock.advance(Duration::from_secs(10));
    // Somebody else, since.
    put(1_005.0);
    assert_eq!(registry.value("g", []).unwrap(), Some(7.0));
    put(2_000.0);
    gauge.set(3);
    assert_eq!(registry.value("g", []).unwrap(), Some(3.0));
}

#[test]
fn rows_that_make_no_sense_do_no_harm() {
    let database = Database::default();
    let registry = database.registry();
    let counter = registry.counter("c_total", "help").register().unwrap();
    counter.inc_by(3);
    registry.flush_blocking().unwrap();
    let keys: Vec<Key> = database.state().rows.keys().cloned().collect();
    assert!(keys.len() > 4, "{keys:?}");
    let data = [
        Datum::Int(-1),
        Datum::Float(f64::NAN),
        Datum::Float(-1e300),
        Datum::Bytes(Vec::new()),
        Datum::Bytes(vec![0xff; 9]),
    ];
    let odd = [("", -1), ("text", i64::MAX), ("live:", 0), ("live:x", 1), ("+1", 0), ("family", 7)];
    for datum in data {
        for at in [f64::NAN, f64::INFINITY, -1e300, 1e300] {
            for family in ["c_total", "", "other"] {
                for (owner, field) in odd {
                    let (family, labels) = (family.to_owned(), "c_total".to_owned());
                    let key = Key { family, labels, owner: owner.to_owned(), field };
                    let (created, value) = (at, datum.clone());
                    let row = Row { key: key.clone(), name: "x".into(), created, at, value };
                    database.state().rows.insert(key, row);
                }
            }
            let (_, _) = (registry.flush_blocking(), registry.collect_blocking());
        }
        // One after the other of what is there.
        for key in &keys {
            let before = database.state().rows.clone();
            if let Some(row) = database.state().rows.get_mut(key) {
                row.value = datum.clone();
            }
            counter.inc();
            let (_, _) = (registry.flush_blocking(), registry.collect_blocking());
            database.state().rows = before;
        }
    }
    database.state().rows.clear();
    counter.inc();
    registry.flush_blocking().unwrap();
    let all = 3 + 5 * keys.len() as u64 + 1;
    assert_eq!(registry.value("c_total", []).unwrap(), Some(all as f64));
}
