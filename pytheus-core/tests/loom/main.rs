//! The lock-free protocols of the striped engine, under every order that loom can tell apart.
//!
//! The code under test is the engine's own: `engine/stripe/`, `engine/index.rs` and `engine/list.rs` are compiled here
//! against a [`primitive`] module whose atomics are loom's, so that a load returns every value the
//! memory model allows, and whose writers can be [killed](mortal) before any of their stores.
//!
//! # What loom does not show
//!
//! - A load never sees a store that was not made yet (load buffering), and never a value out of thin
//!   air.
//! - An acquire fence takes in every store that anything *before* it has read, by whatever thread;
//!   the language asks that its own thread read it.
//! - A sequentially consistent fence synchronises with every earlier one, which is more than the
//!   language promises. The protocols need only what it does promise: of two such fences, what stands
//!   behind the later one sees what stands before the earlier one.
//! - A fence is run together with what its thread does before it. For sequentially consistent ones,
//!   whose order among each other matters, [`world::fence`] makes up for it.
//! - Sequentially consistent loads and stores count as acquire and release; there are none here.
//! - An atomic keeps its last seven stores, so no model makes more to one word.
//! - Five threads, the main one included. Everything is spawned: what the main thread does itself is
//!   run in few orders.
//!
//! # Readers run last
//!
//! Who only reads changes nothing for the others, and may be shown any store it is not bound to have
//! passed. So a reader that runs after the writers have ended, without having waited for them, meets
//! all it could have met in their midst: [`world::check_reader`] runs nothing but that, and every
//! model of this kind checks that its reader met both ends and all between. Where two threads write,
//! every order is run; where that would take minutes there is a bound on preemptions, and a reason.
#![forbid(unsafe_code)]

mod primitive {
    pub(crate) use crate::mortal::{AtomicU32, AtomicU64};
    pub(crate) use crate::world::fence;
    pub(crate) use loom::sync::atomic::Ordering;

    /// In two steps, for here an exchange is no fence.
    pub(crate) fn add_and_fence(word: &AtomicU64, amount: u64) {
        word.fetch_add(amount, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Likewise.
    pub(crate) fn store_and_fence(word: &AtomicU64, value: u64) {
        word.store(value, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Small, so that three updates lap a reader.
    pub(crate) const RING: usize = 2;

    /// Small, so that a snapshot of three cells takes two blocks.
    pub(crate) const BLOCK: usize = 2;
}

#[path = "../../src/engine/index.rs"]
mod index;
#[path = "../../src/engine/list.rs"]
#[expect(dead_code, reason = "a search through part of the list is not a model of its own")]
mod list;
#[path = "../../src/engine/stripe/mod.rs"]
mod stripe;

mod mortal;
mod world;

mod claims;
mod growth;
mod holders;
mod leases;
mod native;
mod observations;
mod pins;
mod table;
mod take_over;
mod walks;
