//! One `redis-server`.

mod builder;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{
    Client, Cmd, Connection, ConnectionAddr, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, ToRedisArgs, Value,
};
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::port::Port;
use crate::process::Process;

pub use builder::ServerBuilder;

/// The user the harness itself is on every server: what a test does to the default user's password
/// or rights does not lock the harness out.
const USER: &str = "harness";

/// Time for the answer to one command of the harness.
const ANSWER: Duration = Duration::from_secs(10);

/// A `redis-server` process on the loopback address, with its own port and folder.
///
/// It keeps nothing on disk unless told to. All methods take `&self`, so that one thread can harm
/// what others use. Dropping it kills the process and removes the folder.
///
/// The harness talks to it through a Unix socket as the user `harness`, who may do everything:
/// closed ports, TLS and passwords do not stand in its way. `DEBUG` is allowed.
///
/// # Examples
///
/// ```
/// use pytheus_test_servers::Server;
///
/// let server = Server::builder().args(["--maxmemory", "64mb"]).start();
/// let mut connection = server.client().get_connection()?;
/// redis::cmd("SET").arg("name").arg("shop").exec(&mut connection)?;
/// assert_eq!(server.query::<String>(["GET", "name"]), "shop");
/// # redis::RedisResult::Ok(())
/// ```
#[derive(Debug)]
pub struct Server {
    process: Mutex<Option<Process>>,
    port: Port,
    bus: Option<Port>,
    certificates: Option<Certificates>,
    arguments: Vec<String>,
    folder: TempDir,
}

/// What a server held at one moment, as [`Server::snapshot`] took it.
///
/// # Examples
///
/// ```
/// let server = pytheus_test_servers::Server::start();
/// let empty = server.snapshot();
/// server.command(["SET", "name", "shop"]);
/// server.restore(&empty);
/// assert_eq!(server.query::<i64>(["DBSIZE"]), 0);
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    rdb: Vec<u8>,
}

impl Snapshot {
    /// The bytes of the RDB file.
    pub fn rdb(&self) -> &[u8] {
        &self.rdb
    }
}

/// An entry of a server's slow log.
///
/// # Examples
///
/// ```
/// let server = pytheus_test_servers::Server::start();
/// server.command(["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
/// server.command(["SET", "name", "shop"]);
/// assert!(server.slowlog().iter().any(|slow| slow.arguments == ["SET", "name", "shop"]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowCommand {
    /// Ascending from 0.
    pub id: u64,
    /// How long it kept the server, without waiting for input and output.
    pub took: Duration,
    /// The command and its arguments, shortened by the server where they are many or long;
    /// with replacement characters where they are no text.
    pub arguments: Vec<String>,
}

impl Server {
    /// Starts one with the defaults, and returns when it answers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it does not come up.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One to be told more before it starts.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The TCP port; with TLS the one for that.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The port on which it talks to the other nodes of its cluster.
    pub(crate) fn bus_port(&self) -> Option<u16> {
        self.bus.as_ref().map(Port::number)
    }

