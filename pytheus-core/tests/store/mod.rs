//! A store in memory that does what a store is asked to, and what goes wrong with one.

#![allow(dead_code, reason = "each test file uses what it needs")]

use async_trait::async_trait;
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{
    Amount, Batch, Change, Client, ClientId, Contents, Options, Owner, Position, RARE, Receipt,
    Refusal, Store, WriteBehind,
};
use pytheus_core::{BackendError, BackendErrorKind, Clock, ManualClock, Registry, SystemClock};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What a server would hold. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    /// Held by those who want calls to wait.
    gate: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) incarnation: u64,
    clients: HashMap<(u32, u128), u64>,
    families: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
    series: BTreeMap<(String, String), Row>,
    /// What goes wrong from now on.
    pub(crate) trouble: Trouble,
    /// How many batches were applied, and how many changes in them.
    pub(crate) applied: usize,
    pub(crate) changes: usize,
    pub(crate) calls: usize,
    pub(crate) forgotten: Vec<ClientId>,
    /// The greatest id of a series that came.
    pub(crate) greatest_id: u32,
}

#[derive(Clone, Default)]
struct Row {
    created: Option<SystemTime>,
    numbers: BTreeMap<u32, Amount>,
    /// When a number was set last.
    set_at: BTreeMap<u32, Duration>,
    owned: BTreeMap<(u128, u32), Owned>,
    notes: BTreeMap<u32, Vec<u8>>,
}

#[derive(Clone)]
struct Owned {
    name: String,
    value: Amount,
    at: Duration,
    is_live: bool,
}

/// What goes wrong.
#[derive(Clone, Default)]
pub(crate) struct Trouble {
    /// It cannot be reached.
    pub(crate) is_away: bool,
    /// Replies get lost: every how many calls.
    pub(crate) lose_reply_every: Option<usize>,
    /// Requests get lost, likewise.
    pub(crate) lose_request_every: Option<usize>,
    /// Series whose labels begin so are refused.
    pub(crate) refuse: Option<String>,
    /// What the next call panics with.
    pub(crate) panic: Option<&'static str>,
    /// The next renewal of a lease finds that what belonged to clients has expired.
    pub(crate) has_expired: bool,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(SystemClock::new()))
    }

    /// One that tells the time by this clock.
    pub(crate) fn on(clock: Arc<dyn Clock>) -> Self {
        let state = State { incarnation: 1, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), clock, gate: Arc::default() }
    }

    /// Has all calls wait until what this returns is dropped.
    pub(crate) fn hang(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn trouble(&self, change: impl FnOnce(&mut Trouble)) {
        self.state(|state| change(&mut state.trouble));
    }

    /// All is lost.
    pub(crate) fn restart_empty(&self) {
        self.state(|state| {
            // Also after an earlier life was restored, this is one that never was.
            static LIVES: AtomicU64 = AtomicU64::new(2);
            let incarnation = LIVES.fetch_add(1, Ordering::Relaxed);
            let trouble = state.trouble.clone();
            *state = State { incarnation, trouble, ..State::default() };
        });
    }

    /// What it holds now, to go back to.
    pub(crate) fn snapshot(&self) -> State {
        self.state(|state| state.clone())
    }

    pub(crate) fn restore(&self, snapshot: State) {
        self.state(|state| {
            let (calls, trouble) = (state.calls, state.trouble.clone());
            *state = State { calls, trouble, ..snapshot };
        });
    }

    /// A number that it holds, 0 if it does not.
    pub(crate) fn number(&self, family: &str, labels: &str, field: u32) -> f64 {
        self.state(|state| {
            let row = state.series.get(&(family.to_owned(), labels.to_owned()));
            row.and_then(|row| row.numbers.get(&field)).map_or(0.0, |amount| amount.as_f64())
        })
    }

    /// A counter: its whole part and its fractions.
    pub(crate) fn count(&self, family: &str, labels: &str) -> f64 {
        self.number(family, labels, 0) + self.number(family, labels, RARE)
    }

    pub(crate) fn has(&self, family: &str, labels: &str) -> bool {
        self.state(|state| state.series.contains_key(&(family.to_owned(), labels.to_owned())))
    }

    /// Forgets a client's record, as if it had been silent for too long.
    pub(crate) fn forget_records(&self) {
        self.state(|state| {
            state.clients.clear();
            for row in state.series.values_mut() {
                row.owned.retain(|_, owned| !owned.is_live);
            }
        });
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection { server: self.clone(), ids: HashMap::new() }
    }

    fn call<R>(&self, f: impl FnOnce(&mut State, bool) -> R) -> Result<R, BackendError> {
        drop(self.hang());
        let panic = self.state(|state| state.trouble.panic.take());
        if let Some(message) = panic {
            panic!("{message}");
        }
        self.state(|state| {
            let reply_is_lost = state.call()?;
            let answer = f(state, reply_is_lost);
            if reply_is_lost { Err(away()) } else { Ok(answer) }
        })
    }
}

