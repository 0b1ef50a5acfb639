//! What a visit shows, in which order.

use super::Subject;
use super::page::{Page, Reading, holds, ok};
use crate::visit::{FamilyDesc, Stop, Value, Visitor};
use crate::{GaugeMode, Kind, Labels, ManualClock, Registry};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A backend nobody registered anything in shows nothing.
pub fn an_untouched_backend_shows_nothing(subject: &Subject) {
    let page = Page::of(&subject.registry());
    holds(page.names().is_empty(), "an untouched backend shows nothing", || page.to_string());
}

/// Families come in the order of their names' bytes, whatever the order in which they were
/// registered, with the library's own among them.
pub fn families_come_in_name_order(subject: &Subject) {
    let registry = subject.registry();
    let names = ["m", "z", "a_b", "a", "aB", "a:b", "_", "Z", "q_z", "m_", "p", "pz"];
    for name in names {
        ok(registry.info(name, "help").register(), "a registration");
    }
    let counter = ok(registry.counter("b_total", "help").register(), "a registration");
    counter.inc_by(-1);
    let full = registry.info("c", "help").label_names(["a"]).max_series(0).register();
    ok(full, "a registration").with(["1"]);
    // That names ascend is checked for every page.
    let page = Page::of(&registry);
    let shown = page.families.iter().map(|family| &*family.desc.identity.name);
    let shown: Vec<_> = shown.filter(|name| *name != "b_total" && *name != "c").collect();
    let shown: Vec<_> = shown
        .into_iter()
        .filter(|name| !name.starts_with("pytheus_") || OUR_OWN.contains(name))
        .collect();
    let mut expected: Vec<_> = names.into_iter().chain(OUR_OWN).collect();
    expected.sort_unstable();
    assert_eq!(shown, expected, "families come in name order");
}

const OUR_OWN: [&str; 2] = [super::page::OVERFLOWED, super::page::REFUSED];

/// Series come in the same order in every scrape, whatever happens to their values; one that is
/// removed leaves the others where they are.
pub fn series_keep_their_order(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["n"]).register();
    let family = ok(family, "a registration");
    let names = ["5", "1", "4", "2", "3", "10", "", "é"];
    for name in names {
        family.with([name]).inc();
    }
    let order = |registry: &Registry| -> Vec<String> {
        let page = Page::of(registry);
        page.family("c_total").series.iter().map(|series| series.labels.clone()).collect()
    };
    let first = order(&registry);
    for name in names.iter().rev() {
        family.with([name]).inc_by(7);
    }
    assert_eq!(order(&registry), first, "series keep their order when they are updated");
    assert!(family.remove(["4"]), "there was a series");
    let rest: Vec<_> = first.into_iter().filter(|labels| labels != r#"n="4""#).collect();
    assert_eq!(order(&registry), rest, "series keep their order when another one is removed");
    family.with(["new"]);
    let others = order(&registry).into_iter().filter(|labels| labels != r#"n="new""#);
    assert_eq!(others.collect::<Vec<_>>(), rest, "series keep their order when one is made");
}

/// A visitor can stop a visit at any point, and is shown nothing after that. The collection can be
/// visited again.
pub fn a_visit_can_be_stopped_and_made_again(subject: &Subject) {
    struct StopsAfter(usize);
    impl StopsAfter {
        fn step(&mut self) -> Result<(), Stop> {
            assert!(self.0 > 0, "broken promise: a visitor that stopped is shown nothing more");
            self.0 -= 1;
            if self.0 == 0 { Err(Stop) } else { Ok(()) }
        }
    }
    impl Visitor for StopsAfter {
        fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
            self.step()
        }
        fn series(&mut self, _: Labels<'_>, _: &Value<'_>) -> Result<(), Stop> {
            self.step()
        }
    }

    let registry = subject.registry();
    for name in ["i", "j"] {
        let family = registry.info(name, "help").label_names(["a"]).register();
        let family = ok(family, "a registration");
        family.with(["1"]);
        family.with(["2"]);
    }
    ok(registry.flush_blocking(), "a flush");
    let collection = ok(registry.collect_blocking(), "a collection");
    let all = Page::of_collection(&collection);
    let steps: usize = all.families.iter().map(|family| 1 + family.series.len()).sum();
    assert!(steps >= 6, "two families of two series are shown: {all}");
    for stop in 1..=steps {
        let stopped = collection.visit(&mut StopsAfter(stop));
        assert_eq!(stopped, Err(Stop), "a visit ends where the visitor stops it");
    }
    let again = Page::of_collection(&collection);
    assert_eq!(again.to_string(), all.to_string(), "a collection can be visited again");
}

