//! What is told to the store: shard by shard, so that one that is away keeps nothing from the others.

use super::contents::Contents;
use super::ledger::Limits;
use super::outgoing::Answer;
use super::receipts::{MOST_SILENCE, Next};
use super::shared::Shared;
use super::store::{Batch, Client, Position, Store};
use crate::{BackendError, BackendErrorKind};
use std::time::Duration;

/// How many batches go to a shard at once.
const PIPELINE: usize = 32;

/// How one flush goes with the shards of the store. Those that failed [are away](Shard::is_away) until
/// the next one.
pub(super) struct Tally<'a> {
    /// In which order they are tried.
    order: &'a mut Vec<usize>,
    /// Which have answered.
    pub(super) works: Vec<bool>,
    /// Which were tried and failed.
    failed: Vec<bool>,
    pub(super) failure: Option<BackendError>,
    /// How long it took those to fail.
    took: Duration,
}

impl<'a> Tally<'a> {
    pub(super) fn new(shared: &Shared, order: &'a mut Vec<usize>) -> Self {
        let mut ledger = shared.ledger.lock();
        ledger.shards.iter_mut().for_each(|shard| shard.is_away = false);
        let count = ledger.shards.len();
        if order.len() != count {
            *order = (0..count).collect();
        }
        let none = vec![false; count];
        Self { order, works: none.clone(), failed: none, failure: None, took: Duration::ZERO }
    }

    /// Whether to try a shard. If others were waited for in vain for long, one that has not answered yet
    /// has to wait for the next flush, where it comes before them.
    pub(super) fn tries(&self, shared: &Shared, shard: usize) -> bool {
        /// How long a flush waits for shards that fail, and for one more.
        const PATIENCE: Duration = Duration::from_secs(1);

        let mut ledger = shared.ledger.lock();
        let part = &mut ledger.shards[shard];
        part.is_away |= self.took > PATIENCE && !self.works[shard];
        !part.is_away
    }

    /// Notes how it went with a shard.
    pub(super) fn tried<T>(
        &mut self,
        shared: &Shared,
        shard: usize,
        since: Duration,
        result: Result<T, BackendError>,
    ) -> Option<T> {
        match result {
            Ok(done) => {
                self.works[shard] = true;
                Some(done)
            }
            Err(error) => {
                self.works[shard] = false;
                self.failed[shard] = true;
                shared.ledger.lock().shards[shard].is_away = true;
                self.took += shared.now().saturating_sub(since);
                self.note(error);
                None
            }
        }
    }

    pub(super) fn note(&mut self, error: BackendError) {
        self.failure.get_or_insert(error);
    }

    pub(super) fn has_worked(&self) -> bool {
        self.works.contains(&true)
    }

    pub(super) fn is_all_away(&self, shared: &Shared) -> bool {
        shared.ledger.lock().shards.iter().all(|shard| shard.is_away)
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        let failed = &self.failed;
        self.order.sort_by_key(|shard| failed[*shard]);
    }
}

/// Learns which families there are, those of the shards that can be read at least.
pub(super) async fn learn_families<S: Store>(
    store: &mut S,
    shared: &Shared,
) -> Result<(), BackendError> {
    let mut contents = Contents::new();
    let read = store.read_families(&mut contents).await;
    shared.ledger.lock().learn_families(&contents, read.is_ok());
    read
}

/// Sends what is frozen, until all of it is acknowledged or cannot be told.
pub(super) async fn send<S: Store>(
    store: &mut S,
    shared: &Shared,
    limits: &Limits,
    tally: &mut Tally<'_>,
    refusals: &mut Vec<String>,
) -> Next {
    let mut next = Next::GoOn;
    for shard in tally.order.clone() {
        if shared.ledger.lock().is_idle(shard) || !tally.tries(shared, shard) {
            continue;
        }
        let since = shared.now();
        let sent = send_to(store, shared, shard, limits, refusals).await;
        next = next.max(tally.tried(shared, shard, since, sent).unwrap_or(Next::GoOn));
    }
    next
}