    /// `redis://127.0.0.1:PORT`, with TLS `rediss://…`.
    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// The path of the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// `redis+unix://` and the path of the Unix socket.
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Its folder: data, certificates, `redis.log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        let read = |name| std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        let log = [read("output.log"), read("redis.log")].concat();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The certificates, with TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// The process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// A client of the default user, by [`url`](Self::url).
    pub fn client(&self) -> Client {
        Client::open(self.url()).expect("a valid address")
    }

    /// The answer to a command. Each goes over a connection of its own.
    ///
    /// # Panics
    ///
    /// When the answer is an error or does not come within ten seconds.
    #[track_caller]
    pub fn command<A: ToRedisArgs>(&self, words: impl IntoIterator<Item = A>) -> Value {
        self.query(words)
    }

    /// The answer to a command, as this type.
    ///
    /// # Panics
    ///
    /// As [`command`](Self::command), and when the answer is of another type.
    #[track_caller]
    pub fn query<T: FromRedisValue>(&self, words: impl IntoIterator<Item = impl ToRedisArgs>) -> T {
        self.try_query(words).unwrap_or_else(|error| self.fail(&error))
    }

    #[track_caller]
    fn fail(&self, error: &RedisError) -> ! {
        panic!("server on port {}: {error}\n{}", self.port(), self.log())
    }

    /// The answer to a command, as this type.
    ///
    /// # Errors
    ///
    /// The server's error; or there is no answer within ten seconds, as while it is paused.
    pub fn try_query<T: FromRedisValue>(
        &self,
        words: impl IntoIterator<Item = impl ToRedisArgs>,
    ) -> RedisResult<T> {
        let mut command = Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.query(&mut self.connect(ANSWER)?)
    }

    fn connect(&self, timeout: Duration) -> RedisResult<Connection> {
        let user = RedisConnectionInfo::default().set_username(USER).set_password("any");
        let info = ConnectionAddr::Unix(self.socket()).into_connection_info()?;
        let client = Client::open(info.set_redis_settings(user))?;
        let connection = client.get_connection_with_timeout(timeout)?;
        connection.set_read_timeout(Some(timeout))?;
        Ok(connection)
    }

    /// One field of one section of `INFO`, if it is there.
    ///
    /// # Panics
    ///
    /// As [`query`](Self::query).
    #[track_caller]
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        // A sentinel that gives a server another role cuts the connections of all its clients.
        let info: String = match self.try_query(["INFO", section]) {
            Err(error) if error.is_connection_dropped() => self.query(["INFO", section]),
            answer => answer.unwrap_or_else(|error| self.fail(&error)),
        };
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(value.to_owned())
    }

    /// Bytes it has allocated.
    pub fn used_memory(&self) -> u64 {
        let bytes = self.info("memory", "used_memory").expect("a server knows its memory");
        bytes.parse().expect("a number of bytes")
    }

    /// The slow log, latest first. What is slow is said by `slowlog-log-slower-than`, in
    /// microseconds.
    pub fn slowlog(&self) -> Vec<SlowCommand> {
        type Entry = (u64, Value, u64, Vec<Vec<u8>>, Value, Value);
        let entries: Vec<Entry> = self.query(["SLOWLOG", "GET", "-1"]);
        let entries = entries.into_iter();
        entries
            .map(|(id, _, micros, arguments, ..)| SlowCommand {
                id,
                took: Duration::from_micros(micros),
                arguments: arguments
                    .iter()
                    .map(|argument| String::from_utf8_lossy(argument).into_owned())
                    .collect(),
            })
            .collect()
    }

    /// Kills it (`SIGKILL`) and returns when it is gone. Its port stays reserved.
    pub fn kill(&self) {
        if let Some(process) = self.process().take() {
            process.kill();
        }
    }

    /// Kills it, if it runs, and starts it with the same port and folder: with the data of its files
    /// as they lie there, so empty unless it was told to save.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn restart(&self) {
        self.kill();
        self.launch().unwrap_or_else(|Ended { log }| panic!("redis-server does not start:\n{log}"));
    }

    /// What it holds now, by `SAVE`.
    ///
    /// # Panics
    ///
    /// When it does not answer, or keeps an append-only file, which it would load instead.
    pub fn snapshot(&self) -> Snapshot {
        let appended: (Value, String) = self.query(["CONFIG", "GET", "appendonly"]);
        assert_eq!(appended.1, "no", "a snapshot needs a server without append-only file");
        self.command(["SAVE"]);
        Snapshot { rdb: std::fs::read(self.rdb_file()).expect("SAVE writes the file") }
    }

    /// Kills it and starts it with what it, or another server, held then.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.kill();
        std::fs::write(self.rdb_file(), &snapshot.rdb).expect("the server's folder can be written");
        self.restart();
    }

    /// Stops the process where it is (`SIGSTOP`): connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.process().as_ref().expect("a running server").pause();
    }

    /// Lets a paused one go on (`SIGCONT`).
    pub fn resume(&self) {
        self.process().as_ref().expect("a running server").resume();
    }

    fn rdb_file(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server ended before it answered.
struct Ended {
    log: String,
}
