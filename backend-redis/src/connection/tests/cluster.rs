use super::*;
use pytheus_core::BackendErrorKind::{TimedOut, Unavailable};
use pytheus_test_servers::{Cluster, eventually};

/// Time for nodes to agree on something, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn url(cluster: &Cluster) -> String {
    let hosts: Vec<_> =
        cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    format!("redis://127.0.0.1:1,{}", hosts.join(","))
}

/// One cluster for all of it: it takes seconds to come up.
#[test]
fn slots_are_found_moved_and_failed_over() {
    let cluster = Cluster::start();
    let mut connection = open(&url(&cluster), "").unwrap();
    assert!(connection.is_cluster());
    every_key_is_at_the_node_that_has_its_slot(&cluster, &mut connection);
    one_node_is_enough_to_find_the_others(&cluster);
    a_slot_that_moved_is_followed(&cluster, &mut connection);
    a_slot_that_is_half_moved_is_used_on_both_sides(&cluster, &mut connection);
    a_slot_moves_under_load_and_no_count_is_lost_or_made_twice(&cluster, &mut connection);
    a_dead_master_is_unavailable_until_its_replica_takes_over(&cluster, &mut connection);
}

fn every_key_is_at_the_node_that_has_its_slot(cluster: &Cluster, connection: &mut Connection) {
    let mut owners = std::collections::BTreeSet::new();
    for number in 0..20 {
        let key = format!("{{{number}}}:k");
        let commands = pipeline(&[&format!("SET {key} {number}"), &format!("GET {key}")]);
        let answers = connection.send(key.as_bytes(), &commands).unwrap();
        assert_eq!(answers, [Value::Okay, bulk(&number.to_string())]);
        let slot = cluster.key_slot(&key);
        assert_eq!(super::super::slots::slot(key.as_bytes()), slot);
        let owner = cluster.owner(slot).unwrap();
        assert_eq!(cluster.node(owner).query::<String>(["GET", &key]), number.to_string());
        owners.insert(owner);
    }
    assert_eq!(owners.len(), 3);
}

fn one_node_is_enough_to_find_the_others(cluster: &Cluster) {
    // A replica.
    let mut connection = open(&cluster.node(4).url(), "cluster = true").unwrap();
    let commands = pipeline(&["INCR {0}:n", "INCR {0}:n"]);
    let answers = connection.send(b"{0}:n", &commands).unwrap();
    assert_eq!(answers, [Value::Int(1), Value::Int(2)]);
}

fn a_slot_that_moved_is_followed(cluster: &Cluster, connection: &mut Connection) {
    let slot = cluster.key_slot("{moved}");
    let to = (cluster.owner(slot).unwrap() + 1) % 3;
    connection.send(b"{moved}", &pipeline(&["INCR {moved}"])).unwrap();
    cluster.move_slot(slot, to);
    let answers =
        connection.send(b"{moved}", &pipeline(&["INCR {moved}", "INCR {moved}"])).unwrap();
    assert_eq!(answers, [Value::Int(2), Value::Int(3)]);
    let to = (to + 1) % 3;
    cluster.move_slot(slot, to);
    // One that any node would take.
    let mut transaction = pipeline(&["INCR {moved}", "ECHO x", "INCR {moved}"]);
    let answers = connection.send(b"{moved}", transaction.atomic()).unwrap();
    assert_eq!(answers, [Value::Int(4), bulk("x"), Value::Int(5)]);
    assert_eq!(cluster.node(to).query::<String>(["GET", "{moved}"]), "5");
}

