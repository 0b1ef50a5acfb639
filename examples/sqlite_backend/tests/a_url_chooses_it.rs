//! By URL, through the facade, as an application does.

mod shop;

use pytheus::{ConfigError, Registry};
use shop::{Shop, value};
use sqlite_backend::SqliteConfig;
use std::sync::Once;

/// A scheme is registered once in a process, and tests share one.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| pytheus::register_scheme::<SqliteConfig>().unwrap());
}

#[test]
fn a_url_chooses_it_and_its_options() {
    register();
    let shop = Shop::new();
    let url = format!("{}?interval=1s&on_conflict=replace", shop.location());
    let registry = Registry::new(pytheus::connect(&url).unwrap());
    registry.counter("orders_total", "Orders").register().unwrap().inc_by(3);
    registry.close_blocking().unwrap();
    assert_eq!(value(&shop.page(), "orders_total"), Some(3.0));
}

#[test]
fn mistakes_are_errors_that_say_what_is_allowed() {
    register();
    let error = pytheus::connect("sqlite:///tmp/m.db?intervall=1s").unwrap_err().to_string();
    assert!(error.contains(r#"unknown option "intervall""#), "{error}");
    assert!(error.contains(r#""interval""#) && error.contains(r#""on_conflict""#), "{error}");
    let error = pytheus::connect("sqlite:///tmp/m.db?interval=0s").unwrap_err().to_string();
    assert!(error.ends_with("interval is 0ns, and has to be 1ms or more"), "{error}");
    let error = pytheus::connect("sqlite:///tmp/m.db?interval=5m").unwrap_err().to_string();
    assert!(error.contains("lease is 60s") && error.contains("the interval of 300s"), "{error}");
    for location in ["sqlite:", "sqlite://", "sqlite:shop.db", "sqlite://shop.db", "sqlite:///srv/"]
    {
        let error = pytheus::connect(location).unwrap_err();
        assert!(matches!(error, ConfigError::Value { .. }), "{location}: {error:?}");
        let shape = "write sqlite:// and the absolute path of a file, such as \
                     \"sqlite:///var/lib/shop/metrics.db\"";
        assert!(error.to_string().ends_with(shape), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_that_names_it() {
    register();
    let error = pytheus::connect("sqlite:///no/such/folder/metrics.db").unwrap_err();
    assert!(matches!(error, ConfigError::Backend { .. }), "{error:?}");
    assert!(error.to_string().contains("/no/such/folder/metrics.db"), "{error}");
}
