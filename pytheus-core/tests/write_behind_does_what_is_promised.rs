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

pytheus_core::conformance! {
    open: open,
    traits: [keeps_idle],
}

pytheus_core::conformance_of_clients!(|| {
    let server = store::Server::new();
    let open = || {
        let (server, engine) = (server.clone(), Engine::private().expect("memory"));
        WriteBehind::start(engine, move || Ok(server.connect()), Options::default())
            .expect("a store")
    };
    (open(), open())
});
