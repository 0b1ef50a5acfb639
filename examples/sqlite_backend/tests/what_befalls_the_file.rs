//! The file is unlinked, locked, or not to be written: updates go on, and nothing is lost afterwards.

mod shop;

use pytheus::Registry;
use rusqlite::Connection;
use shop::{Shop, page, value};
use std::fs::{self, OpenOptions};

/// Flushes, which must fail; the error, with its causes.
fn failed_flush(registry: &Registry, shop: &Shop) -> String {
    let error = registry.flush_blocking().unwrap_err().to_string();
    assert!(error.contains(shop.file().to_str().unwrap()), "{error}");
    error
}

#[test]
fn each_process_tells_a_new_file_all_that_it_counted_if_the_old_one_is_unlinked() {
    let shop = Shop::new();
    let (one, other) = (shop.open(), shop.open());
    let (first, second) = [&one, &other]
        .map(|registry| registry.counter("hits_total", "Hits").register().unwrap())
        .into();
    first.inc_by(3);
    second.inc_by(4);
    one.flush_blocking().unwrap();
    assert_eq!(value(&page(&other), "hits_total"), Some(7.0));
    fs::remove_file(shop.file()).unwrap();
    first.inc();
    second.inc();
    // SQLite notices when it writes; the file is made at the next flush.
    failed_flush(&one, &shop);
    failed_flush(&other, &shop);
    one.flush_blocking().unwrap();
    other.flush_blocking().unwrap();
    assert_eq!(value(&page(&one), "hits_total"), Some(9.0));
}

#[test]
fn a_file_that_another_process_locks_is_written_later() {
    let shop = Shop::new();
    let registry = shop.open();
    let hits = registry.counter("hits_total", "Hits").register().unwrap();
    hits.inc_by(3);
    registry.flush_blocking().unwrap();
    let locker = Connection::open(shop.file()).unwrap();
    locker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    hits.inc_by(4);
    let error = failed_flush(&registry, &shop);
    assert!(error.contains("locked"), "{error}");
    hits.inc_by(5);
    locker.execute_batch("ROLLBACK").unwrap();
    registry.flush_blocking().unwrap();
    assert_eq!(value(&shop.page(), "hits_total"), Some(12.0));
}

#[test]
fn a_file_that_may_not_be_written_is_written_when_it_may() {
    let shop = Shop::new();
    let registry = shop.open();
    let hits = registry.counter("hits_total", "Hits").register().unwrap();
    hits.inc_by(3);
    registry.flush_blocking().unwrap();
    drop(registry);
    let permissions = fs::metadata(shop.file()).unwrap().permissions();
    let mut read_only = permissions.clone();
    read_only.set_readonly(true);
    let registry = shop.open();
    let hits = registry.counter("hits_total", "Hits").register().unwrap();
    let elsewhere = shop.file().with_extension("elsewhere");
    fs::copy(shop.file(), &elsewhere).unwrap();
    fs::set_permissions(&elsewhere, read_only).unwrap();
    if OpenOptions::new().append(true).open(&elsewhere).is_ok() {
        return; // the superuser may write whatever there is
    }
    fs::rename(&elsewhere, shop.file()).unwrap();
    hits.inc_by(4);
    failed_flush(&registry, &shop);
    let error = failed_flush(&registry, &shop);
    assert!(error.contains("readonly"), "{error}");
    fs::set_permissions(shop.file(), permissions).unwrap();
    registry.flush_blocking().unwrap();
    assert_eq!(value(&shop.page(), "hits_total"), Some(7.0));
}

#[test]
fn a_gauge_that_was_set_while_the_file_was_locked_does_not_undo_what_was_set_since() {
    let shop = Shop::new();
    let (one, other) = (shop.open(), shop.open());
    let [first, second] =
        [&one, &other].map(|registry| registry.gauge("level", "Level").register().unwrap());
    one.flush_blocking().unwrap();
    other.flush_blocking().unwrap();
    let locker = Connection::open(shop.file()).unwrap();
    locker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    first.set(1);
    failed_flush(&one, &shop);
    locker.execute_batch("ROLLBACK").unwrap();
    second.set(2);
    other.flush_blocking().unwrap();
    one.flush_blocking().unwrap();
    assert_eq!(value(&shop.page(), "level"), Some(2.0));
}
