//! What a forked child must not inherit: leases, and locks that nobody is left to release.

use super::arena::Arena;
use crossbeam::utils::Backoff;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// How many forks lie between this process and the first one, plus one.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// Differs between a process and its forked children; never 0.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Has the fork handler called in every child from now on.
///
/// Two threads may both do it: two handlers do what one does.
pub(crate) fn watch() {
    static WATCHING: AtomicBool = AtomicBool::new(false);
    if WATCHING.load(Ordering::Acquire) {
        return;
    }
    // SAFETY: `in_child` only stores to atomics and to constant-initialised thread-local storage without
    // a destructor, and calls what `Sharing` promises to be async-signal-safe, which is all a handler in
    // a forked child may do.
    // It can fail for lack of memory only; forks then count as they do without the handler.
    let _ = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    WATCHING.store(true, Ordering::Release);
}

/// The thread that forks or keeps others from it, 0 for none: one at a time.
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// Waits until no other thread forks; whether the calling one did not already.
fn begins_fork() -> bool {
    let me = super::slots::thread();
    let backoff = Backoff::new();
    while let Err(thread) = FORKING.compare_exchange(0, me, Ordering::AcqRel, Ordering::Relaxed) {
        if thread == me {
            return false;
        }
        backoff.snooze();
    }
    true
}

/// Whether the calling thread was the one that forks.
fn ends_fork() -> bool {
    let me = super::slots::thread();
    FORKING.compare_exchange(me, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Calls `work`, for one thread at a time, while this process does not fork: for a [`Memory`] to come
/// by what a child must not have, such as a lock by which others know that this process is alive,
/// before the [`Engine`] is there that tells the memory of forks.
///
/// Forks wait for it, so it should take a moment only. They need not be told of if they are none by
/// `fork(2)`, such as those of `posix_spawn(3)`.
///
/// # Examples
///
/// ```
/// use pytheus_core::engine::without_forks;
///
/// // Opens a lock file, say, and makes an engine on the memory that it stands for.
/// let opened = without_forks(|| 1);
/// assert_eq!(opened, 1);
/// ```
///
/// [`Memory`]: super::Memory
/// [`Engine`]: super::Engine
pub fn without_forks<R>(work: impl FnOnce() -> R) -> R {
    struct Forks;
    impl Drop for Forks {
        fn drop(&mut self) {
            ends_fork();
        }
    }

    watch();
    // Within itself, the outer one ends it.
    let _forks = begins_fork().then_some(Forks);
    work()
}

/// Whoever has threads that a child does not inherit.
pub(crate) trait ForkWatcher: Send + Sync {
    /// A fork is about to happen.
    fn before(&self);

    /// It did, or failed; this is the parent.
    fn in_parent(&self);

    /// This is the child: must not allocate, nor wait for anybody.
    fn in_child(&self);

    /// The child makes an update, the first one.
    fn is_used_in_child(&self);
}

static WATCHERS: ForkMutex<Vec<Weak<dyn ForkWatcher>>> = ForkMutex::new(Vec::new());
/// Whether this is a child in which nobody made an update, and somebody wants to know of it.
static IS_UNUSED_CHILD: AtomicBool = AtomicBool::new(false);

/// Tells `watcher` of forks from now on.
pub(crate) fn tell(watcher: Weak<dyn ForkWatcher>) {
    watch();
    let mut watchers = WATCHERS.lock();
    watchers.retain(|watcher| watcher.strong_count() > 0);
    watchers.push(watcher);
}

/// Called for the first update of a child.
#[inline]
pub(super) fn tell_watchers() {
    if IS_UNUSED_CHILD.load(Ordering::Relaxed) {
        tell_of_use();
    }
}

#[cold]
fn tell_of_use() {
    if IS_UNUSED_CHILD.swap(false, Ordering::Relaxed) {
        // Under no lock: they make threads.
        let watchers = WATCHERS.lock().clone();
        watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.is_used_in_child());
    }
}

extern "C" fn before() {
    // The handlers may be entered twice; once is enough.
    if begins_fork() {
        let watchers = WATCHERS.lock();
        watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.before());
        watchers.hold_over_fork();
        super::arena::all().for_each(Arena::before_fork);
    }
}

