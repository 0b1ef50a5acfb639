//! Expiry, for who asked for it.

mod server;

use server::{COUNTER, HISTOGRAM, Sender, Server, add, add_float, describe, series, wait_until};
use std::time::Duration;

#[test]
fn a_series_in_use_stays_and_another_goes() {
    let server = Server::start();
    let mut config = server.config();
    config.expire_series = Some(Duration::from_secs(3));
    let open = || Sender::with(server.open_with(&config).unwrap());
    let (mut sender, mut sweeper) = (open(), open());
    let idle = series(0, "hits", "idle", COUNTER);
    let used = series(1, "hits", "used", COUNTER);
    let seconds = series(2, "seconds", "", HISTOGRAM);
    sender.apply(&[describe("hits"), describe("seconds"), add(idle, 0, 1), add(used, 0, 1)]);
    sender.apply(&[add(seconds, 2, 1), add_float(seconds, 3, 0.5)]);
    assert_eq!(sender.int("hits", "idle"), Some(1));
    assert_eq!(sender.look("seconds", "").unwrap().numbers.len(), 2);
    let mut rounds = 1;
    let mut removed = Vec::new();
    wait_until("it expires", || {
        let receipt = sender.try_apply(&[add(used, 0, 1)]).unwrap();
        removed.extend(receipt.removed);
        rounds += 1;
        let contents = sweeper.read();
        assert!(contents.look("hits", "used").is_some());
        contents.look("hits", "idle").is_none() && contents.look("seconds", "").is_none()
    });
    assert_eq!(sender.int("hits", "used"), Some(rounds));
    removed.extend(sender.try_apply(&[add(used, 0, 1)]).unwrap().removed);
    removed.sort_unstable();
    assert_eq!(removed, [0, 2]);
    // It may begin again.
    sender.apply(&[add(idle, 0, 5)]);
    assert_eq!(sweeper.int("hits", "idle"), Some(5));
}

#[test]
fn a_series_expires_only_for_who_asked() {
    let server = Server::start();
    let mut plain = Sender::new(&server);
    plain.apply(&[describe("hits"), add(series(0, "hits", "plain", COUNTER), 0, 1)]);
    let mut config = server.config();
    config.expire_series = Some(Duration::from_secs(1));
    let mut asker = Sender::with(server.open_with(&config).unwrap());
    asker.apply(&[describe("hits"), add(series(0, "hits", "expires", COUNTER), 0, 1)]);
    wait_until("one expires", || asker.look("hits", "expires").is_none());
    asker.read();
    assert_eq!(plain.int("hits", "plain"), Some(1));
}

#[test]
fn a_series_is_in_use_whoever_changes_it() {
    let server = Server::start();
    let mut config = server.config();
    config.expire_series = Some(Duration::from_secs(3));
    let mut maker = Sender::with(server.open_with(&config).unwrap());
    let (used, idle) = (series(0, "hits", "used", COUNTER), series(1, "hits", "idle", COUNTER));
    maker.apply(&[describe("hits"), add(used, 0, 1), add(idle, 0, 1)]);
    // One who never asked for it, and one who would have waited for longer.
    config.expire_series = Some(Duration::from_secs(3600));
    let mut users = [Sender::new(&server), Sender::with(server.open_with(&config).unwrap())];
    users.iter_mut().for_each(|user| user.apply(&[describe("hits")]));
    let mut total = 1;
    for user in &mut users {
        wait_until("the idle one expires", || {
            user.apply(&[add(used, 0, 1)]);
            total += 1;
            maker.read().look("hits", "idle").is_none()
        });
        assert_eq!(maker.int("hits", "used"), Some(total));
        maker.apply(&[add(idle, 0, 1)]);
    }
}
