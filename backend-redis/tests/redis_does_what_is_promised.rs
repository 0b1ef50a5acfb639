//! The conformance kit, on a real server.

use pytheus_backend_redis::{Redis, RedisConfig};
use pytheus_test_servers::Server;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// A prefix that nobody else has.
fn config() -> RedisConfig {
    static PREFIXES: AtomicU32 = AtomicU32::new(0);

    let mut config = RedisConfig::default();
    config.key_prefix = format!("test{}", PREFIXES.fetch_add(1, Ordering::Relaxed));
    // As the kit calls a process.
    config.client_name = Some("{pid}".into());
    config
}

fn open() -> Redis {
    Redis::open_with(&SERVER.url(), &config()).expect("a server")
}

pytheus_core::conformance! {
    open: open,
    traits: [keeps_idle],
}

pytheus_core::conformance_of_clients!(|| {
    let config = config();
    let open = || Redis::open_with(&SERVER.url(), &config).expect("a server");
    (open(), open())
});
