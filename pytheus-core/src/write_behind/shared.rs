//! What the application's threads, the flusher and a forked child have in common.

use super::events::Event;
use super::ledger::{Ledger, Totals};
use super::options::Options;
use super::wait::{Promise, promise};
use crate::backend::Collection;
use crate::engine::{self, Engine, ForkMutex, ForkWatcher, Look, WatchedId, Watcher, since_boot};
use crate::visit::FamilyDesc;
use crate::{BackendError, BackendErrorKind, RegisterError, identity};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::Thread;
use std::time::Duration;

pub(super) struct Shared {
    me: Weak<Shared>,
    pub(super) name: &'static str,
    /// Not watched: what watches it is this.
    pub(super) engine: Engine,
    pub(super) options: Options,
    pub(super) ledger: ForkMutex<Ledger>,
    pub(super) events: ForkMutex<Events>,
    inbox: ForkMutex<Inbox>,
    /// Nobody will look into the inbox again. Changed while that is locked.
    is_closed: AtomicBool,
    running: ForkMutex<Option<Running>>,
    pub(super) health: ForkMutex<Health>,
    /// Starts a flusher.
    spawn: Box<Spawn>,
}

type Spawn = dyn Fn(&Arc<Shared>) -> Result<Thread, BackendError> + Send + Sync;

/// The flusher's thread, and in which process it runs.
struct Running {
    generation: u64,
    thread: Thread,
}

/// What the flusher is asked for.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) flushes: Vec<Promise<Result<(), BackendError>>>,
    pub(super) collects: Vec<Promise<Result<Arc<Collection>, BackendError>>>,
    pub(super) close: Vec<Promise<Result<(), BackendError>>>,
    /// There is much to tell.
    is_urgent: bool,
    /// Nobody has the backend any more: what keeps it there until the flusher has seen to that.
    pub(super) abandoned: Option<Arc<Shared>>,
}

impl Inbox {
    /// Whether somebody wants to know that the store has everything.
    pub(super) fn is_asked(&self) -> bool {
        !self.flushes.is_empty() || !self.collects.is_empty() || !self.close.is_empty()
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.is_urgent || self.is_asked()
    }
}

/// How it went so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Health {
    /// When everything was told last.
    pub(super) caught_up: Option<Duration>,
    /// How often the store did not answer as it should.
    pub(super) failures: u64,
    /// The last failure, if nothing went well since.
    pub(super) failure: Option<String>,
    /// What the store would not have at the last flush.
    pub(super) refusals: Vec<String>,
}

/// What happened beside the looks and waits to be told.
#[derive(Default)]
pub(super) struct Events {
    list: Vec<Event>,
    /// For how many there was no room.
    lost: u64,
    /// Whether somebody waited in vain since they were taken last.
    was_waited_for: bool,
}

impl Events {
    /// How many are kept while the store does not take them.
    const MOST: usize = 1 << 17;
    /// From how many on whoever removes a series waits a little for the store to take them.
    const MANY: usize = 1 << 10;

    pub(super) fn take(&mut self) -> Vec<Event> {
        self.was_waited_for = false;
        std::mem::take(&mut self.list)
    }

    /// Puts back those that have to wait, before what came since.
    pub(super) fn put_back(&mut self, mut waiting: Vec<Event>) {
        waiting.append(&mut self.list);
        self.list = waiting;
    }

    fn push(&mut self, event: Event) {
        if self.list.len() < Self::MOST {
            self.list.push(event);
        } else {
            self.lost += 1;
        }
    }

    fn is_worth_waiting(&self) -> bool {
        self.list.len() >= Self::MANY && !self.was_waited_for
    }
}