/// A series says when it was created, to the millisecond; one that comes back was created then.
pub fn series_tell_when_they_were_created(subject: &Subject) {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder(subject.open()).clock(clock.clone()).build();
    let registry = ok(registry, "building a registry");
    let after = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    clock.advance(Duration::from_secs(1_000));
    let counters = registry.counter("c_total", "help").label_names(["a"]).register();
    let counters = ok(counters, "a registration");
    ok(registry.summary("s", "help").register(), "a registration");
    clock.advance(Duration::from_secs(1_000));
    counters.with(["1"]);
    clock.advance(Duration::from_millis(1_000));
    counters.with(["2"]);
    counters.with(["1"]).inc();
    ok(registry.histogram("h", "help").register(), "a registration").observe(1.0);
    let page = Page::of(&registry);
    let promise = "a series says when it was created";
    assert_eq!(page.family("s").series("").created, after(1_000), "{promise}");
    assert_eq!(page.family("c_total").series(r#"a="1""#).created, after(2_000), "{promise}");
    assert_eq!(page.family("c_total").series(r#"a="2""#).created, after(2_001), "{promise}");
    assert_eq!(page.family("h").series("").created, after(2_001), "{promise}");

    counters.remove(["1"]);
    clock.advance(Duration::from_secs(1_000));
    counters.with(["1"]);
    let page = Page::of(&registry);
    let created = page.family("c_total").series(r#"a="1""#).created;
    assert_eq!(created, after(3_001), "a series that comes back was created then");
}

/// A family is described as it was registered.
pub fn families_are_described_as_they_were_registered(subject: &Subject) {
    let registry = subject.registry();
    let help = "Line one\nline \"two\" \\ é";
    ok(registry.counter("c_total", help).unit("bytes").register(), "a registration");
    ok(registry.counter("n_total", "").label_names(["b", "a"]).register(), "a registration");
    ok(registry.histogram("h", "h").buckets([-1.0, 0.0, 2.5]).register(), "a registration");
    ok(registry.summary("s", "s").open_labels().register(), "a registration");
    ok(registry.state_set("st", "st").states(["b", "a", "\n"]).register(), "a registration");
    ok(registry.gauge("g", "g").mode(GaugeMode::LiveMax).register(), "a registration");
    ok(registry.up_down_counter("u", "u").register(), "a registration");
    ok(registry.info("i", "i").register(), "a registration");
    let page = Page::of(&registry);
    let described = |name: &str| page.family(name).desc.clone();
    let promise = "a family is described as it was registered";
    let c = described("c_total");
    assert_eq!((&*c.help, c.identity.unit.as_deref()), (help, Some("bytes")), "{promise}");
    assert_eq!(c.identity.kind, Kind::Counter, "{promise}");
    let n = described("n_total");
    assert_eq!(n.help, "", "{promise}");
    assert_eq!(n.identity.label_names, Some(vec!["b".to_owned(), "a".to_owned()]), "{promise}");
    let h = described("h").identity;
    assert_eq!((h.kind, h.buckets), (Kind::Histogram, vec![-1.0, 0.0, 2.5]), "{promise}");
    let s = described("s").identity;
    assert_eq!((s.kind, s.label_names), (Kind::Summary, None), "{promise}");
    let st = described("st").identity;
    assert_eq!((st.kind, st.states.len(), &*st.states[2]), (Kind::StateSet, 3, "\n"), "{promise}");
    let g = described("g").identity;
    assert_eq!((g.kind, g.gauge_mode), (Kind::Gauge, GaugeMode::LiveMax), "{promise}");
    assert_eq!(described("u").identity.kind, Kind::UpDownCounter, "{promise}");
    assert_eq!(described("i").identity.kind, Kind::Info, "{promise}");
    let series = &page.family("i").series;
    assert!(series.iter().all(|series| series.value == Reading::Info), "{promise}");
}
