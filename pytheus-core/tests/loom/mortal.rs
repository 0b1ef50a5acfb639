//! Atomics whose thread can be killed before any of its stores.
//!
//! Death is an unwinding that starts before the store and ends in [`killed_after`]: nothing between
//! is run, as when a process is killed there. Between two stores there is nothing to choose: loads and
//! fences leave no trace.

use loom::sync::atomic::{self, Ordering};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

loom::thread_local! {
    /// How many stores the thread may still make; `None` for ever more.
    static STORES_LEFT: Cell<Option<usize>> = Cell::new(None);
}

struct Killed;

/// Lives until it wants to make one store more than `stores`. Returns whether it lived to the end.
pub(crate) fn killed_after(stores: usize, life: impl FnOnce()) -> bool {
    STORES_LEFT.with(|left| left.set(Some(stores)));
    let end = catch_unwind(AssertUnwindSafe(life));
    STORES_LEFT.with(|left| left.set(None));
    match end {
        Ok(()) => true,
        Err(reason) if reason.is::<Killed>() => false,
        Err(failure) => resume_unwind(failure),
    }
}

fn live_for_one_store() {
    STORES_LEFT.with(|left| match left.get() {
        None => {}
        Some(0) => resume_unwind(Box::new(Killed)),
        Some(stores) => left.set(Some(stores - 1)),
    });
}

macro_rules! mortal {
    ($name:ident, $number:ty) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name(atomic::$name);

        #[allow(dead_code, reason = "the same for both")]
        impl $name {
            pub(crate) fn new(value: $number) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $number {
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $number, order: Ordering) {
                live_for_one_store();
                self.0.store(value, order);
            }

            pub(crate) fn compare_exchange(
                &self,
                from: $number,
                to: $number,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$number, $number> {
                live_for_one_store();
                self.0.compare_exchange(from, to, success, failure)
            }

            pub(crate) fn fetch_add(&self, amount: $number, order: Ordering) -> $number {
                live_for_one_store();
                self.0.fetch_add(amount, order)
            }

            #[allow(dead_code, reason = "not for every number")]
            pub(crate) fn fetch_or(&self, bits: $number, order: Ordering) -> $number {
                live_for_one_store();
                self.0.fetch_or(bits, order)
            }

            #[allow(dead_code, reason = "not for every number")]
            pub(crate) fn fetch_and(&self, bits: $number, order: Ordering) -> $number {
                live_for_one_store();
                self.0.fetch_and(bits, order)
            }

            pub(crate) fn fetch_max(&self, other: $number, order: Ordering) -> $number {
                live_for_one_store();
                self.0.fetch_max(other, order)
            }
        }
    };
}

mortal!(AtomicU32, u32);
mortal!(AtomicU64, u64);
