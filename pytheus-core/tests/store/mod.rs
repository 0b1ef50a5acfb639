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
    /// What happens while the next call is under way.
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
    /// What happens when somebody looks next in which part a family is.
    at_look: Arc<Mutex<Option<Meanwhile>>>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

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
    /// In how many parts it keeps what it holds, if more than one.
    pub(crate) shards: u32,
    /// Until when what belongs to a live client is kept in a shard.
    leases: HashMap<(u32, u128), Duration>,
    /// The series that were removed, and through which connection.
    removed: Vec<((String, String), u64)>,
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
    /// These parts of it cannot be reached.
    pub(crate) away: Vec<u32>,
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
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
            gate: Arc::default(),
            meanwhile: Arc::default(),
            at_look: Arc::default(),
        }
    }

    /// One in so many parts: a family is in the part that the bytes of its name add up to.
    pub(crate) fn in_shards(self, shards: u32) -> Self {
        self.state(|state| state.shards = shards);
        self
    }

    /// Has all calls wait until what this returns is dropped.
    pub(crate) fn hang(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has this happen while the next call is under way.
    pub(crate) fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        let happens: Meanwhile = Box::new(happens);
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(happens);
    }

    /// Has this happen when it is looked next in which part a family is.
    pub(crate) fn at_look(&self, happens: impl FnOnce() + Send + 'static) {
        let happens: Meanwhile = Box::new(happens);
        *self.at_look.lock().unwrap_or_else(PoisonError::into_inner) = Some(happens);
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
            let (trouble, shards) = (state.trouble.clone(), state.shards);
            *state = State { incarnation, trouble, shards, ..State::default() };
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
            state.leases.clear();
            for row in state.series.values_mut() {
                row.owned.retain(|_, owned| !owned.is_live);
            }
        });
    }

    pub(crate) fn connect(&self) -> Connection {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        let (life, known) = self.state(|state| (state.incarnation, state.removed.len()));
        let shards = self.state(|state| state.shards.max(1));
        Connection {
            shards,
            server: self.clone(),
            number: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            seen: (life, known),
            ids: HashMap::new(),
            lease: Duration::from_secs(60),
            live: HashMap::new(),
        }
    }

    fn call<R>(
        &self,
        shards: u32,
        f: impl FnOnce(&mut State, bool) -> Result<R, BackendError>,
    ) -> Result<R, BackendError> {
        drop(self.hang());
        let happens = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(happens) = happens {
            happens();
        }
        let panic = self.state(|state| state.trouble.panic.take());
        if let Some(message) = panic {
            panic!("{message}");
        }
        self.state(|state| {
            let reply_is_lost = state.call()?;
            if shards != state.shards.max(1) {
                let message = "it is in another number of parts";
                return Err(BackendError::new("memory", BackendErrorKind::Conflict, message));
            }
            let answer = f(state, reply_is_lost);
            if reply_is_lost { Err(away()) } else { answer }
        })
    }
}

pub(crate) struct Connection {
    server: Server,
    shards: u32,
    number: u64,
    /// How much is known of what was removed in which life of the server.
    seen: (u64, usize),
    /// Which series the ids mean that came.
    ids: HashMap<u32, (String, String)>,
    lease: Duration,
    /// The clients that set something that vanishes with them, and whether it did.
    live: HashMap<(u32, u128), bool>,
}

/// In which part a family is.
fn shard_of(family: &str, shards: u32) -> u32 {
    family.bytes().map(u32::from).sum::<u32>() % shards
}

fn away() -> BackendError {
    BackendError::new("memory", BackendErrorKind::Unavailable, "the server is away")
}

impl State {
    /// Drops what belongs to live clients whose leases are over.
    fn expire(&mut self, now: Duration) {
        let over: Vec<_> =
            self.leases.iter().filter(|(_, until)| **until < now).map(|(of, _)| *of).collect();
        over.into_iter().for_each(|(shard, client)| self.drop_live(shard, client));
    }

    fn drop_live(&mut self, shard: u32, client: u128) {
        self.leases.remove(&(shard, client));
        let shards = self.shards.max(1);
        for ((family, _), row) in &mut self.series {
            if shard_of(family, shards) == shard {
                row.owned.retain(|(id, _), owned| *id != client || !owned.is_live);
            }
        }
    }

