//! Two processes and a third one that only reads: series, sums, gauges by their modes, labels in
//! different orders, and all that a family is described by.

mod application;
mod page;
mod worker;

use application::{quick, registry, slow, value};
use page::{Page, everything};
use pytheus_backend_redis::Redis;
use pytheus_core::engine::OnConflict;
use pytheus_core::{GaugeMode, RegisterError, Registry};
use pytheus_test_servers::{Server, eventually};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use worker::{DEADLINE, Role, Worker, role, short_or_long};

#[test]
fn a_process_shows_the_series_of_another_and_increments_add_up() {
    const NAME: &str = "a_process_shows_the_series_of_another_and_increments_add_up";
    const EACH: u32 = 1000;
    if let Some(mut role) = role() {
        let registry = registry(&role.url, &role.name, &slow());
        let hits = registry.counter("hits_total", "d").label_names(["of"]).register().unwrap();
        for _ in 0..EACH {
            hits.with(["all"]).inc();
            hits.with([&role.name]).inc();
        }
        registry.flush_blocking().unwrap();
        role.line.say("flushed");
        while let Some(of) = role.line.hear().filter(|word| word != "end") {
            let value = registry.value("hits_total", [("of", of.as_str())]).unwrap();
            role.line.say(&format!("{value:?}"));
        }
        return registry.close_blocking().unwrap();
    }
    let server = Server::start();
    let mut workers = ["a", "b"].map(|name| Worker::start(NAME, name, &server.unix_url()));
    workers.iter_mut().for_each(|worker| worker.expect("flushed"));
    for worker in &mut workers {
        for (of, count) in [("a", EACH), ("b", EACH), ("all", 2 * EACH)] {
            worker.say(of);
            worker.expect(&format!("{:?}", Some(f64::from(count))));
        }
    }
    workers.into_iter().for_each(Worker::end);
    let reader = Registry::new(Redis::open(&server.unix_url()).unwrap());
    assert_eq!(reader.value("hits_total", [("of", "all")]).unwrap(), Some(2000.0));
}

const MODES: [(&str, GaugeMode); 11] = [
    ("shared", GaugeMode::Shared),
    ("everyone", GaugeMode::All),
    ("least", GaugeMode::Min),
    ("greatest", GaugeMode::Max),
    ("total", GaugeMode::Sum),
    ("recent", GaugeMode::MostRecent),
    ("live_everyone", GaugeMode::LiveAll),
    ("live_least", GaugeMode::LiveMin),
    ("live_greatest", GaugeMode::LiveMax),
    ("live_total", GaugeMode::LiveSum),
    ("live_recent", GaugeMode::LiveMostRecent),
];

#[test]
fn gauges_of_two_processes_come_to_what_their_mode_says() {
    const NAME: &str = "gauges_of_two_processes_come_to_what_their_mode_says";
    if let Some(mut role) = role() {
        let registry = registry(&role.url, "{pid}", &quick());
        for (name, mode) in MODES {
            let gauge = registry.gauge(name, "d").mode(mode).register().unwrap();
            gauge.set(role.name.parse::<f64>().unwrap());
        }
        registry.flush_blocking().unwrap();
        role.line.say("set");
        let _ = role.line.hear();
        return registry.close_blocking().unwrap();
    }
    let server = Server::start();
    let start = |value| {
        let mut worker = Worker::start(NAME, value, &server.unix_url());
        worker.expect("set");
        worker
    };
    let (one, two) = (start("1"), start("2"));
    let of = |gauge: &str, worker: &Worker| format!("{gauge}{{pid=\"{}\"}}", worker.pid());
    let reader = registry(&server.unix_url(), "reader", &slow());
    let shown = || {
        let page = Page::of(&reader);
        let ours = |sample: &&String| !sample.starts_with("pytheus_");
        let samples = page.samples.keys().filter(ours);
        samples.map(|sample| (sample.clone(), page.samples[sample])).collect::<BTreeMap<_, _>>()
    };
    let those = |parts: &[&[(&str, f64)]]| {
        let pairs = parts.concat().into_iter();
        pairs.map(|(sample, value)| (sample.to_owned(), value)).collect::<BTreeMap<_, _>>()
    };
    let everyone = [of("everyone", &one), of("everyone", &two)];
    let live = [of("live_everyone", &one), of("live_everyone", &two)];
    let stays: &[(&str, f64)] = &[
        (&everyone[0], 1.0),
        (&everyone[1], 2.0),
        ("shared", 2.0),
        ("least", 1.0),
        ("greatest", 2.0),
        ("total", 3.0),
        ("recent", 2.0),
    ];
    let both: &[(&str, f64)] = &[
        (&live[0], 1.0),
        (&live[1], 2.0),
        ("live_least", 1.0),
        ("live_greatest", 2.0),
        ("live_total", 3.0),
        ("live_recent", 2.0),
    ];
    assert_eq!(shown(), those(&[stays, both]));
    drop(two.kill());
    let first: &[(&str, f64)] = &[
        (&live[0], 1.0),
        ("live_least", 1.0),
        ("live_greatest", 1.0),
        ("live_total", 1.0),
        ("live_recent", 1.0),
    ];
    let expected = those(&[stays, first]);
    eventually("the live gauges of a killed process are gone", DEADLINE, || shown() == expected);
    one.end();
    assert_eq!(shown(), those(&[stays]), "a process that closes takes its live gauges with it");
}