pub(crate) struct Connection {
    server: Server,
    /// Which series the ids mean that came.
    ids: HashMap<u32, (String, String)>,
}

fn away() -> BackendError {
    BackendError::new("memory", BackendErrorKind::Unavailable, "the server is away")
}

impl State {
    fn call(&mut self) -> Result<bool, BackendError> {
        self.calls += 1;
        let every = |n: Option<usize>| n.is_some_and(|n| self.calls.is_multiple_of(n));
        if self.trouble.is_away || every(self.trouble.lose_request_every) {
            return Err(away());
        }
        Ok(every(self.trouble.lose_reply_every))
    }

    fn apply(&mut self, batch: &Batch<'_>, now: Duration) -> Receipt {
        let key = (batch.shard, batch.client.id.0);
        let number = self.clients.get(&key).copied().unwrap_or(0);
        let holds = Position { incarnation: self.incarnation, number };
        if holds != batch.follows {
            return Receipt::new(holds);
        }
        let families = self.families.clone();
        let mut series = Vec::new();
        let mut receipt = Receipt::new(holds);
        for (index, change) in batch.changes.iter().enumerate() {
            if let Some(one) = change.series() {
                let name = (one.family.to_owned(), one.labels.to_owned());
                series.push((name.clone(), self.series.get(&name).cloned()));
            } else {
                let all = self.series.iter().filter(|((family, _), _)| family == change.family());
                series.extend(all.map(|(name, row)| (name.clone(), Some(row.clone()))));
            }
            if let Err(refusal) = self.change(batch.client, change, now) {
                receipt.refused.push((index, refusal));
            }
        }
        if receipt.refused.is_empty() {
            self.clients.insert(key, batch.number);
            receipt.holds.number = batch.number;
            self.applied += 1;
            self.changes += batch.changes.len();
        } else {
            self.families = families;
            for (name, row) in series.into_iter().rev() {
                match row {
                    Some(row) => self.series.insert(name, row),
                    None => self.series.remove(&name),
                };
            }
        }
        receipt
    }

