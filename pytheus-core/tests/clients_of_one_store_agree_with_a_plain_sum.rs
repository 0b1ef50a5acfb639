//! Several clients of one server do random things, and random things happen to the server: when all of
//! them have flushed, its totals are what adding up says.

mod store;

use proptest::prelude::*;
use pytheus_core::write_behind::WriteBehind;
use pytheus_core::{
    Counter, Family, FamilyDesc, Gauge, GaugeMode, Histogram, Info, Labels, ManualClock, Native,
    Registry, StateSet, Stop, Summary, UpDownCounter, Value, Visitor,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Member, Server, State, calm};

const CLIENTS: usize = 3;
const KEYS: [&str; 3] = ["a", "b\n\"", ""];

/// What all clients have together of each key.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Totals {
    hits: f64,
    jobs: f64,
    seen: (f64, f64),
    sizes: (f64, f64),
    /// How often each value was observed natively.
    native: [u64; NATIVES],
}

/// Powers of two apart.
const NATIVES: usize = 12;
const APART: i32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Count(usize, usize, u32),
    Fraction(usize, usize, u32),
    Move(usize, usize, i32),
    Observe(usize, usize, u8),
    Summarise(usize, usize, u8),
    ObserveNatively(usize, usize, usize),
    Set(usize, u8),
    AddToSum(usize, i8),
    State(usize, bool),
    Touch(usize, usize),
    Exemplar(usize, usize),
    Flush(usize),
    Scrape(usize),
    Remove(usize, usize),
    Unregister(usize),
    Idle(usize),
    LoseReplies(u8),
    LoseRequests(u8),
    Away(bool),
    Restart,
    Snapshot,
    Restore,
    Wait(u8),
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..CLIENTS;
    let key = || 0..KEYS.len();
    prop_oneof![
        6 => (who(), key(), 0..1_000_u32).prop_map(|(c, k, n)| Step::Count(c, k, n)),
        4 => (who(), key(), 0..100_u32).prop_map(|(c, k, n)| Step::Fraction(c, k, n)),
        4 => (who(), key(), -50..50_i32).prop_map(|(c, k, n)| Step::Move(c, k, n)),
        4 => (who(), key(), 0..12_u8).prop_map(|(c, k, n)| Step::Observe(c, k, n)),
        3 => (who(), key(), 0..12_u8).prop_map(|(c, k, n)| Step::Summarise(c, k, n)),
        6 => (who(), key(), 0..NATIVES).prop_map(|(c, k, n)| Step::ObserveNatively(c, k, n)),
        3 => (who(), any::<u8>()).prop_map(|(c, n)| Step::Set(c, n)),
        3 => (who(), any::<i8>()).prop_map(|(c, n)| Step::AddToSum(c, n)),
        2 => (who(), any::<bool>()).prop_map(|(c, on)| Step::State(c, on)),
        2 => (who(), key()).prop_map(|(c, k)| Step::Touch(c, k)),
        2 => (who(), key()).prop_map(|(c, k)| Step::Exemplar(c, k)),
        8 => who().prop_map(Step::Flush),
        3 => who().prop_map(Step::Scrape),
        1 => (who(), key()).prop_map(|(c, k)| Step::Remove(c, k)),
        1 => who().prop_map(Step::Unregister),
        2 => who().prop_map(Step::Idle),
        2 => (2..9_u8).prop_map(Step::LoseReplies),
        2 => (2..9_u8).prop_map(Step::LoseRequests),
        2 => any::<bool>().prop_map(Step::Away),
        1 => Just(Step::Restart),
        2 => Just(Step::Snapshot),
        1 => Just(Step::Restore),
        2 => (0..12_u8).prop_map(Step::Wait),
        1 => who().prop_map(Step::Close),
    ]
}

/// A client, and what it told that nobody has removed since.
struct Client {
    backend: WriteBehind,
    registry: Registry,
    hits: Family<Counter, 1>,
    idle: Family<Counter, 1>,
    jobs: Family<UpDownCounter, 1>,
    seen: Family<Histogram, 1>,
    sizes: Family<Summary, 1>,
    native: Family<Histogram, 1>,
    set: Gauge,
    sum: Gauge,
    states: StateSet,
    mine: [Totals; KEYS.len()],
    idle_mine: f64,
    sum_mine: Option<f64>,
}

