//! The conformance kit, on a real server.

use pytheus_backend_redis::{Redis, RedisConfig};
use pytheus_test_servers::Server;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// A prefix that nobody else has.
fn new_prefix() -> String {
    static PREFIXES: AtomicU32 = AtomicU32::new(0);
    format!("test{}", PREFIXES.fetch_add(1, Ordering::Relaxed))
}

fn config(key_prefix: &str) -> RedisConfig {
    let mut config = RedisConfig::default();
    config.key_prefix = key_prefix.into();
    // As the kit calls a process.
    config.client_name = Some("{pid}".into());
    config
}

fn open() -> Redis {
    Redis::open_with(&SERVER.url(), &config(&new_prefix())).expect("a server")
}

/// What is at a URL with a prefix behind it, which is soon known to be gone if it is killed.
fn open_for_a_moment(location: &str) -> Redis {
    let (url, key_prefix) = location.rsplit_once(' ').expect("a URL and a prefix");
    let mut config = config(key_prefix);
    (config.interval, config.lease) = (Duration::from_millis(100), Duration::from_secs(5));
    Redis::open_with(url, &config).expect("a server")
}

pytheus_core::conformance! {
    open: open,
    traits: [keeps_idle],
}

pytheus_core::conformance_of_clients!(|| {
    let config = config(&new_prefix());
    let open = || Redis::open_with(&SERVER.url(), &config).expect("a server");
    (open(), open())
});

pytheus_core::conformance_of_processes! {
    store: || (format!("{} {}", SERVER.url(), new_prefix()), ()),
    open: open_for_a_moment,
}
