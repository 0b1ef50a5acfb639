//! A master and its replicas.

use std::time::Duration;

use crate::server::Server;
use crate::wait::eventually;

/// Time for a replica to catch up, on a busy machine.
const SYNC: Duration = Duration::from_secs(30);

/// Servers of which the first, number 0, is the master of the others at the start.
///
/// # Examples
///
/// A replica takes over by hand:
///
/// ```
/// let servers = pytheus_test_servers::Replication::start(1);
/// servers.server(0).command(["SET", "name", "shop"]);
/// servers.wait_for_sync();
///
/// servers.server(0).kill();
/// servers.promote(1);
/// servers.server(1).command(["SET", "name", "a greater shop"]);
/// ```
#[derive(Debug)]
pub struct Replication {
    servers: Vec<Server>,
}

impl Replication {
    /// Starts a master and so many replicas, and returns when they have caught up.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or one does not come up.
    pub fn start(replicas: usize) -> Self {
        let started = Self { servers: (0..=replicas).map(|_| Server::start()).collect() };
        (1..=replicas).for_each(|replica| started.follow(replica, 0));
        started.wait_for_sync();
        started
    }

    /// All of them, by number.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The one with this number.
    ///
    /// # Panics
    ///
    /// When there are not so many.
    #[track_caller]
    pub fn server(&self, number: usize) -> &Server {
        &self.servers[number]
    }

    /// Makes it a master (`REPLICAOF NO ONE`). Nothing else changes: the old master, if it runs,
    /// still believes it is one, and its other replicas follow it.
    pub fn promote(&self, number: usize) {
        self.server(number).command(["REPLICAOF", "NO", "ONE"]);
    }

    /// Makes it a replica of that one: it forgets what it has and copies the other.
    pub fn follow(&self, number: usize, master: usize) {
        let port = self.server(master).port().to_string();
        self.server(number).command(["REPLICAOF", "127.0.0.1", &port]);
    }

    /// Waits until every running replica of a running master has all that its master has now.
    ///
    /// # Panics
    ///
    /// When that takes longer than half a minute.
    pub fn wait_for_sync(&self) {
        for replica in self.servers.iter().filter(|server| server.process_id().is_some()) {
            let Some(port) = replica.info("replication", "master_port") else { continue };
            let is_master = |server: &&Server| {
                server.process_id().is_some() && server.port().to_string() == port
            };
            let Some(master) = self.servers.iter().find(is_master) else { continue };
            let wanted = offset(master, "master_repl_offset");
            eventually("the replica has caught up", SYNC, || {
                let link = replica.info("replication", "master_link_status");
                link.as_deref() == Some("up") && offset(replica, "slave_repl_offset") >= wanted
            });
        }
    }
}

/// How far a server is in the stream of changes, in bytes.
fn offset(server: &Server, field: &str) -> Option<u64> {
    server.info("replication", field)?.parse().ok()
}
