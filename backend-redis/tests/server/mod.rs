//! A server of its own for each test.
#![allow(dead_code, unreachable_pub, reason = "not every test needs all of it")]

use pytheus_backend_redis::{RedisConfig, RedisStore};
use pytheus_core::write_behind::{
    Amount, Batch, Change, Client, Contents, Look, Position, Receipt, Series, Shape, Store,
};
use pytheus_core::{BackendError, ConfigError};
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

pub struct Server(pytheus_test_servers::Server);

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(options: &[&str]) -> Self {
        let options = options.iter().copied();
        Self(pytheus_test_servers::Server::builder().args(options).start())
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.0.socket().display())
    }

    pub fn config(&self) -> RedisConfig {
        RedisConfig::default()
    }

    pub fn open(&self) -> RedisStore {
        self.open_with(&self.config()).expect("a store")
    }

    pub fn open_with(&self, config: &RedisConfig) -> Result<RedisStore, BackendError> {
        RedisStore::open(&self.url(), config).map_err(|error| match error {
            ConfigError::Backend(error) => error,
            other => panic!("{other}"),
        })
    }

    pub fn connection(&self) -> redis::Connection {
        self.0.client().get_connection().unwrap()
    }

    pub fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut cmd = redis::Cmd::new();
        for word in words {
            cmd.arg(*word);
        }
        cmd.query(&mut self.connection()).unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    pub fn keys(&self) -> Vec<String> {
        self.command(&["KEYS", "*"])
    }
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::yield_now();
    }
}

/// Waits for what never waits for anything but a server.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits for something"),
    }
}

pub const COUNTER: Shape = Shape { ints: 1, floats: 0, is_set: false };
pub const GAUGE: Shape = Shape { ints: 0, floats: 1, is_set: true };
pub const HISTOGRAM: Shape = Shape { ints: 3, floats: 1, is_set: false };

pub const CREATED: Duration = Duration::from_millis(1_700_000_000_123);

pub fn series<'a>(id: u32, family: &'a str, labels: &'a str, shape: Shape) -> Series<'a> {
    let created = SystemTime::UNIX_EPOCH + CREATED;
    Series { id, family, identity: b"identity", labels, shape, created }
}

pub fn describe(family: &str) -> Change<'_> {
    Change::Describe { family, identity: b"identity", details: b"details", replace: false }
}

pub fn add(series: Series<'_>, field: u32, n: i64) -> Change<'_> {
    Change::Add { series, field, amount: Amount::Int(n) }
}

pub fn add_float(series: Series<'_>, field: u32, n: f64) -> Change<'_> {
    Change::Add { series, field, amount: Amount::Float(n) }
}

/// A client with a store of its own, which sends one batch after the other.
pub struct Sender {
    pub store: RedisStore,
    pub client: Client,
    pub holds: Position,
}

impl Sender {
    pub fn new(server: &Server) -> Self {
        Self::with(server.open())
    }

    pub fn with(store: RedisStore) -> Self {
        Self { store, client: Client::new("client"), holds: Position::default() }
    }

    pub fn try_apply(&mut self, changes: &[Change<'_>]) -> Result<Receipt, BackendError> {
        if self.holds.incarnation == 0 {
            let batch = self.batch(&[]);
            let asked = block_on(self.store.apply(&batch))?;
            self.holds = asked.holds;
        }
        let batch = self.batch(changes);
        let receipt = block_on(self.store.apply(&batch))?;
        self.holds = receipt.holds;
        Ok(receipt)
    }

    pub fn batch<'a>(&self, changes: &'a [Change<'a>]) -> Batch<'a> {
        // The client lives as long as the process, as far as a test is concerned.
        let client: &'static Client = Box::leak(Box::new(self.client.clone()));
        Batch { client, shard: 0, follows: self.holds, number: self.holds.number + 1, changes }
    }

    /// Applies a batch of which nothing is refused.
    pub fn apply(&mut self, changes: &[Change<'_>]) {
        let before = self.holds;
        let receipt = self.try_apply(changes).expect("it is applied");
        assert_eq!(receipt.refused, []);
        if before.incarnation != 0 {
            assert_eq!(receipt.holds, Position { number: before.number + 1, ..before });
        }
    }

    pub fn read(&mut self) -> Contents {
        let mut contents = Contents::new();
        block_on(self.store.read(&mut contents)).expect("it is read");
        contents
    }

    pub fn look(&mut self, family: &str, labels: &str) -> Option<Look> {
        self.read().look(family, labels)
    }

    pub fn int(&mut self, family: &str, labels: &str) -> Option<i64> {
        let look = self.look(family, labels)?;
        match look.numbers.get(&0) {
            Some(Amount::Int(n)) => Some(*n),
            Some(other) => panic!("{other:?}"),
            None => Some(0),
        }
    }
}
