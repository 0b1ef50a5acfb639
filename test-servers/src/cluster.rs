//! Servers that share the keys among them.

mod slots;

use std::time::Duration;

use crate::server::Server;
use crate::wait::eventually;

pub use slots::SlotMove;

/// How many masters there are; each has one replica.
const MASTERS: usize = 3;

/// How many slots a cluster has.
const SLOTS: usize = 16384;

/// A node that has not answered for so long is down to the others.
const NODE_TIMEOUT_MS: &str = "1000";

/// Time for nodes to find or to change something, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Six servers: numbers 0, 1 and 2 are masters at the start, each with a third of the slots, and 3,
/// 4 and 5 their replicas in this order.
///
/// # Examples
///
/// ```no_run
/// use pytheus_test_servers::Cluster;
///
/// let cluster = Cluster::start();
/// let slot = cluster.key_slot("hits");
/// let other = (cluster.owner(slot).unwrap() + 1) % 3;
/// cluster.move_slot(slot, other);
/// assert_eq!(cluster.owner(slot), Some(other));
/// ```
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
    ids: Vec<String>,
}

impl Cluster {
    /// Starts them, and returns when each says that the cluster is well.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or one does not come up.
    pub fn start() -> Self {
        let settings = [
            ["--cluster-node-timeout", NODE_TIMEOUT_MS],
            // A replica takes over however old its data are.
            ["--cluster-replica-validity-factor", "0"],
        ];
        let node = Server::builder().args(settings.concat()).cluster();
        let nodes: Vec<Server> = (0..2 * MASTERS).map(|_| node.clone().start()).collect();
        let ids = nodes.iter().map(|node| node.query(["CLUSTER", "MYID"])).collect();
        let cluster = Self { nodes, ids };
        cluster.meet();
        cluster.spread_slots();
        cluster.attach_replicas();
        cluster.wait_until_well();
        cluster
    }

    fn meet(&self) {
        for (epoch, node) in (1..).zip(&self.nodes) {
            node.command(["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()]);
        }
        for node in &self.nodes[1..] {
            let bus = node.bus_port().expect("a node has a bus");
            let (port, bus) = (node.port().to_string(), bus.to_string());
            self.nodes[0].command(["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        eventually("all nodes know one another", PATIENCE, || {
            self.nodes.iter().all(|node| {
                let known: String = node.query(["CLUSTER", "NODES"]);
                self.ids.iter().all(|id| known.contains(id)) && !known.contains("handshake")
            })
        });
    }

    fn spread_slots(&self) {
        for (number, node) in self.nodes[..MASTERS].iter().enumerate() {
            let first = SLOTS * number / MASTERS;
            let last = SLOTS * (number + 1) / MASTERS - 1;
            node.command(["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
    }

    fn attach_replicas(&self) {
        for (replica, master) in self.nodes[MASTERS..].iter().zip(&self.ids) {
            replica.command(["CLUSTER", "REPLICATE", master]);
        }
        eventually("the replicas have caught up", PATIENCE, || {
            self.nodes[MASTERS..].iter().all(|replica| {
                replica.info("replication", "master_link_status").as_deref() == Some("up")
            })
        });
        // Otherwise a test that kills a master at once finds nodes that know of no replica.
        eventually("all nodes know which are replicas", PATIENCE, || {
            self.nodes.iter().all(|node| {
                let known: String = node.query(["CLUSTER", "NODES"]);
                known.lines().filter(|line| line.contains("slave")).count() == MASTERS
            })
        });
    }

    /// All nodes, by number.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The node with this number.
    ///
    /// # Panics
    ///
    /// When there are not so many.
    #[track_caller]
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    /// The addresses of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// Waits until every running node says that all slots are served.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    pub fn wait_until_well(&self) {
        eventually("cluster_state:ok on all nodes", PATIENCE, || {
            self.running().all(|node| {
                let state: String = node.query(["CLUSTER", "INFO"]);
                state.contains("cluster_state:ok")
            })
        });
    }

    /// Waits until every running node has a running owner other than `old` for this slot, the same
    /// one, and the cluster is well again. The owner's number.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    pub fn wait_for_failover(&self, slot: u16, old: usize) -> usize {
        let mut new = None;
        eventually("another node serves the slot", PATIENCE, || {
            new = self.owner(slot).filter(|&owner| owner != old);
            new.is_some()
        });
        self.wait_until_well();
        new.expect("the wait has ended")
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().filter(|node| node.process_id().is_some())
    }
}
