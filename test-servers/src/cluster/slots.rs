//! Which node serves a slot, and moving a slot to another one.

use redis::{FromRedisValue, Value};

use super::{Cluster, PATIENCE};
use crate::wait::eventually;

/// How many keys [`Cluster::move_slot`] moves at once.
const KEYS: usize = 10;

/// Time for one `MIGRATE`.
const MIGRATE_MS: &str = "5000";

impl Cluster {
    /// The slot of a key: of the part in braces, if there is one.
    ///
    /// # Panics
    ///
    /// When no node runs.
    pub fn key_slot(&self, key: &str) -> u16 {
        let node = self.running().next().expect("a running node");
        node.query(["CLUSTER", "KEYSLOT", key])
    }

    /// The number of the node that serves the slot, if all running nodes agree.
    pub fn owner(&self, slot: u16) -> Option<usize> {
        let mut owners = self.running().map(|node| {
            let ranges: Vec<Vec<Value>> = node.query(["CLUSTER", "SLOTS"]);
            ranges.into_iter().find_map(|range| owner_in(range, slot))
        });
        let owner = owners.next()??;
        if !owners.all(|other| other == Some(owner.clone())) {
            return None;
        }
        self.ids.iter().position(|id| *id == owner)
    }

    /// Moves a slot with its keys to another node, while clients go on using them, and returns when
    /// all running nodes know.
    ///
    /// # Panics
    ///
    /// As [`begin_move`](Self::begin_move) and [`SlotMove::finish`].
    pub fn move_slot(&self, slot: u16, to: usize) {
        let slot_move = self.begin_move(slot, to);
        while slot_move.move_keys(KEYS) > 0 {}
        slot_move.finish();
    }

    /// Begins to move a slot: for keys that are no longer, or not yet, at the old node, that one
    /// now answers `ASK`.
    ///
    /// # Panics
    ///
    /// When the nodes do not agree whose the slot is, or it is that node's.
    pub fn begin_move(&self, slot: u16, to: usize) -> SlotMove<'_> {
        let from = self.owner(slot).expect("a slot whose owner is known to all nodes");
        assert_ne!(from, to, "slot {slot} is at node {to}");
        let slot_move = SlotMove { cluster: self, slot, from, to };
        slot_move.set(to, ["IMPORTING", &self.ids[from]]);
        slot_move.set(from, ["MIGRATING", &self.ids[to]]);
        slot_move
    }
}

/// The id of the node in an entry of `CLUSTER SLOTS`, if the slot is in it.
fn owner_in(range: Vec<Value>, slot: u16) -> Option<String> {
    let mut range = range.into_iter();
    let first = u16::from_redis_value(range.next()?).ok()?;
    let last = u16::from_redis_value(range.next()?).ok()?;
    if !(first..=last).contains(&slot) {
        return None;
    }
    let (_, _, id): (Value, Value, String) = match range.next()? {
        Value::Array(mut node) => {
            node.truncate(3);
            FromRedisValue::from_redis_value(Value::Array(node)).ok()?
        }
        _ => return None,
    };
    Some(id)
}

/// A slot that is on its way from one node to another.
///
/// # Examples
///
/// ```no_run
/// let cluster = pytheus_test_servers::Cluster::start();
/// let slot = cluster.key_slot("{shop}");
/// let owner = cluster.owner(slot).unwrap();
/// let slot_move = cluster.begin_move(slot, (owner + 1) % 3);
/// slot_move.move_keys(1);
/// // Here a command on several of the slot's keys meets `TRYAGAIN`.
/// while slot_move.move_keys(10) > 0 {}
/// slot_move.finish();
/// ```
#[derive(Debug)]
#[must_use = "a slot that is not moved to the end stays half moved"]
pub struct SlotMove<'a> {
    cluster: &'a Cluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl SlotMove<'_> {
    /// Moves up to so many of the keys that are at the old node. How many there were.
    pub fn move_keys(&self, limit: usize) -> usize {
        let (slot, limit) = (self.slot.to_string(), limit.to_string());
        let from = self.cluster.node(self.from);
        let keys: Vec<Vec<u8>> = from.query(["CLUSTER", "GETKEYSINSLOT", &slot, &limit]);
        if !keys.is_empty() {
            let port = self.cluster.node(self.to).port().to_string();
            let migrate = ["MIGRATE", "127.0.0.1", &port, "", "0", MIGRATE_MS, "KEYS"];
            let migrate = migrate.into_iter().map(str::as_bytes);
            from.command(migrate.chain(keys.iter().map(Vec::as_slice)));
        }
        keys.len()
    }

    /// Gives the slot to the new node, and returns when all running nodes know.
    ///
    /// # Panics
    ///
    /// When the old node still has keys of it, or the nodes do not agree within a minute.
    pub fn finish(self) {
        let id = &self.cluster.ids[self.to];
        // The new owner first: were it the other way round, neither would serve it in between.
        self.set(self.to, ["NODE", id]);
        self.set(self.from, ["NODE", id]);
        eventually("all nodes know the slot's new owner", PATIENCE, || {
            self.cluster.owner(self.slot) == Some(self.to)
        });
    }

    fn set(&self, node: usize, what: [&str; 2]) {
        let slot = self.slot.to_string();
        self.cluster.node(node).command(["CLUSTER", "SETSLOT", &slot, what[0], what[1]]);
    }
}
