//! A replica that does not have everything yet takes the place of a master that is gone: it is told what
//! it missed, and nothing twice.

mod workload;

use pytheus_test_servers::{Replication, Sentinels, Server, eventually};
use std::path::PathBuf;
use std::time::Duration;
use workload::{Application, Load, Truth, assert_same, options, page_of, short_or_long};

/// Sentinels take their time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A name that leads to the master, as a name service does.
struct Name {
    folder: tempfile::TempDir,
}

impl Name {
    fn of(server: &Server) -> Self {
        let name = Self { folder: tempfile::tempdir().expect("a folder") };
        name.lead_to(server);
        name
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("master.sock")
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.path().display())
    }

    fn lead_to(&self, server: &Server) {
        let new = self.folder.path().join("new");
        std::os::unix::fs::symlink(server.socket(), &new).expect("a link");
        std::fs::rename(&new, self.path()).expect("a link in place of another");
    }
}

/// What a replica follows that is to fall behind: nobody listens there.
fn fall_behind(replica: &Server) {
    replica.command(["REPLICAOF", "127.0.0.1", "1"]);
}

#[test]
fn a_replica_that_takes_over_late_is_told_what_it_missed() {
    let promotions = short_or_long(3, 20);
    let servers = Replication::start(1);
    let name = Name::of(servers.server(0));
    let config = options("interval = '20ms'\ntimeout = '300ms'");
    let applications = Application::open_many(3, &name.url(), &config);
    let mut truth = Truth::new();
    let mut missed = 0;
    Load::run(applications, 2, |load| {
        let (mut master, mut replica) = (0, 1);
        for promotion in 1..=promotions {
            load.go_on(100);
            fall_behind(servers.server(replica));
            let before = load.batches();
            load.go_on(300);
            missed += load.batches() - before;
            // Dead, or silent with requests on their way.
            let is_killed = promotion % 2 == 1;
            if is_killed {
                servers.server(master).kill();
            } else {
                servers.server(master).pause();
            }
            servers.promote(replica);
            name.lead_to(servers.server(replica));
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                let shown = page_of(&servers.server(replica).unix_url(), &config);
                assert_same(&shown, &truth, &format!("promotion {promotion}"));
            });
            if is_killed {
                servers.server(master).restart();
            } else {
                servers.server(master).resume();
            }
            servers.follow(master, replica);
            servers.wait_for_sync();
            (master, replica) = (replica, master);
        }
        assert_eq!(load.gaps(), 0);
        println!("{promotions} promotions that missed {missed} batches: nothing lost");
        assert!(missed >= promotions, "the replica missed nothing");
    });
}

#[test]
fn a_master_chosen_by_sentinels_is_found_and_told_what_it_missed() {
    let failovers = short_or_long(1, 6);
    let watched = Sentinels::start(1);
    let hosts: Vec<String> =
        watched.sentinels().iter().map(|one| format!("127.0.0.1:{}", one.port())).collect();
    let url = format!("redis://{}", hosts.join(","));
    let config = options(&format!(
        "interval = '20ms'\ntimeout = '300ms'\nsentinel_master = {:?}",
        Sentinels::MASTER
    ));
    let applications = Application::open_many(2, &url, &config);
    let mut truth = Truth::new();
    Load::run(applications, 2, |load| {
        let (mut master, mut missed) = (0, 0);
        for failover in 1..=failovers {
            load.go_on(100);
            let (old, replica) =
                (watched.servers().server(master), watched.servers().server(1 - master));
            let is_killed = failover % 2 == 1;
            if is_killed {
                // What is told now is known to the master alone, and dies with it.
                replica.pause();
                old.command(["CLIENT", "KILL", "TYPE", "replica"]);
                let before = load.batches();
                load.go_on(300);
                missed += load.batches() - before;
                old.kill();
                replica.resume();
            } else {
                old.pause();
            }
            let new = watched.wait_for_failover(master);
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                assert_same(&page_of(&url, &config), &truth, &format!("fail-over {failover}"));
            });
            if is_killed {
                old.restart();
            } else {
                // It still believes that it is the master, and takes the requests that wait there.
                old.resume();
            }
            load.go_on(100);
            eventually("the old master follows the new one", PATIENCE, || {
                let link = old.info("replication", "master_link_status");
                link.as_deref() == Some("up")
            });
            watched.servers().wait_for_sync();
            master = new;
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                assert_same(
                    &page_of(&url, &config),
                    &truth,
                    &format!("{failover}, old master back"),
                );
            });
        }
        assert_eq!(load.gaps(), 0);
        println!("{failovers} fail-overs by sentinels that missed {missed} batches: nothing lost");
        assert!(missed > 0);
    });
}