async fn send_to<S: Store>(
    store: &mut S,
    shared: &Shared,
    shard: usize,
    limits: &Limits,
    refusals: &mut Vec<String>,
) -> Result<Next, BackendError> {
    let mut last = None;
    loop {
        let (client, position, outgoing) = {
            let now = shared.now();
            let mut ledger = shared.ledger.lock();
            if ledger.is_idle(shard) {
                return Ok(Next::GoOn);
            }
            if ledger.shards[shard].is_uncertain(now, MOST_SILENCE) {
                ledger.renew(shard);
                return Ok(Next::LookAgain);
            }
            let is_known = ledger.shards[shard].position.is_some();
            let outgoing = is_known.then(|| ledger.outgoing(shard, PIPELINE, now));
            let part = &ledger.shards[shard];
            (part.client.clone(), part.position, outgoing)
        };
        let now = shared.now();
        let (Some(position), Some(outgoing)) = (position, outgoing) else {
            let receipt = store.apply(&question(&client, shard)).await?;
            if shared.ledger.lock().learn(shard, &receipt, now) == Next::LookAgain {
                return Ok(Next::LookAgain);
            }
            continue;
        };
        // What an answer changes, so that one that changes nothing is noticed.
        let before = Some((position, outgoing.number(0)));
        if before == last {
            let message =
                format!("shard {shard} neither took batch {:?} nor refused it", outgoing.number(0));
            return Err(BackendError::new(S::NAME, BackendErrorKind::Other, message));
        }
        last = before;
        let mut receipts = Vec::new();
        let sent = outgoing
            .send(&client, shard as u32, position, now, async |batches| {
                store.apply_all(batches, &mut receipts).await
            })
            .await;
        let answer = Answer { sent: &outgoing, receipts: &receipts, now: shared.now() };
        let next = shared.ledger.lock().receive(shard, &answer, limits, refusals);
        if next == Next::LookAgain {
            return Ok(next);
        }
        sent?;
    }
}

/// Renews the lease of what belongs to the client alone, if it is time; whether all of that is there, as
/// far as can be told.
pub(super) async fn refresh<S: Store>(
    store: &mut S,
    shared: &Shared,
    tally: &mut Tally<'_>,
    refreshed: &mut Option<Duration>,
) -> bool {
    let (now, lease) = (shared.now(), shared.options.lease);
    if refreshed.is_some_and(|then| now.saturating_sub(then) < lease / 4) {
        return true;
    }
    // What is lost while nothing changes is noticed here.
    let mut is_there = ask(store, shared, tally, None).await;
    if tally.failure.is_some() && !tally.has_worked() {
        return is_there;
    }
    let mut all = true;
    for client in &clients(shared) {
        match store.refresh(client, lease).await {
            Ok(true) => {}
            Ok(false) => {
                shared.ledger.lock().tell_all_again();
                is_there = false;
            }
            Err(error) => {
                tally.note(error);
                all = false;
            }
        }
    }
    if all {
        *refreshed = Some(now);
    }
    is_there
}

/// Asks all shards where they stand that have not said so after `since`; whether that is where they were
/// known to, as far as can be told.
pub(super) async fn ask<S: Store>(
    store: &mut S,
    shared: &Shared,
    tally: &mut Tally<'_>,
    since: Option<Duration>,
) -> bool {
    let mut is_there = true;
    for shard in tally.order.clone() {
        let client = {
            let ledger = shared.ledger.lock();
            let part = &ledger.shards[shard];
            // Where nothing was told, nothing can be lost.
            if !part.is_renewed && part.position.is_none_or(|position| position.number == 0) {
                continue;
            }
            if since.is_some_and(|since| part.acknowledged > Some(since)) {
                continue;
            }
            part.client.clone()
        };
        if !tally.tries(shared, shard) {
            continue;
        }
        let begun = shared.now();
        let asked = store.apply(&question(&client, shard)).await;
        if let Some(receipt) = tally.tried(shared, shard, begun, asked) {
            let now = shared.now();
            is_there &= shared.ledger.lock().learn(shard, &receipt, now) == Next::GoOn;
        }
    }
    is_there
}

/// A batch that only asks.
fn question(client: &Client, shard: usize) -> Batch<'_> {
    Batch { client, shard: shard as u32, follows: Position::default(), number: 0, changes: &[] }
}

/// Who this process is for the store: one client, or several if some shards were told by others.
pub(super) fn clients(shared: &Shared) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for shard in &shared.ledger.lock().shards {
        if !clients.contains(&shard.client) {
            clients.push(shard.client.clone());
        }
    }
    clients
}
