//! By URL, through the facade, as an application does.

mod server;

use pytheus::{ConfigError, Registry};
use server::Server;
use statsd_backend::StatsdConfig;
use std::sync::Once;

/// A scheme is registered once in a process, and tests share one.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| pytheus::register_scheme::<StatsdConfig>().unwrap());
}

#[test]
fn a_url_chooses_it_and_its_prefix() {
    register();
    let server = Server::new();
    let backend = pytheus::connect(&format!("statsd://{}?prefix=shop", server.address())).unwrap();
    let registry = Registry::new(backend);
    let orders = registry.counter("orders_total", "Orders").label_names(["channel"]);
    orders.register().unwrap().with(["web"]).inc_by(3);
    assert_eq!(server.receive(), "shop.orders_total:3|c|#channel:web");
}

#[test]
fn it_is_a_scheme_like_the_built_in_ones() {
    register();
    assert!(matches!(
        pytheus::register_scheme::<StatsdConfig>(),
        Err(ConfigError::SchemeTaken { .. })
    ));
    let error = pytheus::connect("statds://127.0.0.1:8125").unwrap_err();
    assert!(error.to_string().contains(r#""statsd""#), "{error}");
}

#[test]
fn mistakes_are_errors_that_say_what_is_allowed() {
    register();
    let error = pytheus::connect("statsd://127.0.0.1:8125?prefx=shop").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"backend URL "statsd://127.0.0.1:8125": unknown option "prefx"; allowed: "prefix""#,
    );
    let error = pytheus::connect("statsd://127.0.0.1").unwrap_err();
    assert!(matches!(&error, ConfigError::Value { .. }), "{error:?}");
    assert!(error.to_string().contains(r#"such as "statsd://127.0.0.1:8125""#), "{error}");
}
