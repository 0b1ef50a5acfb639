//! A store in memory that does what a store is asked to, and what goes wrong with one.

#![allow(dead_code, reason = "each test file uses what it needs")]

use async_trait::async_trait;
use pytheus_core::write_behind::{
    Amount, Batch, Change, Client, ClientId, Contents, Owner, Position, Receipt, Refusal, Store,
};
use pytheus_core::{BackendError, BackendErrorKind};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What a server would hold. Clones are the same one.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<State>>);

#[derive(Clone, Default)]
pub struct State {
    pub incarnation: u64,
    clients: HashMap<(u32, u128), u64>,
    families: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
    series: BTreeMap<(String, String), Row>,
    /// What goes wrong from now on.
    pub trouble: Trouble,
    /// How many batches were applied, and how many changes in them.
    pub applied: usize,
    pub changes: usize,
    pub calls: usize,
    pub forgotten: Vec<ClientId>,
    next_id: HashMap<(u128, u32), (String, String)>,
}

#[derive(Clone, Default)]
struct Row {
    created: Option<SystemTime>,
    numbers: BTreeMap<u16, Amount>,
    owned: BTreeMap<(u128, u16), (String, Amount, bool)>,
    notes: BTreeMap<u16, Vec<u8>>,
}

/// What goes wrong.
#[derive(Clone, Default)]
pub struct Trouble {
    /// It cannot be reached.
    pub is_away: bool,
    /// Replies get lost: every how many calls.
    pub lose_reply_every: Option<usize>,
    /// Requests get lost, likewise.
    pub lose_request_every: Option<usize>,
    /// Series whose labels begin so are refused.
    pub refuse: Option<String>,
}

impl Server {
    pub fn new() -> Self {
        let server = Self::default();
        server.state(|state| state.incarnation = 1);
        server
    }

    pub fn state<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn trouble(&self, change: impl FnOnce(&mut Trouble)) {
        self.state(|state| change(&mut state.trouble));
    }

    /// All is lost.
    pub fn restart_empty(&self) {
        self.state(|state| {
            let (incarnation, trouble) = (state.incarnation + 1, state.trouble.clone());
            *state = State { incarnation, trouble, ..State::default() };
        });
    }

    /// What it holds now, to go back to.
    pub fn snapshot(&self) -> State {
        self.state(|state| state.clone())
    }

    pub fn restore(&self, snapshot: State) {
        self.state(|state| *state = snapshot);
    }

    /// Forgets a client's record, as if it had been silent for too long.
    pub fn forget_records(&self) {
        self.state(|state| state.clients.clear());
    }

    pub fn connect(&self) -> Connection {
        Connection(self.clone())
    }
}

pub struct Connection(Server);

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

    fn apply(&mut self, batch: &Batch<'_>) -> Receipt {
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
            if let Err(refusal) = self.change(batch.client, change) {
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

    fn change(&mut self, client: &Client, change: &Change<'_>) -> Result<(), Refusal> {
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
        // An id means one series only.
        let name = (series.family.to_owned(), series.labels.to_owned());
        let known = self.next_id.entry((client.id.0, series.id)).or_insert_with(|| name.clone());
        assert_eq!(*known, name, "an id means one series");
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
            Change::Set { field, owner: Owner::Everyone, value, .. } => {
                row.numbers.insert(field, value);
            }
            Change::Set { field, owner, value, .. } => {
                let live = owner == Owner::LiveClient;
                row.owned.insert((client.id.0, field), (client.name.clone(), value, live));
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
        self.0.state(|state| {
            let reply_is_lost = state.call()?;
            let receipt = state.apply(batch);
            if reply_is_lost { Err(away()) } else { Ok(receipt) }
        })
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        self.0.state(|state| {
            state.call()?;
            for (family, (identity, details)) in &state.families {
                into.describe(family, identity, details);
            }
            for ((family, labels), row) in &state.series {
                let created = row.created.unwrap_or(SystemTime::UNIX_EPOCH);
                let mut series = into.series(family, labels, created);
                for (field, amount) in &row.numbers {
                    series.number(*field, *amount);
                }
                for ((client, field), (name, value, _)) in &row.owned {
                    series.number_of(ClientId(*client), name, *field, *value, Duration::ZERO);
                }
                for (field, text) in &row.notes {
                    series.note(*field, text);
                }
            }
            Ok(())
        })
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        self.0.state(|state| {
            state.call()?;
            state.forgotten.push(client.id);
            state.clients.retain(|(_, id), _| *id != client.id.0);
            for row in state.series.values_mut() {
                row.owned.retain(|(id, _), (_, _, live)| *id != client.id.0 || !*live);
            }
            Ok(())
        })
    }
}
