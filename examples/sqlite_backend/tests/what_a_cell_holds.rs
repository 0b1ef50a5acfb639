//! Values at the edge of what SQLite keeps, and values that belong to one process.

mod shop;

use pytheus::GaugeMode;
use rusqlite::Connection;
use shop::{Shop, page, value};

/// What the file holds of the one series there is.
fn held(shop: &Shop) -> i64 {
    let database = Connection::open(shop.file()).unwrap();
    let sql = "SELECT value FROM cell WHERE owner = ''";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_total_that_would_overflow_is_refused_and_waits() {
    let shop = Shop::new();
    let (one, other) = (shop.open(), shop.open());
    let [first, second] = [&one, &other]
        .map(|registry| registry.up_down_counter("depth", "Depth").register().unwrap());
    first.add(i64::MAX);
    one.flush_blocking().unwrap();
    second.add(2);
    let error = other.flush_blocking().unwrap_err().to_string();
    assert!(error.contains("depth: it would overflow"), "{error}");
    assert_eq!(held(&shop), i64::MAX);
    first.add(-1);
    first.add(-1);
    one.flush_blocking().unwrap();
    other.flush_blocking().unwrap();
    assert_eq!(held(&shop), i64::MAX);
}

#[test]
fn a_gauge_may_be_any_float() {
    let shop = Shop::new();
    let registry = shop.open();
    let gauge = registry.gauge("level", "Level").register().unwrap();
    for (level, shown) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (3.0, "3"),
        (5e-324, "5e-324"),
    ] {
        gauge.set(level);
        assert!(page(&registry).contains(&format!("level {shown}\n")), "{}", page(&registry));
    }
    gauge.add(1);
    assert_eq!(value(&page(&registry), "level"), Some(1.0));
}

#[test]
fn of_a_shared_gauge_the_value_set_last_is_shown_whoever_set_it() {
    let shop = Shop::new();
    let (one, other) = (shop.open(), shop.open());
    let [first, second] =
        [&one, &other].map(|registry| registry.gauge("level", "Level").register().unwrap());
    for n in 0..20_u32 {
        first.set(n);
        assert_eq!(value(&page(&one), "level"), Some(n.into()));
        second.set(100 + n);
        assert_eq!(value(&page(&other), "level"), Some((100 + n).into()));
    }
}

#[test]
fn a_live_gauge_goes_when_its_client_closes_or_its_lease_is_over() {
    let shop = Shop::new();
    let register = |client: &pytheus::Registry| {
        client.gauge("busy", "Busy").mode(GaugeMode::LiveSum).register().unwrap()
    };
    let (one, other) = (shop.open(), shop.open());
    register(&one).set(3);
    register(&other).set(4);
    one.flush_blocking().unwrap();
    assert_eq!(value(&page(&other), "busy"), Some(7.0));
    one.close_blocking().unwrap();
    assert_eq!(value(&page(&other), "busy"), Some(4.0));
    let third = shop.open();
    register(&third).set(5);
    assert_eq!(value(&page(&third), "busy"), Some(9.0));
    // As if two hours had passed in which none of them could be refreshed.
    let database = Connection::open(shop.file()).unwrap();
    database.execute("UPDATE cell SET at = at - 7201 WHERE owner LIKE 'live:%'", []).unwrap();
    assert_eq!(value(&page(&third), "busy"), None);
}

#[test]
fn a_removed_series_is_gone_for_all_and_comes_back_at_zero() {
    let shop = Shop::new();
    let (one, other) = (shop.open(), shop.open());
    let [first, second] = [&one, &other].map(|registry| {
        registry.counter("hits_total", "Hits").label_names(["method"]).register().unwrap()
    });
    first.with(["GET"]).inc_by(3);
    second.with(["PUT"]).inc_by(4);
    one.flush_blocking().unwrap();
    other.flush_blocking().unwrap();
    second.remove(["GET"]);
    other.flush_blocking().unwrap();
    assert_eq!(value(&page(&one), "hits_total{method=\"GET\"}"), None);
    first.with(["GET"]).inc();
    assert_eq!(value(&page(&one), "hits_total{method=\"GET\"}"), Some(1.0));
    assert_eq!(value(&page(&one), "hits_total{method=\"PUT\"}"), Some(4.0));
}
