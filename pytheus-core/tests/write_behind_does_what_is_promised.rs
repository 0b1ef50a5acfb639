//! The conformance kit on write-behind, with a store in memory.
#![cfg(feature = "conformance")]

mod store;

use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, WriteBehind};

fn open() -> WriteBehind {
    let server = store::Server::new();
    let engine = Engine::private().expect("memory");
    WriteBehind::start(engine, move || Ok(server.connect()), Options::default()).expect("a store")
}

pytheus_core::conformance!(open);
