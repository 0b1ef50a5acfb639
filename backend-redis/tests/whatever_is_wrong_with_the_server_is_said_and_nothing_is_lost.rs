//! Foreign keys, no memory, no permission, a replica, silence: each is an error of its kind that says
//! where it was, updates go on meanwhile, and when it is mended all of them arrive.

mod application;

use application::{open, slow, value};
use pytheus_backend_redis::Redis;
use pytheus_core::BackendErrorKind::{
    self, Conflict, Corrupt, Denied, Full, TimedOut, Unavailable,
};
use pytheus_core::{
    BackendError, Counter, FamilyDesc, Gauge, GaugeMode, Histogram, Labels, Registry, Stop, Value,
    Visitor,
};
use pytheus_test_servers::Server;
use std::time::{Duration, Instant};

/// How many updates are made between two steps.
const EACH: u32 = 10;

/// A program that counts, and knows how often it did.
struct Program {
    redis: Redis,
    registry: Registry,
    hits: Counter,
    times: Histogram,
    level: Gauge,
    /// Gauges that each client has one of, which stay or go with it.
    kept: Gauge,
    live: Gauge,
    made: u32,
}

impl Program {
    fn start(server: &Server) -> Self {
        Self::start_with(server, Duration::from_secs(5))
    }

    fn start_with(server: &Server, timeout: Duration) -> Self {
        let mut config = slow();
        config.timeout = timeout;
        let (redis, registry) = open(&server.url(), &config);
        let mut program = Self {
            hits: registry.counter("hits_total", "d").register().unwrap(),
            times: registry.histogram("times", "d").buckets([1.0, 2.0]).register().unwrap(),
            level: registry.gauge("level", "d").register().unwrap(),
            kept: registry.gauge("kept", "d").mode(GaugeMode::Max).register().unwrap(),
            live: registry.gauge("live", "d").mode(GaugeMode::LiveMax).register().unwrap(),
            redis,
            registry,
            made: 0,
        };
        program.update();
        program.arrives();
        program
    }

    fn update(&mut self) {
        let family = self.registry.counter("more_total", "d").label_names(["n"]);
        let family = family.register().unwrap();
        for _ in 0..EACH {
            self.made += 1;
            self.hits.inc();
            let trace = self.made.to_string();
            self.times.observe_with_exemplar(0.25, [("trace", trace.as_str())]).unwrap();
            for gauge in [&self.level, &self.kept, &self.live] {
                gauge.set(self.made);
            }
            // A series that nobody had before.
            family.with([&self.made.to_string()]).inc();
        }
    }

    /// What a flush and a scrape come to.
    fn fails(&mut self) -> BackendError {
        self.update();
        let error = self.registry.flush_blocking().expect_err("something is wrong");
        self.update();
        let again = self.registry.collect_blocking().expect_err("something is still wrong");
        assert_eq!(again.kind, error.kind, "{again}, and before: {error}");
        self.update();
        error
    }

    #[track_caller]
    fn arrives(&self) {
        self.registry.flush_blocking().unwrap_or_else(|error| panic!("{error}"));
        let made = Some(f64::from(self.made));
        assert_eq!(value(&self.registry, "hits_total"), made, "hits");
        assert_eq!(value(&self.registry, "times_count"), made, "count");
        assert_eq!(value(&self.registry, "times_sum"), Some(f64::from(self.made) / 4.0));
        for gauge in ["level", "kept", "live"] {
            assert_eq!(value(&self.registry, gauge), made, "{gauge}");
        }
        assert_eq!(exemplar(&self.registry), Some(self.made.to_string()));
        for n in 1..=self.made {
            let n = n.to_string();
            let labels = [("n", n.as_str())];
            if self.made - n.parse::<u32>().unwrap() < 4 * EACH {
                let value = self.registry.value("more_total", labels).unwrap();
                assert_eq!(value, Some(1.0), "{n}");
            }
        }
        assert_eq!(self.redis.status().failure, None);
    }
}

/// The trace in the exemplar of `times`.
fn exemplar(registry: &Registry) -> Option<String> {
    struct Find(Option<String>);
    impl Visitor for Find {
        fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
            Ok(())
        }
        fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
            if let Value::Histogram { exemplars, .. } = value {
                let exemplar = exemplars.iter().flatten().next();
                self.0 = exemplar.and_then(|e| e.labels.get("trace").map(Into::into));
            }
            Ok(())
        }
    }
    let mut find = Find(None);
    registry.collect_blocking().unwrap().visit(&mut find).unwrap();
    find.0
}

#[track_caller]
fn is(error: &BackendError, kind: BackendErrorKind, parts: &[&str]) {
    assert_eq!(error.kind, kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no {part} in: {error}");
    }
}

const KEYS: [&str; 8] =
    ["cells", "names", "families", "notes", "clients", "owners", "changes", "spare"];

const CELLS: &str = "{pytheus:0}:cells";