fn passing(registry: &Registry) -> Counter {
    registry.counter("passing_total", "d").register().unwrap()
}

impl Client {
    fn new(server: &Server, clock: &Arc<ManualClock>, n: usize) -> Self {
        let mut options = calm(clock);
        options.batch = 4;
        options.client_name = n.to_string();
        let backend = Member::with(server, options).backend;
        let registry = Registry::builder(backend.clone()).clock(clock.clone()).build().unwrap();
        let named = ["n"];
        let info: Family<Info, 1> =
            registry.info("build_info", "d").label_names(["v"]).register().unwrap();
        info.with(["1"]);
        Self {
            hits: registry.counter("hits_total", "d").label_names(named).register().unwrap(),
            idle: registry
                .counter("idle_total", "d")
                .label_names(named)
                .expire_idle(Duration::from_secs(1))
                .register()
                .unwrap(),
            jobs: registry.up_down_counter("jobs", "d").label_names(named).register().unwrap(),
            seen: registry
                .histogram("seen", "d")
                .label_names(named)
                .buckets([1.0, 2.0])
                .register()
                .unwrap(),
            sizes: registry.summary("sizes", "d").label_names(named).register().unwrap(),
            native: registry
                .histogram("native", "d")
                .label_names(named)
                .native(Native::default().schema(2).max_buckets(8))
                .register()
                .unwrap(),
            set: registry.gauge("set", "d").register().unwrap(),
            sum: registry.gauge("sum", "d").mode(GaugeMode::LiveSum).register().unwrap(),
            states: registry.state_set("states", "d").states(["x", "y"]).register().unwrap(),
            mine: [Totals::default(); KEYS.len()],
            idle_mine: 0.0,
            sum_mine: None,
            registry,
            backend,
        }
    }
}

