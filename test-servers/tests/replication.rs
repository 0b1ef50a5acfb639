//! Masters and replicas, with and without sentinels.

use std::time::Duration;

use pytheus_test_servers::{Replication, Sentinels, eventually};

#[test]
fn replicas_have_what_the_master_has_and_refuse_to_be_written() {
    let servers = Replication::start(2);
    servers.server(0).command(["SET", "name", "shop"]);
    servers.wait_for_sync();
    for replica in &servers.servers()[1..] {
        assert_eq!(replica.query::<String>(["GET", "name"]), "shop");
        let error = replica.try_query::<String>(["SET", "name", "mine"]).unwrap_err();
        assert_eq!(error.code(), Some("READONLY"));
    }
}

#[test]
fn a_paused_replica_acknowledges_nothing_until_it_goes_on() {
    let servers = Replication::start(1);
    let mut connection = servers.server(0).client().get_connection().unwrap();
    let mut hit = |milliseconds: u32| -> i64 {
        let mut commands = redis::pipe();
        commands.cmd("INCR").arg("hits").ignore().cmd("WAIT").arg(1).arg(milliseconds);
        let (replicas,) = commands.query(&mut connection).unwrap();
        replicas
    };
    assert_eq!(hit(30_000), 1);
    servers.server(1).pause();
    assert_eq!(hit(100), 0);
    servers.server(1).resume();
    servers.wait_for_sync();
    assert_eq!(servers.server(1).query::<i64>(["GET", "hits"]), 2);
}

#[test]
fn a_promoted_replica_knows_nothing_of_what_its_old_master_takes_later() {
    let servers = Replication::start(1);
    servers.server(0).command(["INCR", "hits"]);
    servers.wait_for_sync();
    servers.promote(1);
    assert_eq!(servers.server(1).info("replication", "role").as_deref(), Some("master"));
    servers.server(0).command(["INCR", "hits"]);
    assert_eq!(servers.server(1).query::<i64>(["GET", "hits"]), 1);
}

#[test]
fn a_master_that_comes_back_can_follow_the_one_that_took_its_place() {
    let servers = Replication::start(1);
    servers.server(0).kill();
    servers.promote(1);
    servers.server(1).command(["SET", "name", "shop"]);
    servers.server(0).restart();
    servers.follow(0, 1);
    servers.wait_for_sync();
    assert_eq!(servers.server(0).query::<String>(["GET", "name"]), "shop");
}

#[test]
fn sentinels_put_a_replica_in_the_place_of_a_dead_master() {
    let watched = Sentinels::start(2);
    assert_eq!(watched.master(), Some(0));
    watched.servers().server(0).command(["SET", "name", "shop"]);
    watched.servers().wait_for_sync();

    watched.servers().server(0).kill();
    let master = watched.wait_for_failover(0);
    assert_ne!(master, 0);
    let master = watched.servers().server(master);
    assert_eq!(master.query::<String>(["GET", "name"]), "shop");
    master.command(["SET", "name", "a greater shop"]);

    watched.servers().server(0).restart();
    eventually("the old master follows the new", Duration::from_secs(60), || {
        let role = watched.servers().server(0).info("replication", "role");
        role.as_deref() == Some("slave")
    });
}