fn a_slot_that_is_half_moved_is_used_on_both_sides(cluster: &Cluster, connection: &mut Connection) {
    let slot = cluster.key_slot("{half}");
    let from = cluster.owner(slot).unwrap();
    let keys = ["{half}1", "{half}2", "{half}3"];
    for key in keys {
        connection.send(b"{half}", &pipeline(&[&format!("SET {key} 0")])).unwrap();
    }
    let moving = cluster.begin_move(slot, (from + 1) % 3);
    assert_eq!(moving.move_keys(2), 2);
    // Some of the keys are here, some are there, and a new one is made there.
    let commands = pipeline(&[
        "INCR {half}1",
        "INCR {half}2",
        "INCR {half}3",
        "INCR {half}new",
        "NOSUCH",
        "MGET {half}1 {half}2 {half}3",
    ]);
    let answers = connection.send(b"{half}", &commands).unwrap();
    let one = Value::Int(1);
    assert_eq!(answers[..4], [one.clone(), one.clone(), one.clone(), one]);
    assert_eq!(refused(&answers[4]).code(), "ERR");
    let split = refused(&answers[5]);
    assert_eq!(split.code(), "TRYAGAIN");
    assert_eq!(connection.server_error("{half}", split).kind, Unavailable);
    // A transaction on keys that have moved goes there as a whole.
    let moved: Vec<_> = keys
        .into_iter()
        .filter(|key| cluster.node(from).try_query::<Value>(["GET", key]).is_err())
        .collect();
    assert_eq!(moved.len(), 2);
    let lines: Vec<_> = moved.iter().map(|key| format!("INCR {key}")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let answers = connection.send(b"{half}", pipeline(&lines).atomic()).unwrap();
    assert_eq!(answers, [Value::Int(2), Value::Int(2)]);
    // A script that is not known there can be brought along.
    let script = "return redis.call('INCR', KEYS[1])";
    let mut commands = Pipeline::new();
    commands.cmd("EVALSHA").arg(redis::Script::new(script).get_hash()).arg(1).arg(moved[0]);
    commands.cmd("EVAL").arg(script).arg(1).arg(moved[0]);
    let answers = connection.send(b"{half}", &commands).unwrap();
    assert_eq!(refused(&answers[0]).code(), "NOSCRIPT");
    assert_eq!(answers[1], Value::Int(3));
    while moving.move_keys(10) > 0 {}
    moving.finish();
    let answers = connection.send(b"{half}", &pipeline(&["MGET {half}1 {half}2 {half}3"])).unwrap();
    let Value::Array(values) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(values.len(), 3);
}

fn a_slot_moves_under_load_and_no_count_is_lost_or_made_twice(
    cluster: &Cluster,
    connection: &mut Connection,
) {
    const ROUNDS: usize = 6;
    let slot = cluster.key_slot("{load}");
    let home = cluster.owner(slot).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    let mut counted = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                cluster.move_slot(slot, (home + round) % 3);
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            let commands = pipeline(&["INCR {load}1", "INCR {load}2", "INCR {load}1"]);
            for answer in connection.send(b"{load}", &commands).unwrap() {
                match answer {
                    Value::Int(_) => counted += 1,
                    // While a key is carried over.
                    Value::ServerError(error) if error.code() == "TRYAGAIN" => {}
                    answer => panic!("{answer:?}"),
                }
            }
        }
    });
    let answers = connection.send(b"{load}", &pipeline(&["MGET {load}1 {load}2"])).unwrap();
    let totals: Vec<i64> = redis::from_redis_value(answers[0].clone()).unwrap();
    assert_eq!(totals.iter().sum::<i64>(), counted);
    assert!(counted > 100, "{counted}");
}

fn a_dead_master_is_unavailable_until_its_replica_takes_over(
    cluster: &Cluster,
    connection: &mut Connection,
) {
    let slot = cluster.key_slot("{dead}");
    let old = cluster.owner(slot).unwrap();
    connection.send(b"{dead}", &pipeline(&["SET {dead} v"])).unwrap();
    cluster.node(old).kill();
    let error = connection.send(b"{dead}", &pipeline(&["SET {dead} w"])).unwrap_err();
    assert!([Unavailable, TimedOut].contains(&error.kind), "{error}");
    eventually("the replica takes over", PATIENCE, || {
        match connection.send(b"{dead}", &pipeline(&["SET {dead} w"])) {
            Ok(answers) if answers == [Value::Okay] => true,
            Ok(answers) => {
                let error = connection.server_error("{dead}", refused(&answers[0]));
                assert_eq!(error.kind, Unavailable, "{error}");
                false
            }
            Err(error) => {
                assert!([Unavailable, TimedOut].contains(&error.kind), "{error}");
                false
            }
        }
    });
    let new = cluster.wait_for_failover(slot, old);
    assert_eq!(cluster.node(new).query::<String>(["GET", "{dead}"]), "w");
}