/// What happened, to tell what can be expected.
struct World {
    clock: Arc<ManualClock>,
    server: Server,
    clients: Vec<Client>,
    /// What clients told that are closed.
    closed: [Totals; KEYS.len()],
    closed_idle: f64,
    snapshot: Option<(State, Duration)>,
    now: Duration,
    last_set: Option<f64>,
    last_states: Option<bool>,
    /// The store lost what nobody can tell again: of clients that are gone, of series that expired.
    is_less: bool,
    /// A series was removed or a store went back behind that, so nobody can say what is there.
    is_vague: [bool; KEYS.len()],
    may_lose_expired: bool,
    passing: bool,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.advance(Duration::from_secs(1_000));
        let server = Server::on(clock.clone());
        let clients = (0..CLIENTS).map(|n| Client::new(&server, &clock, n)).collect();
        Self {
            clients,
            clock,
            server,
            closed: Default::default(),
            closed_idle: 0.0,
            snapshot: None,
            now: Duration::from_secs(1_000),
            last_set: None,
            last_states: None,
            is_less: false,
            is_vague: [false; KEYS.len()],
            may_lose_expired: false,
            passing: false,
        }
    }

    fn wait(&mut self, by: Duration) {
        self.clock.advance(by);
        self.now += by;
    }

    fn calm_down(&self) {
        self.server.trouble(|trouble| *trouble = Default::default());
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Count(c, k, n) => {
                self.clients[c].hits.with([KEYS[k]]).inc_by(n);
                self.clients[c].mine[k].hits += f64::from(n);
            }
            Step::Fraction(c, k, n) => {
                self.clients[c].hits.with([KEYS[k]]).inc_by(f64::from(n) / 4.0);
                self.clients[c].mine[k].hits += f64::from(n) / 4.0;
            }
            Step::Move(c, k, n) => {
                self.clients[c].jobs.with([KEYS[k]]).add(n);
                self.clients[c].jobs.with([KEYS[k]]).add(f64::from(n) / 2.0);
                self.clients[c].mine[k].jobs += 1.5 * f64::from(n);
            }
            Step::Observe(c, k, n) => {
                let value = f64::from(n) / 4.0;
                self.clients[c].seen.with([KEYS[k]]).observe(value);
                let seen = &mut self.clients[c].mine[k].seen;
                *seen = (seen.0 + 1.0, seen.1 + value);
            }
            Step::Summarise(c, k, n) => {
                let value = f64::from(n) / 4.0;
                self.clients[c].sizes.with([KEYS[k]]).observe(value);
                let sizes = &mut self.clients[c].mine[k].sizes;
                *sizes = (sizes.0 + 1.0, sizes.1 + value);
            }
            Step::ObserveNatively(c, k, n) => {
                self.clients[c].native.with([KEYS[k]]).observe(2_f64.powi(APART * n as i32));
                self.clients[c].mine[k].native[n] += 1;
            }
            Step::Set(c, n) => {
                // One at a time, so that there is one that was set last; and told while it is known.
                self.wait(Duration::from_millis(10));
                self.clients[c].set.set(n);
                let _ = self.clients[c].registry.flush_blocking();
                self.last_set = Some(f64::from(n));
            }
            Step::AddToSum(c, n) => {
                self.clients[c].sum.add(n);
                *self.clients[c].sum_mine.get_or_insert(0.0) += f64::from(n);
            }
            Step::State(c, on) => {
                self.wait(Duration::from_millis(10));
                self.clients[c].states.only(if on { "y" } else { "x" }).unwrap();
                let _ = self.clients[c].registry.flush_blocking();
                self.last_states = Some(on);
            }
            Step::Touch(c, k) => drop(self.clients[c].hits.with([KEYS[k]])),
            Step::Exemplar(c, k) => {
                let hits = self.clients[c].hits.with([KEYS[k]]);
                let _ = hits.inc_with_exemplar(1, [("trace", "1")]);
                self.clients[c].mine[k].hits += 1.0;
            }
            Step::Flush(c) => drop(self.clients[c].registry.flush_blocking()),
            Step::Scrape(c) => drop(self.clients[c].registry.collect_blocking()),
            Step::Remove(c, k) => {
                self.clients[c].hits.remove([KEYS[k]]);
                self.is_vague[k] = true;
            }
            Step::Unregister(c) => {
                passing(&self.clients[c].registry).inc();
                if self.passing {
                    let _ = self.clients[c].registry.flush_blocking();
                    self.clients[c].registry.unregister("passing_total");
                }
                self.passing = !self.passing;
            }
            Step::Idle(c) => {
                self.clients[c].idle.with(["i"]).inc();
                self.clients[c].idle_mine += 1.0;
                let _ = self.clients[c].registry.collect_blocking();
                self.wait(Duration::from_secs(1));
                let _ = self.clients[c].registry.collect_blocking();
            }
            Step::LoseReplies(n) => {
                self.server.trouble(|t| t.lose_reply_every = Some(n.into()));
            }
            Step::LoseRequests(n) => {
                self.server.trouble(|t| t.lose_request_every = Some(n.into()));
            }
            Step::Away(is_away) => self.server.trouble(|t| t.is_away = is_away),
            Step::Restart => {
                self.server.restart_empty();
                self.lose();
                // Of a life that is over: to go back to it would be a gap.
                self.snapshot = None;
            }
            Step::Snapshot => self.snapshot = Some((self.server.snapshot(), self.now)),
            Step::Restore => {
                // One in the window; what is older is tested elsewhere.
                let Some((state, at)) = self.snapshot.take() else { return };
                if self.now - at < Duration::from_secs(40) {
                    self.server.restore(state);
                    self.lose();
                    self.notice();
                }
            }
            Step::Wait(seconds) => self.wait(Duration::from_secs(seconds.into())),
            Step::Close(c) => {
                self.calm_down();
                self.notice();
                let new = Client::new(&self.server, &self.clock, c);
                let old = std::mem::replace(&mut self.clients[c], new);
                old.registry.close_blocking().expect("the server answers");
                for (closed, mine) in self.closed.iter_mut().zip(old.mine) {
                    closed.add(mine);
                }
                self.closed_idle += old.idle_mine;
                // What a snapshot lacks of it, it cannot tell again.
                self.snapshot = None;
                self.may_lose_expired = true;
            }
        }
    }

    /// The store has lost something that those who are gone told.
    fn lose(&mut self) {
        self.is_less |= self.closed.iter().any(|closed| *closed != Totals::default());
        self.may_lose_expired = true;
    }

    /// All flush, also those in which nothing changes.
    fn notice(&mut self) {
        self.calm_down();
        self.wait(Duration::from_secs(15));
        for client in &self.clients {
            client.registry.flush_blocking().expect("the server answers");
        }
    }

    fn check(&mut self) {
        self.notice();
        let one = &self.clients[0];
        let value = |name: &str, labels: &[(&str, &str)]| {
            let labels = labels.iter().copied();
            one.registry.value(name, labels).expect("the server answers").unwrap_or_default()
        };
        let mut natives = Natives::default();
        let _ = one.registry.collect_blocking().expect("the server answers").visit(&mut natives);
        for (k, key) in KEYS.iter().enumerate() {
            let n = [("n", *key)];
            let told = Totals {
                hits: value("hits_total", &n),
                jobs: value("jobs", &n),
                seen: (value("seen_count", &n), value("seen_sum", &n)),
                sizes: (value("sizes_count", &n), value("sizes_sum", &n)),
                native: [0; NATIVES],
            };
            let mut truth = self.closed[k];
            self.clients.iter().for_each(|client| truth.add(client.mine[k]));
            let observed = std::mem::take(&mut truth.native);
            let is_exact = !self.is_vague[k] && !self.is_less;
            natives.check(key, &observed, is_exact);
            if !is_exact {
                assert!(told.hits <= truth.hits, "{told:?} of {truth:?} for {key:?}");
                assert!(told.seen.0 <= truth.seen.0, "{told:?} of {truth:?} for {key:?}");
            } else {
                assert_eq!(told, truth, "for {key:?}");
            }
        }
        let idle: f64 = self.clients.iter().map(|client| client.idle_mine).sum();
        let idle = idle + self.closed_idle;
        let told = value("idle_total", &[("n", "i")]);
        assert!(told == idle || told <= idle && self.may_lose_expired, "{told} of {idle} idle");
        if let Some(last) = self.last_set.filter(|_| !self.is_less && !self.may_lose_expired) {
            assert_eq!(value("set", &[]), last);
        }
        if let Some(on) = self.last_states.filter(|_| !self.may_lose_expired) {
            assert_eq!(value("states", &[("states", "y")]), f64::from(u8::from(on)));
        }
        let sum: f64 = self.clients.iter().filter_map(|client| client.sum_mine).sum();
        assert_eq!(value("sum", &[]), sum);
        assert_eq!(value("build_info", &[("v", "1")]), 1.0);
        assert!(self.clients.iter().all(|client| client.backend.status().unacknowledged == 0));
        assert!(self.clients.iter().all(|client| client.backend.status().gaps == 0));
    }
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.jobs += other.jobs;
        self.seen = (self.seen.0 + other.seen.0, self.seen.1 + other.seen.1);
        self.sizes = (self.sizes.0 + other.sizes.0, self.sizes.1 + other.sizes.1);
        self.native.iter_mut().zip(other.native).for_each(|(n, other)| *n += other);
    }
}

