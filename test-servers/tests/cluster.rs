//! Six nodes, slots on the move, and a master that dies.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use pytheus_test_servers::{Cluster, Server};
use redis::cluster::ClusterClient;

#[test]
fn slots_move_and_fail_over_while_a_client_counts() {
    let cluster = Cluster::start();
    a_node_sends_a_client_to_the_slots_owner(&cluster);
    a_slot_that_is_half_moved_answers_ask(&cluster);
    a_slot_moves_under_load_without_losing_a_count(&cluster);
    a_replica_takes_the_place_of_a_dead_master(&cluster);
}

fn a_node_sends_a_client_to_the_slots_owner(cluster: &Cluster) {
    // From the specification of the cluster.
    assert_eq!(cluster.key_slot("123456789"), 12739);
    assert_eq!(cluster.key_slot("{123456789}.hits"), 12739);
    assert_eq!(cluster.owner(12739), Some(2));
    assert_eq!(cluster.owner(0), Some(0));
    let error = cluster.node(0).try_query::<i64>(["INCR", "123456789"]).unwrap_err();
    assert_eq!(error.redirect_node(), Some((address(cluster.node(2)).as_str(), 12739)));
}

fn a_slot_that_is_half_moved_answers_ask(cluster: &Cluster) {
    let slot = cluster.key_slot("{asked}");
    let from = cluster.owner(slot).unwrap();
    let to = (from + 1) % 3;
    for key in ["{asked}1", "{asked}2", "{asked}3"] {
        cluster.node(from).command(["SET", key, "1"]);
    }
    let slot_move = cluster.begin_move(slot, to);
    assert_eq!(slot_move.move_keys(2), 2);
    let codes: Vec<_> = ["{asked}1", "{asked}2", "{asked}3"]
        .map(|key| cluster.node(from).try_query::<i64>(["GET", key]))
        .into_iter()
        .filter_map(|answer| Some(answer.err()?.code()?.to_owned()))
        .collect();
    assert_eq!(codes, ["ASK", "ASK"]);
    let error = cluster
        .node(from)
        .try_query::<Vec<i64>>(["MGET", "{asked}1", "{asked}2", "{asked}3"])
        .unwrap_err();
    assert_eq!(error.code(), Some("TRYAGAIN"));
    assert_eq!(slot_move.move_keys(2), 1);
    assert_eq!(slot_move.move_keys(2), 0);
    slot_move.finish();
    assert_eq!(cluster.owner(slot), Some(to));
    assert_eq!(cluster.node(to).query::<i64>(["GET", "{asked}3"]), 1);
}

fn a_slot_moves_under_load_without_losing_a_count(cluster: &Cluster) {
    let slot = cluster.key_slot("{moved}");
    let home = cluster.owner(slot).unwrap();
    let (over, counted) = (AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = ClusterClient::new(cluster.urls()).unwrap();
            let mut connection = client.get_connection().unwrap();
            while !over.load(Ordering::Relaxed) {
                for key in 0..20 {
                    let key = format!("{{moved}}{key}");
                    redis::cmd("INCR").arg(key).query::<i64>(&mut connection).unwrap();
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let _end = SetOnDrop(&over);
        for step in 1..=6 {
            let before = counted.load(Ordering::Relaxed);
            pytheus_test_servers::eventually("the client counts", PATIENCE, || {
                counted.load(Ordering::Relaxed) > before + 20
            });
            cluster.move_slot(slot, (home + step) % 3);
        }
    });
    assert_eq!(cluster.owner(slot), Some(home));
    let kept: i64 = (0..20)
        .map(|key| cluster.node(home).query::<i64>(["GET", &format!("{{moved}}{key}")]))
        .sum();
    assert_eq!(kept, counted.into_inner());
}

fn a_replica_takes_the_place_of_a_dead_master(cluster: &Cluster) {
    let slot = cluster.key_slot("{kept}");
    let master = cluster.owner(slot).unwrap();
    let mut connection = cluster.node(master).client().get_connection().unwrap();
    let mut commands = redis::pipe();
    commands.cmd("SET").arg("{kept}").arg("shop").ignore();
    // Returns when the replica has it.
    commands.cmd("WAIT").arg(1).arg(10_000);
    let (replicas,): (i64,) = commands.query(&mut connection).unwrap();
    assert_eq!(replicas, 1);

    cluster.node(master).kill();
    let replica = cluster.wait_for_failover(slot, master);
    assert_eq!(replica, master + 3);
    assert_eq!(cluster.node(replica).query::<String>(["GET", "{kept}"]), "shop");

    cluster.node(master).restart();
    cluster.wait_until_well();
    assert_eq!(cluster.owner(slot), Some(replica));
}

/// Ends the client also when a check fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

fn address(node: &Server) -> String {
    format!("127.0.0.1:{}", node.port())
}