/// How far a store is behind.
///
/// A scrape shows the same, of the process that is scraped, once it has sent a batch or failed to:
///
/// - `pytheus_store_lag_seconds`: [`lag`](Self::lag).
/// - `pytheus_store_unacknowledged_changes`: [`unacknowledged`](Self::unacknowledged).
/// - `pytheus_store_batches_total`, `pytheus_store_failures_total`: [`batches`](Self::batches) and
///   [`failures`](Self::failures).
/// - `pytheus_store_refused_total`, `pytheus_store_gaps_total`: [`refused`](Self::refused) and
///   [`gaps`](Self::gaps), if there were any.
/// - `pytheus_store_unavailable`: 1, where the page shows this process alone because the store could not
///   be reached; see [`Options::at_scrape`].
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::Status;
///
/// fn is_well(status: &Status) -> bool {
///     status.failure.is_none() && status.refusals.is_empty()
/// }
/// assert!(is_well(&Status::default()));
/// ```
#[derive(Debug, Default, Clone, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// How old the oldest update may be that the store was not told of.
    pub lag: Duration,
    /// How many changes are on their way and not acknowledged. Changes of the same series since then are
    /// not among them.
    pub unacknowledged: u64,
    /// How many batches were acknowledged.
    pub batches: u64,
    /// How often the store did not answer as it should.
    pub failures: u64,
    /// How often it would not have a change.
    pub refused: u64,
    /// How often it had lost what could not be told again; and for how many removals there was no room
    /// while it was away: 131,072 wait at most.
    pub gaps: u64,
    /// Why the store is not being told, if it is not.
    pub failure: Option<String>,
    /// What it would not have at the last flush, and why.
    pub refusals: Vec<String>,
}

impl Shared {
    pub(super) fn new(
        me: Weak<Self>,
        name: &'static str,
        engine: Engine,
        options: Options,
        spawn: impl Fn(&Arc<Self>) -> Result<Thread, BackendError> + Send + Sync + 'static,
    ) -> Self {
        let started = options.clock.elapsed();
        Self {
            me,
            name,
            engine,
            options,
            ledger: ForkMutex::default(),
            events: ForkMutex::default(),
            inbox: ForkMutex::default(),
            is_closed: AtomicBool::new(false),
            running: ForkMutex::default(),
            health: ForkMutex::new(Health { caught_up: Some(started), ..Health::default() }),
            spawn: Box::new(spawn),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.options.clock.elapsed()
    }

    /// Sees to it that a flusher runs in this process.
    pub(super) fn ensure_running(self: &Arc<Self>) -> Result<(), BackendError> {
        if self.is_closed() {
            return Err(self.closed());
        }
        let generation = engine::generation();
        let mut running = self.running.lock();
        if running.as_ref().is_none_or(|running| running.generation != generation) {
            let thread = (self.spawn)(self)?;
            *running = Some(Running { generation, thread });
        }
        Ok(())
    }

    pub(super) fn wake(&self) {
        if let Some(running) = &*self.running.lock() {
            running.thread.unpark();
        }
    }

    /// Has the flusher do what is put into its inbox, and waits for the answer.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        put: impl FnOnce(&mut Inbox, Promise<Result<T, BackendError>>),
    ) -> Result<T, BackendError> {
        self.ensure_running()?;
        let (promise, answer) = promise();
        {
            let mut inbox = self.inbox.lock();
            if self.is_closed() {
                return Err(self.closed());
            }
            put(&mut inbox, promise);
        }
        self.wake();
        answer.await.unwrap_or_else(|| Err(self.closed()))
    }

    /// Lets the flusher come by if more is removed than it can tell, as long as it gets on with it: once
    /// somebody waited in vain, nobody waits until it has come by again.
    fn wait_for_room(&self) {
        const PATIENCE: Duration = Duration::from_millis(500);

        if self.health.lock().failure.is_some() {
            return;
        }
        self.inbox.lock().is_urgent = true;
        self.wake();
        let since = since_boot();
        while self.events.lock().is_worth_waiting() {
            if since_boot().saturating_sub(since) >= PATIENCE {
                self.events.lock().was_waited_for = true;
                return;
            }
            std::thread::yield_now();
        }
    }

