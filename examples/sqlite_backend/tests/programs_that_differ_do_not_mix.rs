//! Two programs, or two versions of one, whose families of one name differ.

mod shop;

use pytheus::{Histogram, RegisterError, Registry};
use pytheus_core::engine::OnConflict;
use shop::{Shop, page, value};
use std::time::Duration;

fn register<const N: usize>(
    registry: &Registry,
    buckets: [f64; N],
) -> Result<Histogram, RegisterError> {
    registry.histogram("seconds", "Time").buckets(buckets).register()
}

#[test]
fn the_second_gets_an_error_when_it_registers() {
    let shop = Shop::new();
    let old = shop.open();
    register(&old, [1.0, 10.0]).unwrap().observe(0.5);
    old.flush_blocking().unwrap();
    match register(&shop.open(), [2.0, 4.0, 8.0]) {
        Err(RegisterError::Conflict { family, what, registered, asked }) => {
            assert_eq!((&*family, what), ("seconds", "buckets"));
            assert_eq!((&*registered, &*asked), ("[1.0, 10.0]", "[2.0, 4.0, 8.0]"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_learns_too_late_is_told_at_each_flush_and_nothing_mixes() {
    let shop = Shop::new();
    let (one, other) = (shop.open(), shop.open());
    // It writes for the first time when it is opened; not what is registered now, before the other.
    other.flush_blocking().unwrap();
    let (first, second) =
        (register(&one, [1.0]).unwrap(), register(&other, [1.0, 2.0, 4.0]).unwrap());
    first.observe(0.5);
    one.flush_blocking().unwrap();
    second.observe(3.0);
    let error = other.flush_blocking().unwrap_err().to_string();
    assert!(error.contains("because seconds: another program"), "{error}");
    first.observe(0.5);
    let page = page(&one);
    assert_eq!(value(&page, "seconds_count"), Some(2.0), "{page}");
    assert!(!page.contains("le=\"4\""), "{page}");
}

#[test]
fn the_second_may_replace_the_family_and_the_first_adds_nothing_to_it() {
    let shop = Shop::new();
    let old = shop.open();
    let first = register(&old, [1.0, 10.0]).unwrap();
    first.observe(0.5);
    old.flush_blocking().unwrap();
    let new = shop.open_with(Duration::from_secs(3600), OnConflict::Replace);
    register(&new, [2.0, 4.0, 8.0]).unwrap().observe(3.0);
    new.flush_blocking().unwrap();
    first.observe(0.5);
    let error = old.flush_blocking().unwrap_err().to_string();
    assert!(error.contains("because seconds: another program"), "{error}");
    let page = page(&new);
    assert_eq!(value(&page, "seconds_count"), Some(1.0), "{page}");
    assert_eq!(value(&page, "seconds_bucket{le=\"4\"}"), Some(1.0), "{page}");
    assert_eq!(value(&page, "seconds_bucket{le=\"2\"}"), Some(0.0), "{page}");
}