extern "C" fn in_parent() {
    if ends_fork() {
        super::arena::all().for_each(Arena::after_fork_in_parent);
        WATCHERS.release_after_fork(|watchers| {
            watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.in_parent());
        });
    }
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    super::slots::forget_stripes();
    if ends_fork() {
        super::arena::all().for_each(Arena::after_fork_in_child);
        WATCHERS.release_after_fork(|watchers| {
            IS_UNUSED_CHILD.store(!watchers.is_empty(), Ordering::Relaxed);
            watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.in_child());
        });
    }
}

/// A lock for set-up code that a forked child finds usable even if another thread of the parent held
/// it at the fork: what it protects is then replaced by its default.
///
/// Short critical sections only: who waits spins and yields. No code of the user's runs in one, and
/// none forks.
pub(crate) struct ForkMutex<T> {
    /// 0 when free, else the generation of the holder.
    holder: AtomicU64,
    /// Whether whoever holds it does so for the fork that is under way.
    is_held_over_fork: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one holder at a time, as with any mutex.
unsafe impl<T: Send> Sync for ForkMutex<T> {}

impl<T> ForkMutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            holder: AtomicU64::new(0),
            is_held_over_fork: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }
}

impl<T: Default> ForkMutex<T> {
    pub(crate) fn lock(&self) -> ForkGuard<'_, T> {
        let backoff = Backoff::new();
        loop {
            let holder = self.holder.load(Ordering::Relaxed);
            let now = generation();
            let stale = holder != 0 && holder != now;
            if (holder == 0 || stale)
                && self
                    .holder
                    .compare_exchange_weak(holder, now, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                if stale {
                    self.is_held_over_fork.store(false, Ordering::Relaxed);
                    // SAFETY: we hold the lock. The old value may be half changed, so it is
                    // overwritten without being dropped: a leak, once per fork at most.
                    unsafe { self.value.get().write(T::default()) };
                }
                return ForkGuard { lock: self, access: PhantomData };
            }
            backoff.snooze();
        }
    }
}

impl<T> ForkMutex<T> {
    /// Gives back a lock that was [held](ForkGuard::hold_over_fork) over a fork, by the parent or by the
    /// child, once `use_value` was called. Does nothing if it was not.
    pub(crate) fn release_after_fork(&self, use_value: impl FnOnce(&mut T)) {
        // Whoever sees that it is held has it: nobody else can have taken the lock since.
        if self.is_held_over_fork.swap(false, Ordering::Relaxed) {
            let mut guard = ForkGuard { lock: self, access: PhantomData };
            use_value(&mut guard);
        }
    }
}

impl<T: Default> Default for ForkMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> std::fmt::Debug for ForkMutex<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForkMutex")
    }
}

pub(crate) struct ForkGuard<'a, T> {
    lock: &'a ForkMutex<T>,
    /// A guard gives access as a `&mut` does, and may be shared and sent as one.
    access: PhantomData<&'a mut T>,
}

impl<T> ForkGuard<'_, T> {
    /// Keeps the lock, so that a child finds what it protects as it is.
    pub(crate) fn hold_over_fork(self) {
        self.lock.is_held_over_fork.store(true, Ordering::Relaxed);
        std::mem::forget(self);
    }
}

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its thread holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard exists only while its thread holds the lock, and `&mut self` is exclusive.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for ForkGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.holder.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_held_at_the_fork_is_replaced_in_the_child() {
        let lock = ForkMutex::new(vec![1]);
        std::mem::forget(lock.lock());
        // What a child finds that was forked while another thread held the lock.
        lock.holder.store(generation() + 1, Ordering::Relaxed);
        assert_eq!(*lock.lock(), Vec::<i32>::new());
        lock.lock().push(2);
        assert_eq!(*lock.lock(), [2]);
    }

    #[test]
    fn a_lock_held_for_the_fork_is_as_it_was_in_the_child() {
        let lock = ForkMutex::new(vec![1]);
        lock.lock().hold_over_fork();
        // What a child finds.
        lock.holder.store(generation() + 1, Ordering::Relaxed);
        lock.release_after_fork(|value| value.push(2));
        assert_eq!(*lock.lock(), [1, 2]);
        lock.release_after_fork(|_| panic!("nobody holds it"));
    }
}
