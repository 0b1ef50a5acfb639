//! A cluster of three masters, of which slots wander from node to node while programs count and flush.

mod workload;

use pytheus_test_servers::Cluster;
use std::collections::BTreeSet;
use workload::{Application, Load, Truth, assert_same, options, page_of, short_or_long};

const MASTERS: usize = 3;
const SHARDS: usize = 16;

#[test]
fn a_slot_that_moves_during_updates_loses_nothing() {
    let rounds = short_or_long(1, 5);
    let cluster = Cluster::start();
    let hosts: Vec<String> =
        cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let url = format!("redis://{}", hosts.join(","));
    let config = options("interval = '20ms'");
    let applications = Application::open_many(2, &url, &config);
    let mut truth = Truth::new();
    let mut moves = 0;
    Load::run(applications, 2, |load| {
        load.go_on(100);
        let used = used_shards(&cluster);
        assert!(used.len() > SHARDS / 2, "only {used:?} are used");
        for round in 1..=rounds {
            for shard in &used {
                let slot = cluster.key_slot(&format!("{{pytheus:{shard}}}:cells"));
                let home = cluster.owner(slot).expect("an owner");
                for to in [(home + round) % MASTERS, home] {
                    if cluster.owner(slot) == Some(to) {
                        continue;
                    }
                    // Key by key, so that for a while the keys of a script are at two nodes.
                    let step = cluster.begin_move(slot, to);
                    while step.move_keys(1) > 0 {
                        load.applications.iter().for_each(|application| {
                            let _ = application.registry.flush_blocking();
                        });
                    }
                    step.finish();
                    moves += 1;
                }
            }
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                assert_same(&page_of(&url, &config), &truth, &format!("round {round}"));
            });
        }
        assert_eq!(load.gaps(), 0);
        let updates: u64 = load.applications.iter().map(Application::updates).sum();
        println!(
            "{moves} moves of {} slots, {updates} updates, {} batches: nothing lost",
            used.len(),
            load.batches()
        );
    });
}

/// Those that have keys beside the array.
fn used_shards(cluster: &Cluster) -> BTreeSet<usize> {
    let keys = cluster.nodes().iter().flat_map(|node| node.query::<Vec<String>>(["KEYS", "*"]));
    keys.filter(|key| key.ends_with(":names"))
        .map(|key| {
            let shard = key.strip_prefix("{pytheus:").and_then(|rest| rest.split_once('}'));
            shard.and_then(|(shard, _)| shard.parse().ok()).expect("a shard")
        })
        .collect()
}