/// The native histograms of a page: schema and buckets, by key.
#[derive(Default)]
struct Natives(BTreeMap<String, (i8, BTreeMap<i32, u64>)>);

impl Natives {
    /// Whether it is what was observed, or, if that cannot be said, no more.
    fn check(&self, key: &str, observed: &[u64; NATIVES], is_exact: bool) {
        let none = (2, BTreeMap::new());
        let (schema, shown) = self.0.get(key).unwrap_or(&none);
        let mut truth = BTreeMap::new();
        for (n, count) in (0..).zip(observed).filter(|(_, count)| **count > 0) {
            let power: i32 = APART * n;
            let wide = 1 << -schema.min(&0);
            let narrow = 1 << schema.max(&0);
            *truth.entry((power + wide - 1).div_euclid(wide) * narrow).or_insert(0) += count;
        }
        if is_exact {
            assert_eq!(*shown, truth, "at {schema} for {key:?}");
            assert!(shown.len() <= 8);
        }
        let (shown, truth): (u64, u64) = (shown.values().sum(), truth.values().sum());
        assert!(shown <= truth, "{shown} of {truth} for {key:?}");
    }
}

impl Visitor for Natives {
    fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if let Value::NativeHistogram { schema, positive, .. } = *value {
            let key = labels.get("n").expect("a key").into_owned();
            self.0.insert(key, (schema, positive.iter().copied().collect()));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn clients_of_one_store_agree_with_a_plain_sum(
        steps in prop::collection::vec(prop::collection::vec(step(), 1..25), 1..4),
    ) {
        let mut world = World::new();
        for steps in &steps {
            steps.iter().for_each(|step| world.step(step));
            world.check();
        }
    }
}