/// All keys there may be: those of every shard, and those of the one client.
fn keys(server: &Server) -> Vec<String> {
    let mut keys = server.query::<Vec<String>>(["KEYS", "{pytheus:0}:kept:*"]);
    keys.extend(server.query::<Vec<String>>(["KEYS", "{pytheus:0}:live:*"]));
    assert_eq!(keys.len(), 2, "{keys:?}");
    keys.extend(KEYS.map(|key| format!("{{pytheus:0}}:{key}")));
    keys
}

#[test]
fn a_key_of_another_type_is_named() {
    let server = Server::start();
    let mut program = Program::start(&server);
    for key in keys(&server) {
        let is_there = server.query::<bool>(["EXISTS", &key]);
        if is_there {
            server.command(["RENAME", &key, "elsewhere"]);
        }
        server.command(["XADD", &key, "*", "foreign", "data"]);
        let error = program.fails();
        is(&error, Conflict, &[&key]);
        assert_eq!(server.query::<i64>(["XLEN", &key]), 1, "foreign data is left alone");
        server.command(["DEL", &key]);
        if is_there {
            server.command(["RENAME", "elsewhere", &key]);
        }
        program.arrives();
    }
}

#[test]
fn foreign_data_is_left_alone() {
    let server = Server::start();
    let mut program = Program::start(&server);
    server.command(["RENAME", CELLS, "elsewhere"]);
    server.command(["SET", CELLS, "something of somebody else's, and rather long"]);
    let error = program.fails();
    is(&error, Corrupt, &[CELLS]);
    let left: String = server.query(["GET", CELLS]);
    assert_eq!(left, "something of somebody else's, and rather long");
    server.command(["RENAME", "elsewhere", CELLS]);
    program.arrives();
    // A program that comes is told, too.
    server.command(["RENAME", CELLS, "elsewhere"]);
    server.command(["SADD", CELLS, "foreign"]);
    let error = Redis::open_with(&server.url(), &slow()).unwrap_err().to_string();
    assert!(error.contains(CELLS), "{error}");
}

#[test]
fn foreign_data_of_the_right_type_is_left_alone() {
    let server = Server::start();
    let mut program = Program::start(&server);
    for (key, put) in [
        ("names", &["RPUSH", "a list", "of somebody else"][..]),
        ("families", &["HSET", "a", "hash", "of", "somebody", "else", "!"]),
        ("notes", &["HSET", "a", "hash", "of", "somebody", "else", "!"]),
        ("clients", &["HSET", "a", "hash", "of", "somebody", "else", "!"]),
        ("owners", &["SADD", "a set", "of somebody else"]),
        ("changes", &["RPUSH", "a list", "of somebody else"]),
        ("spare", &["RPUSH", "a list", "of somebody else"]),
    ] {
        // Whether the cells are there or not; but with them, the last two are taken for what they are
        // called, since all they do is to save work.
        for cells in [true, false] {
            if cells && ["changes", "spare"].contains(&key) {
                continue;
            }
            let key = format!("{{pytheus:0}}:{key}");

            let moved = [&key, CELLS].into_iter().take(if cells { 1 } else { 2 });
            for key in moved.filter(|key| server.query::<bool>(["EXISTS", key])) {
                server.command(["RENAME", key, &format!("elsewhere:{key}")]);
            }
            let words = [put[0], &key].into_iter().chain(put[1..].iter().copied());
            server.command(words);
            is(&program.fails(), Corrupt, &[&key]);
            let type_of = server.query::<String>(["TYPE", &key]);
            assert_ne!(type_of, "none", "{key} was deleted");
            server.command(["DEL", &key]);
            for key in server.query::<Vec<String>>(["KEYS", "elsewhere:*"]) {
                server.command(["RENAME", &key, &key["elsewhere:".len()..]]);
            }
            program.arrives();
        }
    }
}

#[test]
fn keys_that_are_deleted_come_back() {
    let server = Server::start();
    let mut program = Program::start(&server);
    for key in keys(&server) {
        server.command(["DEL", &key]);
        program.update();
        program.arrives();
    }
    server.command(["FLUSHALL"]);
    program.update();
    program.arrives();
}

#[test]
fn scripts_that_are_forgotten_are_loaded_again() {
    let server = Server::start();
    let mut program = Program::start(&server);
    for _ in 0..3 {
        server.command(["SCRIPT", "FLUSH"]);
        program.update();
        program.arrives();
    }
    assert_eq!(program.redis.status().failures, 0);
}

#[test]
fn a_server_without_memory_is_full() {
    let server = Server::start();
    let mut program = Program::start(&server);
    server.command(["CONFIG", "SET", "maxmemory", "1"]);
    is(&program.fails_to_flush(), Full, &["maxmemory", CELLS]);
    server.command(["CONFIG", "SET", "maxmemory", "0"]);
    program.arrives();
}

