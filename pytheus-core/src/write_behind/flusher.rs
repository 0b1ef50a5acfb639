//! The thread that carries what changed to the store.

use super::contents::Contents;
use super::ledger::Limits;
use super::options::Unavailable;
use super::own;
use super::receipts::Next;
use super::shared::{Health, Inbox, Shared};
use super::shown::Shown;
use super::store::{Client, Store};
use super::telling::{Tally, ask, clients, learn_families, refresh, send};
use super::wait::Promise;
use crate::backend::{Collection, block_on};
use crate::{BackendError, BackendErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

/// How many changes are frozen at a time, so that memory does not depend on how much changed.
const WAVE: usize = 1 << 15;
/// How often everything is looked at again in one flush because the store had lost something.
const TURNS: usize = 8;
/// A store that does not answer is tried again after the interval, then after twice as long, and so on
/// up to this.
const MOST_PAUSE: Duration = Duration::from_secs(30);

type Open<S> = dyn Fn() -> Result<S, BackendError> + Send + Sync;

/// Starts a flusher for `shared`, whose first answer goes to `first`, if somebody waits for that.
pub(super) fn spawn<S: Store>(
    shared: &Arc<Shared>,
    open: Arc<Open<S>>,
    first: Option<Promise<Result<(), BackendError>>>,
) -> Result<Thread, BackendError> {
    let weak = Arc::downgrade(shared);
    let builder = thread::Builder::new().name(format!("pytheus-{}", S::NAME));
    let run = move || {
        let client = Client::new("");
        Flusher {
            open,
            store: None,
            was_open: false,
            is_read: false,
            order: Vec::new(),
            is_partly_there: false,
            client,
            due: None,
            refreshed: None,
            pause: None,
        }
        .run(&weak, first);
    };
    let handle = builder.spawn(run).map_err(|error| {
        let message = "no thread can be made to write to the store";
        BackendError::new(S::NAME, BackendErrorKind::Other, message).with_source(error)
    })?;
    Ok(handle.thread().clone())
}

struct Flusher<S> {
    open: Arc<Open<S>>,
    store: Option<S>,
    /// Whether another one was open before it in this process.
    was_open: bool,
    /// Whether it was learned what families there are.
    is_read: bool,
    /// In which order its shards are told: those that could not be last time come last.
    order: Vec<usize>,
    /// Whether some of them could be told when others could not.
    is_partly_there: bool,
    client: Client,
    /// When to flush next.
    due: Option<Duration>,
    /// When the lease of what belongs to the client was renewed last.
    refreshed: Option<Duration>,
    /// How long to wait after a failure.
    pause: Option<Duration>,
}

impl<S: Store> Flusher<S> {
    fn run(mut self, weak: &Weak<Shared>, first: Option<Promise<Result<(), BackendError>>>) {
        let Some(shared) = weak.upgrade() else { return };
        // Also if something panics: nobody is to wait for an answer that does not come.
        let _end = End(weak);
        self.client = Client::new(shared.options.name());
        if let Some(first) = first {
            let opened = self.attempt(|flusher| match flusher.ready(&shared)? {
                Some(error) => Err(error),
                None => Ok(()),
            });
            let is_over = opened.is_err();
            first.keep(opened);
            if is_over {
                return;
            }
        }
        drop(shared);
        loop {
            let Some(shared) = weak.upgrade() else { return };
            let inbox = shared.take_inbox();
            let now = shared.now();
            let is_due = self.due.is_none_or(|due| now >= due);
            if inbox.is_waited_for() || inbox.abandoned.is_some() || is_due {
                let is_last = inbox.abandoned.is_some() || !inbox.close.is_empty();
                self.round(&shared, inbox);
                if is_last {
                    return;
                }
            }
            let due = self.due.unwrap_or_default();
            let left = due.saturating_sub(shared.now());
            drop(shared);
            thread::park_timeout(left);
        }
    }

    /// Flushes, and answers whoever waits.
    fn round(&mut self, shared: &Arc<Shared>, inbox: Inbox) {
        let started = shared.now();
        let is_asked = inbox.is_asked();
        let flushed = self.attempt(|flusher| block_on(flusher.flush(shared, is_asked)));
        // Or else it would do nothing else.
        let interval = shared.options.interval.max(Duration::from_millis(1));
        match &flushed {
            Ok(refusals) => {
                let mut health = shared.health.lock();
                health.caught_up = Some(started);
                health.failure = None;
                health.refusals.clone_from(refusals);
                self.pause = None;
            }
            Err(error) => {
                shared.ledger.lock().note_sets(&*shared.options.clock);
                let mut health = shared.health.lock();
                health.failures += 1;
                health.failure = Some(error.to_string());
                // What works goes on as always.
                let longer = self.pause.filter(|_| !self.is_partly_there);
                let pause = longer.map_or(interval, |pause| pause.saturating_mul(2));
                self.pause = Some(pause.min(MOST_PAUSE.max(interval)));
            }
        }
        self.due = Some(started.saturating_add(self.pause.unwrap_or(interval)));
        // Who asked meanwhile has waited long enough for a store that does not answer; who asks once the
        // others have their answer is not told of this failure.
        let late = flushed.is_err().then(|| shared.take_waiting());
        let told = match &flushed {
            Ok(refusals) if refusals.is_empty() => Ok(()),
            Ok(refusals) => Err(refused(S::NAME, refusals)),
            Err(error) => Err(again(error)),
        };
        let answer = |promise: Promise<Result<(), BackendError>>| {
            promise.keep(match &told {
                Ok(()) => Ok(()),
                Err(error) => Err(again(error)),
            });
        };
        self.collect(shared, flushed.as_ref().err(), inbox.collects);
        inbox.flushes.into_iter().for_each(answer);
        let is_last = inbox.abandoned.is_some() || !inbox.close.is_empty();
        if is_last {
            self.close(shared);
            // Before anybody is told that it is closed.
            shared.end();
        }
        inbox.close.into_iter().for_each(answer);
        if let Some(late) = late {
            late.flushes.into_iter().for_each(answer);
            self.collect(shared, flushed.as_ref().err(), late.collects);
        }
    }

    fn collect(
        &mut self,
        shared: &Shared,
        failure: Option<&BackendError>,
        who: Vec<Promise<Result<Arc<Collection>, BackendError>>>,
    ) {
        if who.is_empty() {
            return;
        }
        let read = match failure {
            Some(error) => Err(again(error)),
            None => self.attempt(|flusher| flusher.read(shared)).inspect_err(|error| {
                let mut health = shared.health.lock();
                health.failures += 1;
                health.failure = Some(error.to_string());
            }),
        };
        let read = read.map(Arc::new).or_else(|error| match shared.options.at_scrape {
            Unavailable::Fail => Err(error),
            Unavailable::GoOn => Ok(Arc::new(own::view(shared))),
        });
        for promise in who {
            promise.keep(match &read {
                Ok(collection) => Ok(collection.clone()),
                Err(error) => Err(again(error)),
            });
        }
    }

    fn read(&mut self, shared: &Shared) -> Result<Collection, BackendError> {
        let Some(store) = &mut self.store else { return Err(not_open(S::NAME)) };
        let mut contents = Contents::new();
        block_on(store.read(&mut contents))?;
        shared.ledger.lock().learn_families(&contents, true);
        Ok(Collection::new(Shown::new(
            contents,
            own::metrics(shared),
            &shared.options.client_label,
        )))
    }

    fn close(&mut self, shared: &Shared) {
        let clients = clients(shared);
        // What is left of the client expires.
        let _ = self.attempt(|flusher| {
            let Some(mut store) = flusher.store.take() else { return Ok(()) };
            clients.iter().try_for_each(|client| block_on(store.forget(client)))
        });
    }

    /// Does what calls the store. If that panics, it is an error, and the store is opened anew.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        // The ledger is not locked while the store is called, so nothing is left half done.
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| {
            let store = self.store.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(store)));
            let why = panic.downcast_ref::<&str>().copied();
            let why = why.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let message = format!("the store panicked: {}", why.unwrap_or("nobody knows why"));
            Err(BackendError::new(S::NAME, BackendErrorKind::Other, message))
        })
    }

    /// Opens the store, and learns what families there are; why, if that is not known of all shards.
    fn ready(&mut self, shared: &Shared) -> Result<Option<BackendError>, BackendError> {
        if let Some(store) = &mut self.store
            && shared.ledger.lock().has_large_numbers()
        {
            // A store keeps what it knows of a series under its number for as long as it is open. What
            // others removed, it can say under the old numbers only; it knows after a renewal.
            let mut tally = Tally::new(shared, &mut self.order);
            block_on(refresh(store, shared, &mut tally, &mut None));
            block_on(ask(store, shared, &mut tally, None));
            if tally.failure.is_none() {
                self.store = None;
                shared.ledger.lock().renumber();
            }
        }
        if self.store.is_none() {
            let store = (self.open)()?;
            let mut ledger = shared.ledger.lock();
            if ledger.shards.is_empty() {
                ledger.set_shards(&self.client, store.shards());
            } else if ledger.shards.len() != store.shards().max(1) as usize {
                ledger.cut_anew(&self.client, store.shards());
            }
            if ledger.is_new_child(&self.client) {
                // How it went for the parent is the parent's to tell.
                let caught_up = Some(shared.now());
                *shared.health.lock() = Health { caught_up, ..Health::default() };
            }
            if std::mem::replace(&mut self.was_open, true) {
                // It has not seen what this client set before, so it could not keep that alive.
                ledger.tell_all_again();
                self.refreshed = None;
            }
            drop(ledger);
            self.is_read = false;
            self.store = Some(store);
        }
        let Some(store) = self.store.as_mut().filter(|_| !self.is_read) else { return Ok(None) };
        match block_on(learn_families(store, shared)) {
            Ok(()) => {
                self.is_read = true;
                Ok(None)
            }
            Err(error) if shared.ledger.lock().shards.len() > 1 => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Tells the store everything that changed, and if somebody `is_asked` for that, what it lost; what
    /// it would not have. A store that is outdated is opened anew, once.
    async fn flush(
        &mut self,
        shared: &Shared,
        is_asked: bool,
    ) -> Result<Vec<String>, BackendError> {
        let told = self.tell(shared, is_asked).await;
        let Some(store) = self.store.as_mut().filter(|_| told.is_err()) else { return told };
        if !store.is_outdated().await {
            return told;
        }
        self.store = None;
        self.tell(shared, is_asked).await
    }

    /// Shards that fail keep nothing from the others; what the first of them said is the error.
    async fn tell(&mut self, shared: &Shared, is_asked: bool) -> Result<Vec<String>, BackendError> {
        self.is_partly_there = false;
        let started = shared.now();
        let unread = self.ready(shared)?;
        let mut tally = Tally::new(shared, &mut self.order);
        tally.failure = unread;
        let options = &shared.options;
        let limits = Limits {
            batch: options.batch.max(1),
            wave: WAVE.max(options.batch),
            window: options.window,
            window_bytes: options.window_bytes / tally.works.len().max(1),
        };
        let Some(store) = &mut self.store else { return Err(not_open(S::NAME)) };
        let mut refusals = Vec::new();
        for turn in 0..TURNS {
            if turn > 0 && store.is_outdated().await {
                let message = "it is in another number of shards by now";
                return Err(BackendError::new(S::NAME, BackendErrorKind::Conflict, message));
            }
            refusals.clear();
            // Before the families, so that those they are about are among them.
            let events = shared.events.lock().take();
            let families = shared.engine.look_at_families();
            let shards: Vec<_> =
                families.iter().map(|(desc, _)| store.shard(&desc.identity.name)).collect();
            let clock = &*options.clock;
            let (mut pass, waiting) =
                shared.ledger.lock().begin(families, &shards, events, clock, &limits);
            shared.events.lock().put_back(waiting);
            if pass.describes {
                // Others may have described them, with their labels in another order.
                match learn_families(store, shared).await {
                    Err(error) if tally.works.len() > 1 => tally.note(error),
                    learned => learned?,
                }
            }
            let mut next = send(store, shared, &limits, &mut tally, &mut refusals).await;
            while next == Next::GoOn && !pass.is_done && !tally.is_all_away(shared) {
                shared.ledger.lock().look(&mut pass, clock, &limits);
                next = send(store, shared, &limits, &mut tally, &mut refusals).await;
            }
            if tally.is_all_away(shared)
                || next == Next::GoOn
                    && refresh(store, shared, &mut tally, &mut self.refreshed).await
                    && (!is_asked || ask(store, shared, &mut tally, Some(started)).await)
            {
                self.is_partly_there = tally.has_worked();
                return tally.failure.take().map_or(Ok(refusals), Err);
            }
        }
        let message = format!("it was found to have lost something {TURNS} times in one flush");
        Err(BackendError::new(S::NAME, BackendErrorKind::Unavailable, message))
    }
}

/// The end of the thread.
struct End<'a>(&'a Weak<Shared>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.end();
        }
    }
}

fn refused(name: &'static str, refusals: &[String]) -> BackendError {
    let message = format!(
        "{} changes were refused and stay pending, the first because {}",
        refusals.len(),
        refusals[0]
    );
    BackendError::new(name, BackendErrorKind::Conflict, message)
}

fn not_open(name: &'static str) -> BackendError {
    BackendError::new(name, BackendErrorKind::Unavailable, "it is not open")
}

/// The same error for somebody else.
fn again(error: &BackendError) -> BackendError {
    let mut message = error.message.clone();
    let mut cause = std::error::Error::source(error);
    while let Some(why) = cause {
        message = format!("{message}: {why}");
        cause = why.source();
    }
    BackendError::new(error.backend, error.kind, message)
}