    fn closed(&self) -> BackendError {
        let message = "the backend is closed; open another one";
        BackendError::new(self.name, BackendErrorKind::Unavailable, message)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// The flusher is gone: whoever waits for it is told so, and so is whoever comes later.
    pub(super) fn end(&self) {
        let late = {
            let mut inbox = self.inbox.lock();
            self.is_closed.store(true, Ordering::Release);
            std::mem::take(&mut *inbox)
        };
        late.close.into_iter().for_each(|promise| promise.keep(Ok(())));
        // Nobody tells of them any more.
        drop(self.events.lock().take());
    }

    pub(super) fn take_inbox(&self) -> Inbox {
        std::mem::take(&mut self.inbox.lock())
    }

    /// Who waits now; whether to end is left for later.
    pub(super) fn take_waiting(&self) -> Inbox {
        let mut inbox = self.inbox.lock();
        Inbox {
            flushes: std::mem::take(&mut inbox.flushes),
            collects: std::mem::take(&mut inbox.collects),
            ..Inbox::default()
        }
    }

    /// Has the flusher end once it has tried to tell what is left.
    pub(super) fn abandon(self: &Arc<Self>) {
        let generation = engine::generation();
        let is_running =
            self.running.lock().as_ref().is_some_and(|running| running.generation == generation);
        {
            let mut inbox = self.inbox.lock();
            if !is_running || self.is_closed() {
                return;
            }
            inbox.abandoned = Some(self.clone());
        }
        self.wake();
    }

    pub(super) fn status(&self) -> Status {
        let health = self.health.lock().clone();
        let lost = self.events.lock().lost;
        let ledger = self.ledger.lock();
        let Totals { batches, refused, gaps, .. } = ledger.totals;
        Status {
            lag: self.now().saturating_sub(health.caught_up.unwrap_or_default()),
            unacknowledged: ledger.on_the_way() as u64,
            batches,
            failures: health.failures,
            refused,
            gaps: gaps + lost,
            failure: health.failure,
            refusals: health.refusals,
        }
    }
}

impl Watcher for Shared {
    fn admit(&self, desc: &FamilyDesc, replace: bool) -> Result<(), RegisterError> {
        let mut ledger = self.ledger.lock();
        let Some(known) = ledger.knows(&desc.identity.name) else { return Ok(()) };
        let agreed = identity::agree(known, &desc.identity);
        if agreed.is_err() && replace {
            let name = desc.identity.name.clone();
            ledger.known.remove(&name);
            ledger.replacing.insert(name);
            return Ok(());
        }
        agreed
    }

    fn remove(&self, family: &WatchedId, key: &str) {
        if self.is_closed() {
            return;
        }
        let is_worth_waiting = {
            let mut events = self.events.lock();
            events.push(Event::Remove { family: *family, key: key.into() });
            events.is_worth_waiting()
        };
        if is_worth_waiting {
            self.wait_for_room();
        }
    }

    fn expire(
        &self,
        family: &WatchedId,
        key: &str,
        look: &Look<'_>,
        remove: &mut dyn FnMut() -> bool,
    ) -> bool {
        if self.is_closed() {
            return remove();
        }
        let event = Event::Expire {
            family: *family,
            key: key.into(),
            at: look.at,
            unique: look.unique,
            values: look.values.into(),
            was_set: look.was_set,
            created: look.created(),
        };
        // As one: whoever takes the events and then finds it gone, finds the word of it next time.
        let mut events = self.events.lock();
        let is_removed = remove();
        if is_removed {
            events.push(event);
        }
        is_removed
    }

    fn unregister(&self, name: &str) -> bool {
        if self.is_closed() {
            return false;
        }
        self.events.lock().push(Event::Unregister { name: name.into() });
        self.ledger.lock().known.remove(name).is_some()
    }
}

impl ForkWatcher for Shared {
    fn before(&self) {
        let mut ledger = self.ledger.lock();
        ledger.prepare_fork(&self.engine, &*self.options.clock);
        ledger.hold_over_fork();
        self.events.lock().hold_over_fork();
        // Last, and taken by nobody who holds one of the others.
        self.inbox.lock().hold_over_fork();
    }

    fn in_parent(&self) {
        self.inbox.release_after_fork(|_| {});
        self.events.release_after_fork(|_| {});
        self.ledger.release_after_fork(|_| {});
    }

    fn in_child(&self) {
        // Whoever waits for an answer stayed with the parent, as did the runtimes that would be woken; and
        // it is the parent's to close.
        self.inbox.release_after_fork(|inbox| std::mem::forget(std::mem::take(inbox)));
        // The parent tells of them. To give their memory back is not for here.
        self.events.release_after_fork(|events| std::mem::forget(std::mem::take(events)));
        self.ledger.release_after_fork(|ledger| ledger.inherit(&self.engine));
    }

    fn is_used_in_child(&self) {
        // There is nobody to tell that no thread can be made; a flush will.
        let _ = self.me.upgrade().map(|me| me.ensure_running());
    }
}
