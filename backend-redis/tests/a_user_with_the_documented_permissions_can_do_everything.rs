//! LAYOUT.md says what a user of the server needs. No more than that is enough, for all that there is.

mod workload;

use pytheus_backend_redis::{Redis, RedisConfig};
use pytheus_core::{GaugeMode, Registry};
use pytheus_test_servers::Server;
use std::time::Duration;
use workload::{Application, page_of};

/// The commands that stand in the chapter, as rules for a user.
fn documented() -> Vec<String> {
    let layout = include_str!("../LAYOUT.md");
    let (_, chapter) = layout.split_once("## Permissions").expect("the chapter");
    let list = chapter.split("```").nth(1).expect("the list").trim_start_matches("text");
    let rules: Vec<_> =
        list.split_whitespace().map(|command| format!("+{}", command.to_lowercase())).collect();
    assert!(rules.len() > 20, "{rules:?}");
    rules
}

fn config() -> RedisConfig {
    let mut config = RedisConfig::default();
    config.username = Some("metrics".to_owned());
    config.password = Some("secret".into());
    config.expire_series = Some(Duration::from_secs(3600));
    config.lease = Duration::from_secs(10);
    config
}

#[test]
fn on_a_server_that_was_never_used() {
    let server = Server::start();
    let rules = ["ACL", "SETUSER", "metrics", "on", ">secret", "~{pytheus:*"].map(str::to_owned);
    let rules: Vec<String> = rules.into_iter().chain(documented()).collect();
    server.command(rules.iter().map(String::as_str));

    let application = Application::open(&server.url(), &config());
    (0..100).for_each(|_| application.update());
    let registry = &application.registry;
    let kept = registry.gauge("kept", "Kept").mode(GaugeMode::All).label_names(["n"]);
    let kept = kept.register().expect("a family");
    kept.with(["1"]).set(1);
    kept.with(["2"]).set(2);
    let hits = registry.counter("hits_total", "Hits").register().expect("a family");
    hits.inc_with_exemplar(1, [("trace", "1")]).expect("an exemplar");
    assert_eq!(application.flush(), 0);

    // Removed, used again, unregistered, read by another one, closed, and taken over by the next.
    kept.remove(["1"]);
    assert_eq!(application.flush(), 0);
    kept.with(["3"]).set(3);
    assert_eq!(application.flush(), 0);
    assert!(registry.unregister("hits_total"));
    assert_eq!(application.flush(), 0);
    let before = page_of(&server.url(), &config());
    assert!(!before.contains_key("hits_total"), "{before:?}");
    registry.close_blocking().expect("it is closed");
    let next = Registry::new(Redis::open_with(&server.url(), &config()).expect("a server"));
    next.counter("hits_total", "Hits").register().expect("a family").inc();
    next.flush_blocking().expect("a flush");
    assert_eq!(next.value("hits_total", []).expect("a page"), Some(1.0));
    assert_eq!(next.value("paid_total", []).expect("a page"), before.get("paid_total").copied());
}