#[test]
fn the_sum_of_a_histogram_is_that_of_its_count_in_every_scrape() {
    const NAME: &str = "the_sum_of_a_histogram_is_that_of_its_count_in_every_scrape";
    const THREADS: usize = 2;
    if let Some(mut role) = role() {
        let mut config = quick();
        config.interval = Duration::from_millis(10);
        let registry = registry(&role.url, &role.name, &config);
        let times = registry.histogram("times", "d").buckets([0.1, 0.5]).register().unwrap();
        let is_over = AtomicBool::new(false);
        let made: u64 = std::thread::scope(|scope| {
            let count = || {
                let mut made = 0;
                while !is_over.load(Ordering::Relaxed) {
                    times.observe(0.25);
                    made += 1;
                }
                made
            };
            let threads = [(); THREADS].map(|()| scope.spawn(count));
            let _ = role.line.hear();
            is_over.store(true, Ordering::Relaxed);
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        registry.flush_blocking().unwrap();
        role.line.say(&made.to_string());
        let _ = role.line.hear();
        return;
    }
    let server = Server::start();
    let mut workers = ["a", "b"].map(|name| Worker::start(NAME, name, &server.unix_url()));
    let reader = registry(&server.unix_url(), "reader", &slow());
    let check = || {
        let page = Page::of(&reader);
        let count = page.get("times_count")?;
        assert_eq!(page.get("times_sum"), Some(0.25 * count));
        assert_eq!(page.get("times_bucket{le=\"0.1\"}"), Some(0.0));
        assert_eq!(page.get("times_bucket{le=\"0.5\"}"), Some(count));
        assert_eq!(page.get("times_bucket{le=\"+Inf\"}"), Some(count));
        Some(count)
    };
    let (mut counts, mut last) = (0, 0.0);
    eventually("scrapes show many counts", 2 * DEADLINE, || {
        let count = check().unwrap_or(0.0);
        assert!(count >= last, "{count} after {last}");
        counts += u32::from(count > last);
        last = count;
        counts >= short_or_long(20, 1000)
    });
    workers.iter_mut().for_each(|worker| worker.say("end"));
    let made: u64 = workers.iter_mut().map(|worker| worker.hear().parse::<u64>().unwrap()).sum();
    assert_eq!(check(), Some(made as f64));
    println!("{made} observations in {counts} scrapes of different counts");
    workers.iter_mut().for_each(|worker| worker.say("end"));
}

#[test]
fn labels_named_in_another_order_are_the_same_series() {
    const NAME: &str = "labels_named_in_another_order_are_the_same_series";
    if let Some(mut role) = role() {
        let registry = registry(&role.url, &role.name, &slow());
        let hits = registry.counter("hits_total", "d");
        if role.name == "one" {
            let hits = hits.label_names(["method", "code"]).register().unwrap();
            hits.with(["GET", "200"]).inc();
            hits.with(["200", "GET"]).inc_by(10_u32);
        } else {
            let hits = hits.label_names(["code", "method"]).register().unwrap();
            hits.with(["200", "GET"]).inc_by(2_u32);
        }
        registry.flush_blocking().unwrap();
        role.line.say("flushed");
        let _ = role.line.hear();
        return;
    }
    let server = Server::start();
    let mut workers = ["one", "two"].map(|name| {
        let mut worker = Worker::start(NAME, name, &server.unix_url());
        worker.expect("flushed");
        worker
    });
    let reader = registry(&server.unix_url(), "reader", &slow());
    let hits =
        |method, code| reader.value("hits_total", [("method", method), ("code", code)]).unwrap();
    assert_eq!((hits("GET", "200"), hits("200", "GET")), (Some(3.0), Some(10.0)));
    assert_eq!(Page::of(&reader).of_family("hits_total").len(), 2);
    workers.iter_mut().for_each(|worker| worker.say("end"));
}

/// Something of every kind, with all that can be said about it.
#[test]
fn gauges_are_told_apart_by_the_label_and_the_names_that_were_configured() {
    let server = Server::start();
    let open = |name: &str| {
        let mut config = slow();
        config.gauge_label = "worker".to_owned();
        let registry = registry(&server.unix_url(), name, &config);
        let busy = registry.gauge("busy", "d").mode(GaugeMode::LiveAll).label_names(["queue"]);
        (busy.register().unwrap().with(["mail"]), registry)
    };
    let ((one, first), (other, second)) = (open("one"), open("other"));
    one.set(1);
    other.set(2);
    first.flush_blocking().unwrap();
    let value = |name| second.value("busy", [("queue", "mail"), ("worker", name)]).unwrap();
    assert_eq!((value("one"), value("other")), (Some(1.0), Some(2.0)));
}

#[test]
fn registries_with_different_prefixes_share_no_value() {
    let server = Server::start();
    let open = |prefix: &str| {
        let redis = Redis::open_with(&server.unix_url(), &slow()).unwrap();
        let registry = Registry::builder(redis).prefix(prefix).build().unwrap();
        (registry.counter("hits_total", "d").register().unwrap(), registry)
    };
    let ((shop, first), (desk, second)) = (open("shop"), open("desk"));
    shop.inc();
    desk.inc_by(5);
    first.flush_blocking().unwrap();
    // One page shows the server, whoever asks for it; but no value is another's.
    for (name, count) in [("shop_hits_total", 1.0), ("desk_hits_total", 5.0)] {
        assert_eq!(value(&second, name), Some(count));
    }
    assert_eq!(value(&second, "hits_total"), None);
}

fn fill(registry: &Registry) {
    let sizes = registry.counter("sent_bytes_total", "Bytes\nthat were \"sent\"").unit("bytes");
    let sizes = sizes.label_names(["to", "by"]).register().unwrap();
    sizes.with(["a\"b\\c\nd", ""]).inc_with_exemplar(3_u32, [("trace", "x1")]).unwrap();
    sizes.with(["é", "b"]).inc_by(0.5);
    let times = registry.histogram("time_seconds", "Time").unit("seconds").buckets([0.1, 0.5]);
    let times = times.register().unwrap();
    times.observe_with_exemplar(0.25, [("trace", "x2")]).unwrap();
    times.observe(7_u32);
    registry.gauge("level", "Level").register().unwrap().set(-1.5);
    registry.up_down_counter("open", "Open").register().unwrap().add(-2);
    registry.summary("took", "Took").register().unwrap().observe(0.75);
    let state = registry.state_set("state", "State").states(["off", "on", "odd"]);
    let state = state.register().unwrap();
    state.set("on", true).unwrap();
    state.set("odd", true).unwrap();
    let build = registry.info("build", "Build").label_names(["version"]).register().unwrap();
    build.with(["1.2"]);
    let many = registry.counter("free_total", "Any labels").open_labels().register().unwrap();
    many.with(&[("z", "1"), ("a", "2")]).unwrap().inc();
    registry.counter("untouched_total", "Nobody counted").register().unwrap();
    let none = registry.counter("no_series_total", "Nobody looked").label_names(["a"]);
    none.register().unwrap();
}

#[test]
fn a_process_that_has_registered_nothing_shows_all_that_is_known() {
    const NAME: &str = "a_process_that_has_registered_nothing_shows_all_that_is_known";
    if let Some(mut role) = role() {
        let registry = registry(&role.url, "worker", &slow());
        fill(&registry);
        registry.flush_blocking().unwrap();
        role.line.say(&everything(&registry).join("\t"));
        let _ = role.line.hear();
        return;
    }
    let server = Server::start();
    let mut worker = Worker::start(NAME, "worker", &server.unix_url());
    let told: Vec<String> = worker.hear().split('\t').map(str::to_owned).collect();
    worker.end();
    let reader = registry(&server.unix_url(), "reader", &slow());
    let shown = everything(&reader);
    assert_eq!(shown, told);

    // It is what a registry in one process shows, but for the time of day.
    let local = Registry::new(pytheus_backend_local::Local::new());
    fill(&local);
    assert_eq!(page::text(&reader).split("# HELP pytheus_").next(), Some(&*page::text(&local)));
    let without_time = |lines: &[String]| -> Vec<String> {
        let digits = |line: &String| line.chars().filter(|c| !c.is_ascii_digit()).collect();
        lines.iter().map(digits).collect()
    };
    assert_eq!(without_time(&shown), without_time(&everything(&local)));
    for part in ["created: Some(", "\"x1\"", "\"x2\"", "active: [false, true, true]", "bytes"] {
        assert!(shown.join("\n").contains(part), "{part}: {shown:#?}");
    }
}

#[test]
fn a_program_that_describes_a_family_otherwise_is_told_so_or_replaces_it() {
    const NAME: &str = "a_program_that_describes_a_family_otherwise_is_told_so_or_replaces_it";
    if let Some(role) = role() {
        return old_program(role);
    }
    let server = Server::start();
    let mut old = Worker::start(NAME, "old", &server.unix_url());
    old.expect("counted");
    let new = registry(&server.unix_url(), "new", &slow());
    let error = new.gauge("hits_total", "d").register().unwrap_err();
    assert!(matches!(&error, RegisterError::Conflict { family, .. } if family == "hits_total"));
    let labelled = || new.counter("hits_total", "d").label_names(["by"]).register();
    let error = labelled().unwrap_err();
    let RegisterError::Conflict { family, what, .. } = &error else { panic!("{error}") };
    assert_eq!((family.as_str(), *what), ("hits_total", "labels"), "{error}");
    let error = new.histogram("times", "d").buckets([1.0, 2.0, 3.0]).register().unwrap_err();
    assert!(error.to_string().contains("bucket"), "{error}");
    assert_eq!(value(&new, "hits_total"), Some(3.0), "nothing was harmed");

    let mut config = slow();
    config.on_conflict = OnConflict::Replace;
    let newest = registry(&server.unix_url(), "newest", &config);
    let hits = newest.counter("hits_total", "d").label_names(["by"]).register().unwrap();
    hits.with(["me"]).inc_by(5_u32);
    newest.flush_blocking().unwrap();
    let shown = |registry: &Registry| registry.value("hits_total", [("by", "me")]).unwrap();
    assert_eq!((shown(&newest), shown(&new)), (Some(5.0), Some(5.0)));
    assert_eq!(value(&new, "times_count"), Some(1.0), "others stay");
    // The old program is told, and what it counts there nobody sees.
    old.say("count");
    let told = old.hear();
    assert!(told.contains("hits_total"), "{told}");
    old.expect("Some(2.0)");
    assert_eq!((shown(&newest), value(&newest, "hits_total")), (Some(5.0), None));
    old.say("end");
}

fn old_program(mut role: Role) {
    let registry = registry(&role.url, "old", &slow());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    let times = registry.histogram("times", "d").buckets([1.0, 2.0]).register().unwrap();
    hits.inc_by(3_u32);
    times.observe(1_u32);
    registry.flush_blocking().unwrap();
    role.line.say("counted");
    let _ = role.line.hear();
    hits.inc();
    times.observe(1_u32);
    let told = registry.flush_blocking().map_err(|error| error.to_string());
    role.line.say(&format!("{told:?}"));
    role.line.say(&format!("{:?}", value(&registry, "times_count")));
    let _ = role.line.hear();
}
