//! Sentinels that watch over a master and its replicas.

use std::time::Duration;

use crate::replication::Replication;
use crate::server::Server;
use crate::wait::eventually;

/// How many sentinels there are, and how many have to agree that the master is down.
const SENTINELS: usize = 3;
const QUORUM: usize = 2;

/// A master that has not answered for so long is down to a sentinel.
const DOWN_AFTER_MS: u32 = 500;

/// After a failover that did not succeed the next is tried after twice this.
const FAILOVER_TIMEOUT_MS: u32 = 1500;

/// The sentinels' usual pauses are seconds, and half a minute after they noticed that they
/// themselves were stopped or late (`TILT`); tests have less time. In milliseconds.
const PERIODS: [(&str, u32); 6] = [
    ("ASK-PERIOD", 100),
    ("INFO-PERIOD", 200),
    // How long a link that gives no answer is kept before the next is tried.
    ("MIN-LINK-RECONNECT-PERIOD", 1000),
    // A replica whose last `INFO` is older than five of these is not promoted, and while the master
    // is down a sentinel asks for that once a second, whatever `INFO-PERIOD` says.
    ("PING-PERIOD", 300),
    ("PUBLISH-PERIOD", 100),
    ("TILT-PERIOD", 1000),
];

/// Time for sentinels to find or to change something, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three sentinels that put a replica in the place of a master that is down.
///
/// # Examples
///
/// ```no_run
/// use pytheus_test_servers::Sentinels;
///
/// let watched = Sentinels::start(2);
/// watched.servers().server(0).kill();
/// let master = watched.wait_for_failover(0);
/// watched.servers().server(master).command(["SET", "name", "shop"]);
/// ```
#[derive(Debug)]
pub struct Sentinels {
    sentinels: Vec<Server>,
    servers: Replication,
}

impl Sentinels {
    /// What the sentinels call the master.
    pub const MASTER: &str = "shop";

    /// Starts a master, so many replicas, and three sentinels, and returns when the sentinels know
    /// of all of them and of one another.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or one does not come up.
    pub fn start(replicas: usize) -> Self {
        let servers = Replication::start(replicas);
        let master = Self::MASTER;
        let port = servers.server(0).port();
        let settings = [
            format!("sentinel monitor {master} 127.0.0.1 {port} {QUORUM}"),
            format!("sentinel down-after-milliseconds {master} {DOWN_AFTER_MS}"),
            format!("sentinel failover-timeout {master} {FAILOVER_TIMEOUT_MS}"),
        ];
        let sentinel = Server::builder().sentinel(settings);
        let sentinels = (0..SENTINELS).map(|_| sentinel.clone().start()).collect();
        let started = Self { sentinels, servers };
        for sentinel in &started.sentinels {
            for (period, milliseconds) in PERIODS {
                sentinel.command(["SENTINEL", "DEBUG", period, &milliseconds.to_string()]);
            }
        }
        eventually("the sentinels know everybody", PATIENCE, || started.know(replicas));
        started
    }

    fn know(&self, replicas: usize) -> bool {
        self.sentinels.iter().all(|sentinel| {
            let count =
                |what| sentinel.query::<Vec<redis::Value>>(["SENTINEL", what, Self::MASTER]);
            count("SENTINELS").len() == SENTINELS - 1
                && count("REPLICAS").len() == replicas
                && sentinel.try_query::<String>(["SENTINEL", "CKQUORUM", Self::MASTER]).is_ok()
        })
    }

    /// The sentinels.
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The addresses of the sentinels.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    /// The servers they watch. Number 0 is the master at the start.
    pub fn servers(&self) -> &Replication {
        &self.servers
    }

    /// The number of the server that every running sentinel has for the master, if they agree.
    pub fn master(&self) -> Option<usize> {
        let running = self.sentinels.iter().filter(|sentinel| sentinel.process_id().is_some());
        let mut ports = running.map(|sentinel| {
            let address = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MASTER];
            sentinel.query::<(String, u16)>(address).1
        });
        let port = ports.next()?;
        if !ports.all(|other| other == port) {
            return None;
        }
        self.servers.servers().iter().position(|server| server.port() == port)
    }

    /// Waits until the running sentinels agree on a master other than `old`, and it is one. Its
    /// number.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    pub fn wait_for_failover(&self, old: usize) -> usize {
        let mut new = old;
        eventually("another server becomes the master", PATIENCE, || {
            new = self.master().unwrap_or(old);
            new != old && {
                let role = self.servers.server(new).info("replication", "role");
                role.as_deref() == Some("master")
            }
        });
        new
    }
}