    fn reach(&self, shard: u32) -> Result<(), BackendError> {
        if self.trouble.away.contains(&shard) { Err(away()) } else { Ok(()) }
    }

    fn reach_all(&self) -> Result<(), BackendError> {
        (0..self.shards.max(1)).try_for_each(|shard| self.reach(shard))
    }

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

    fn shards(&self) -> u32 {
        self.shards
    }

    async fn is_outdated(&mut self) -> bool {
        self.server.state(|state| state.shards.max(1) != self.shards)
    }

    fn shard(&self, family: &str) -> u32 {
        let happens = self.server.at_look.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(happens) = happens {
            happens();
        }
        shard_of(family, self.shards)
    }

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
        let sets_live =
            |change: &Change<'_>| matches!(change, Change::Set { owner: Owner::LiveClient, .. });
        let id = (batch.shard, batch.client.id.0);
        let knows_live = self.live.contains_key(&id);
        if batch.changes.iter().any(sets_live) {
            self.live.entry(id).or_default();
        }
        let Self { server, shards, live, lease, ids, number, seen } = self;
        let (receipt, now_seen) = server.call(*shards, |state, _| {
            state.reach(batch.shard)?;
            state.expire(now);
            let known = if seen.0 == state.incarnation { seen.1 } else { 0 };
            let news = &state.removed[known.min(state.removed.len())..];
            let news = news.iter().filter(|(_, by)| by != number);
            let gone: HashSet<_> = news.map(|(name, _)| name).collect();
            let removed = match gone.is_empty() {
                true => Vec::new(),
                false => {
                    ids.iter().filter(|(_, name)| gone.contains(name)).map(|(id, _)| *id).collect()
                }
            };
            let mut receipt = state.apply(batch, now);
            receipt.removed = removed;
            if receipt.holds == (Position { number: batch.number, ..batch.follows }) {
                let gone = batch.changes.iter().filter_map(|change| match change {
                    Change::Remove { series } => Some((series.family, series.labels)),
                    _ => None,
                });
                let gone = gone.map(|(family, labels)| (family.to_owned(), labels.to_owned()));
                state.removed.extend(gone.map(|name| (name, *number)));
            }
            let seen = (state.incarnation, state.removed.len());
            if receipt.holds.number == batch.number && live.contains_key(&id) {
                let is_there = state.leases.contains_key(&id);
                *live.entry(id).or_default() |= knows_live && !is_there;
                state.leases.insert(id, now + *lease);
            }
            Ok((receipt, seen))
        })?;
        self.seen = now_seen;
        Ok(receipt)
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        let now = self.server.clock.elapsed();
        self.server.call(self.shards, |state, _| {
            state.reach_all()?;
            state.expire(now);
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
            Ok(())
        })
    }

    async fn refresh(&mut self, client: &Client, lease: Duration) -> Result<bool, BackendError> {
        let now = self.server.clock.elapsed();
        self.lease = lease;
        let id = client.id.0;
        let Self { server, shards, live, .. } = self;
        server.call(*shards, |state, _| {
            state.expire(now);
            if std::mem::take(&mut state.trouble.has_expired) {
                (0..*shards).for_each(|shard| state.drop_live(shard, id));
                return Ok(false);
            }
            let mut reached = Ok(());
            let mut all = true;
            for shard in 0..*shards {
                // Of what others set through another connection it knows nothing.
                let Some(was_lost) = live.get(&(shard, id)).copied() else { continue };
                if let Err(error) = state.reach(shard) {
                    reached = reached.and(Err(error));
                    continue;
                }
                let is_there = state.leases.contains_key(&(shard, id));
                if is_there {
                    live.insert((shard, id), false);
                    state.leases.insert((shard, id), now + lease);
                } else {
                    // What is missing is not missed again.
                    live.remove(&(shard, id));
                }
                all &= is_there && !was_lost;
            }
            // To be told again is more urgent.
            if all { reached.map(|()| true) } else { Ok(false) }
        })
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        let shards = self.shards;
        self.server.call(shards, |state, _| {
            state.forgotten.push(client.id);
            state.clients.retain(|(_, id), _| *id != client.id.0);
            (0..shards).for_each(|shard| state.drop_live(shard, client.id.0));
            Ok(())
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