#[test]
fn a_server_that_has_become_a_replica_is_unavailable() {
    let (server, master) = (Server::start(), Server::start());
    let mut program = Program::start(&server);
    // Of a master that is not there, so that what is here stays.
    master.kill();
    server.command(["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    is(&program.fails_to_flush(), Unavailable, &["READONLY", CELLS]);
    server.command(["REPLICAOF", "NO", "ONE"]);
    program.arrives();
}

impl Program {
    /// Where reading may still be possible.
    fn fails_to_flush(&mut self) -> BackendError {
        self.update();
        let error = self.registry.flush_blocking().expect_err("something is wrong");
        self.update();
        error
    }
}

#[test]
fn a_server_that_is_silent_is_timed_out() {
    let server = Server::start();
    let mut program = Program::start_with(&server, Duration::from_secs(1));
    server.pause();
    let before = Instant::now();
    program.update();
    assert!(before.elapsed() < Duration::from_millis(900), "updates waited for the server");
    let error = program.fails();
    is(&error, TimedOut, &[&server.port().to_string(), CELLS]);
    server.resume();
    program.arrives();
}

#[test]
fn a_server_that_is_gone_is_unavailable() {
    let server = Server::builder().args(["--appendonly", "yes", "--appendfsync", "always"]).start();
    let mut program = Program::start(&server);
    server.kill();
    let error = program.fails();
    is(&error, Unavailable, &[&server.port().to_string()]);
    server.restart();
    program.arrives();
}

#[test]
fn a_server_that_lost_everything_is_told_everything() {
    let server = Server::start();
    let mut program = Program::start(&server);
    server.restart();
    program.update();
    program.arrives();
}

#[test]
fn a_command_that_a_user_may_not_use_is_named() {
    const COMMANDS: [&str; 30] = [
        "evalsha",
        "bitfield",
        "setrange",
        "getrange",
        "time",
        "strlen",
        "llen",
        "lindex",
        "lrange",
        "rpush",
        "hset",
        "hlen",
        "hget",
        "unlink",
        "scard",
        "script|load",
        "hmget",
        "hdel",
        "hscan",
        "lset",
        "lpop",
        "ltrim",
        "sadd",
        "srem",
        "smembers",
        "srandmember",
        "exists",
        "pexpire",
        "hgetall",
        "ping",
    ];
    let server = Server::start();
    let mut program = Program::start(&server);
    let mut named = Vec::new();
    for command in COMMANDS {
        server.command(["ACL", "SETUSER", "default", &format!("-{command}")]);
        // As a program that connects anew, or not: what is not permitted may be found out late.
        server.command(["SCRIPT", "FLUSH"]);
        program.update();
        if let Err(error) = program.registry.flush_blocking() {
            is(&error, Denied, &[]);
            let text = error.to_string().to_lowercase();
            assert!(text.contains(command.split('|').next().unwrap()), "{command}: {text}");
            named.push(command);
        }
        server.command(["ACL", "SETUSER", "default", "+@all"]);
        program.arrives();
    }
    // The others are for what this program does not do: series that are removed, clients that end.
    let must = ["evalsha", "bitfield", "setrange", "getrange", "time", "hset", "hget", "rpush"];
    assert!(must.iter().all(|command| named.contains(command)), "{named:?}");
}

#[test]
fn a_user_who_is_taken_away_everything_is_denied() {
    let server = Server::start();
    let mut program = Program::start(&server);
    for rules in [&["-@all"][..], &["resetkeys", "~other:*"], &["off"], &["resetpass", ">other"]] {
        let change = ["ACL", "SETUSER", "default"].iter().chain(rules);
        server.command(change.copied());
        server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        is(&program.fails(), Denied, &[]);
        server.command(["ACL", "SETUSER", "default", "on", "nopass", "allkeys", "+@all"]);
        program.arrives();
    }
}

#[test]
fn a_permission_that_is_taken_away_leaves_no_batch_half_done() {
    let server = Server::start();
    let (_, registry) = open(&server.url(), &slow());
    let times = registry.histogram("times", "d").register().unwrap();
    let mode = GaugeMode::LiveMax;
    let live = registry.gauge("live", "d").mode(mode).label_names(["n"]).register().unwrap();
    let mut made = 0;
    for command in ["bitfield", "setrange", "getrange", "time", "hset", "hget", "sadd", "pexpire"] {
        times.observe(0.25);
        registry.flush_blocking().unwrap();
        // As if its gauges had expired.
        for key in server.query::<Vec<String>>(["KEYS", "{pytheus:0}:live:*"]) {
            server.command(["DEL", &key]);
        }
        server.command(["ACL", "SETUSER", "default", &format!("-{command}")]);
        times.observe(0.25);
        live.with([command]).set(made);
        let error = registry.flush_blocking().unwrap_err();
        is(&error, Denied, &[command.to_uppercase().as_str()]);
        server.command(["ACL", "SETUSER", "default", "+@all"]);
        let labels = [("n", command)];
        assert_eq!(registry.value("live", labels).unwrap(), Some(made.into()), "{command}");
        made += 2;
        let count = value(&registry, "times_count");
        let sum = value(&registry, "times_sum");
        assert_eq!((count, sum), (Some(made.into()), Some(f64::from(made) / 4.0)), "{command}");
    }
}