    fn change(
        &mut self,
        client: &Client,
        change: &Change<'_>,
        now: Duration,
    ) -> Result<(), Refusal> {
        match *change {
            Change::Describe { family, identity, details, replace } => {
                if let Some((there, _)) = self.families.get(family)
                    && there != identity
                {
                    if !replace {
                        return Err(Refusal::Conflict { identity: there.clone() });
                    }
                    self.series.retain(|(of, _), _| of != family);
                }
                self.families.insert(family.into(), (identity.into(), details.into()));
                return Ok(());
            }
            Change::Drop { family } => {
                self.families.remove(family);
                self.series.retain(|(of, _), _| of != family);
                return Ok(());
            }
            _ => {}
        }
        let Some(series) = change.series() else { return Ok(()) };
        if let Change::Remove { .. } = change {
            self.series.remove(&(series.family.into(), series.labels.into()));
            return Ok(());
        }
        if self.families.get(series.family).is_none_or(|(there, _)| there != series.identity) {
            return Err(Refusal::NotDescribed);
        }
        if self.trouble.refuse.as_ref().is_some_and(|r| series.labels.starts_with(r.as_str())) {
            return Err(Refusal::Other("it is not liked".into()));
        }
        let name = (series.family.to_owned(), series.labels.to_owned());
        self.greatest_id = self.greatest_id.max(series.id);
        let row = self.series.entry(name).or_default();
        row.created.get_or_insert(series.created);
        match *change {
            Change::Add { field, amount, .. } => {
                assert!(amount.as_f64().is_finite(), "only finite numbers are added up");
                let sum = row.numbers.entry(field).or_insert(match amount {
                    Amount::Int(_) => Amount::Int(0),
                    Amount::Float(_) => Amount::Float(0.0),
                });
                *sum = match (*sum, amount) {
                    (Amount::Int(a), Amount::Int(b)) => match a.checked_add(b) {
                        Some(sum) => Amount::Int(sum),
                        None => return Err(Refusal::Other("it would overflow".into())),
                    },
                    (Amount::Float(a), Amount::Float(b)) => Amount::Float(a + b),
                    (a, b) => panic!("{a:?} and {b:?} in field {field}"),
                };
            }
            Change::Set { field, owner: Owner::Everyone, value, age, .. } => {
                let at = now.saturating_sub(age);
                let last = row.set_at.entry(field).or_default();
                if at >= *last {
                    *last = at;
                    row.numbers.insert(field, value);
                }
            }
            Change::Set { field, owner, value, age, .. } => {
                let (is_live, at) = (owner == Owner::LiveClient, now.saturating_sub(age));
                let owned = Owned { name: client.name.clone(), value, at, is_live };
                row.owned.insert((client.id.0, field), owned);
            }
            Change::Note { field, text, .. } => {
                row.notes.insert(field, text.into());
            }
            _ => {}
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Connection {
    const NAME: &'static str = "memory";

    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
        let mut seen = HashSet::new();
        let mut last = None;
        for series in batch.changes.iter().filter_map(Change::series) {
            let name = (series.family.to_owned(), series.labels.to_owned());
            let known = self.ids.entry(series.id).or_insert_with(|| name.clone());
            assert_eq!(*known, name, "an id means one series");
            if last.as_ref() != Some(&name) {
                assert!(seen.insert(name.clone()), "changes of {name:?} do not stand together");
                last = Some(name);
            }
        }
        let now = self.server.clock.elapsed();
        self.server.call(|state, _| state.apply(batch, now))
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        let now = self.server.clock.elapsed();
        self.server.call(|state, _| {
            for (family, (identity, details)) in &state.families {
                into.describe(family, identity, details);
            }
            for ((family, labels), row) in &state.series {
                let created = row.created.unwrap_or(SystemTime::UNIX_EPOCH);
                let mut series = into.series(family, labels, created);
                for (field, amount) in &row.numbers {
                    series.number(*field, *amount);
                }
                for ((client, field), Owned { name, value, at, .. }) in &row.owned {
                    let age = now.saturating_sub(*at);
                    series.number_of(ClientId(*client), name, *field, *value, age);
                }
                for (field, text) in &row.notes {
                    series.note(*field, text);
                }
            }
        })
    }

    async fn refresh(&mut self, client: &Client, _: Duration) -> Result<bool, BackendError> {
        self.server.call(|state, _| {
            if !std::mem::take(&mut state.trouble.has_expired) {
                return true;
            }
            for row in state.series.values_mut() {
                row.owned.retain(|(id, _), owned| *id != client.id.0 || !owned.is_live);
            }
            false
        })
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        self.server.call(|state, _| {
            state.forgotten.push(client.id);
            state.clients.retain(|(_, id), _| *id != client.id.0);
            for row in state.series.values_mut() {
                row.owned.retain(|(id, _), owned| *id != client.id.0 || !owned.is_live);
            }
        })
    }
}

/// A process that writes to a server.
pub(crate) struct Member {
    pub(crate) backend: WriteBehind,
    pub(crate) registry: Registry,
}

impl Member {
    pub(crate) fn new(server: &Server) -> Self {
        Self::with(server, Options::default())
    }

    /// One whose flusher does nothing by itself, because this clock stands still.
    pub(crate) fn on(server: &Server, clock: &Arc<ManualClock>) -> Self {
        Self::with(server, calm(clock))
    }

    pub(crate) fn with(server: &Server, options: Options) -> Self {
        let server = server.clone();
        let engine = Engine::private().expect("memory");
        let backend = WriteBehind::start(engine, move || Ok(server.connect()), options);
        let backend = backend.expect("the server answers");
        let registry = Registry::builder(backend.clone());
        Self { registry: registry.build().expect("a registry"), backend }
    }

    pub(crate) fn flush(&self) -> Result<(), BackendError> {
        self.registry.flush_blocking()
    }

    /// Flushes until it works: with replies that get lost, say.
    pub(crate) fn insist(&self) {
        until("a flush that works", || self.flush().is_ok());
    }

    pub(crate) fn value<const N: usize>(
        &self,
        name: &str,
        labels: [(&str, &str); N],
    ) -> Option<f64> {
        self.registry.value(name, labels).expect("the server answers")
    }
}

/// Options by which a flusher looks at a clock that stands still.
pub(crate) fn calm(clock: &Arc<ManualClock>) -> Options {
    let mut options = Options::default();
    options.clock = clock.clone();
    options
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "not in a minute: {what}");
        std::thread::yield_now();
    }
}
