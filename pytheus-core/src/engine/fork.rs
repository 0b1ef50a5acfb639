//! What a forked child must not inherit: leases, and locks that nobody is left to release.

use super::arena::Arena;
use crossbeam::utils::Backoff;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
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

extern "C" fn before() {
    // The handlers may be entered twice; once is enough.
    if begins_fork() {
        super::arena::all().for_each(Arena::before_fork);
    }
}

extern "C" fn in_parent() {
    if ends_fork() {
        super::arena::all().for_each(Arena::after_fork_in_parent);
    }
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    super::slots::forget_stripes();
    if ends_fork() {
        super::arena::all().for_each(Arena::after_fork_in_child);
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
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one holder at a time, as with any mutex.
unsafe impl<T: Send> Sync for ForkMutex<T> {}

impl<T> ForkMutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { holder: AtomicU64::new(0), value: UnsafeCell::new(value) }
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
}
