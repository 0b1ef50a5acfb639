//! Exemplars reach the visitor, whole, and follow their series through removal and reuse.

use pytheus_backend_local::Local;
use pytheus_core::{
    ExemplarError, FamilyDesc, Labels, RegisterError, Registry, Stop, Value, Visitor,
};
use std::time::{Duration, Instant};

/// Every exemplar of a scrape: its labels, its value and the bucket it stands at.
#[derive(Default)]
struct Exemplars(Vec<(String, f64, usize)>);

impl Visitor for Exemplars {
    fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
        Ok(())
    }

    fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let found = match value {
            Value::Counter { exemplar, .. } => std::slice::from_ref(exemplar),
            Value::Histogram { exemplars, .. } => exemplars,
            _ => &[],
        };
        for (place, exemplar) in found.iter().enumerate() {
            if let Some(exemplar) = exemplar {
                let labels = exemplar.labels.canonical().to_owned();
                self.0.push((labels, exemplar.value, place));
            }
        }
        Ok(())
    }
}

fn exemplars(registry: &Registry) -> Vec<(String, f64, usize)> {
    let mut found = Exemplars::default();
    let collection = registry.collect_blocking().expect("local");
    collection.visit(&mut found).expect("never stopped");
    found.0
}

#[test]
fn a_counter_shows_its_latest_exemplar() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new(Local::new());
    let hits = registry.counter("c", "d").register()?;
    hits.inc();
    assert_eq!(exemplars(&registry), []);
    hits.inc_with_exemplar(1, [("trace", "0")])?;
    hits.inc_with_exemplar(1.5, [("trace", "1"), ("note", "a\"b")])?;
    assert_eq!(exemplars(&registry), [(r#"trace="1",note="a\"b""#.to_owned(), 1.5, 0)]);
    assert_eq!(hits.get(), Some(3.5));
    Ok(())
}

#[test]
fn a_bucket_shows_the_exemplar_of_its_own_observations() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new(Local::new());
    let sizes = registry.histogram("h", "d").buckets([1.0, 2.5]).register()?;
    sizes.observe_with_exemplar(2.0, [("trace", "two")])?;
    sizes.observe_with_exemplar(9.0, [("trace", "nine")])?;
    let expected = [(r#"trace="two""#.to_owned(), 2.0, 1), (r#"trace="nine""#.to_owned(), 9.0, 2)];
    assert_eq!(exemplars(&registry), expected);
    Ok(())
}

#[test]
fn labels_that_are_too_long_or_wrong_are_an_error_and_the_update_counts()
-> Result<(), RegisterError> {
    let registry = Registry::new(Local::new());
    let hits = registry.counter("c", "d").register()?;
    let (fits, too_long) = ("é".repeat(127), "é".repeat(128));
    assert_eq!(hits.inc_with_exemplar(1, [("t", fits.as_str())]), Ok(()));
    assert_eq!(
        hits.inc_with_exemplar(1, [("t", too_long.as_str())]),
        Err(ExemplarError::TooLong { code_points: 129 })
    );
    let wrong = hits.inc_with_exemplar(1, [("1t", "x")]).expect_err("not a name");
    assert!(wrong.to_string().starts_with(r#"label name "1t" of the exemplar is not valid"#));
    let twice = hits.inc_with_exemplar(1, [("t", "x"), ("t", "y")]).expect_err("twice");
    assert!(twice.to_string().contains("stands twice"));
    assert_eq!(hits.get(), Some(4.0));
    assert_eq!(exemplars(&registry).len(), 1);
    Ok(())
}

#[test]
fn a_series_that_is_used_again_does_not_show_the_exemplar_of_the_one_before()
-> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new(Local::new());
    let hits = registry.counter("c", "d").label_names(["a"]).register()?;
    for round in 0..100 {
        let label = round.to_string();
        hits.with([&label]).inc();
        assert_eq!(exemplars(&registry), [], "round {round}");
        hits.with([&label]).inc_with_exemplar(1, [("trace", label.as_str())])?;
        assert_eq!(exemplars(&registry).len(), 1, "round {round}");
        assert!(hits.remove([&label]));
    }
    Ok(())
}

#[test]
fn an_exemplar_is_never_half_of_one_and_half_of_another() -> Result<(), Box<dyn std::error::Error>>
{
    let registry = Registry::new(Local::new());
    let hits = registry.counter("c", "d").register()?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        for writer in 0..3_u32 {
            let (hits, stop) = (&hits, &stop);
            scope.spawn(move || {
                let text = writer.to_string().repeat(20 * (writer as usize + 1));
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    hits.inc_with_exemplar(writer, [("t", text.as_str())]).expect("short enough");
                }
            });
        }
        let mut seen = 0;
        let deadline = Instant::now() + Duration::from_secs(60);
        while seen < 100 && Instant::now() < deadline {
            for (labels, value, _) in exemplars(&registry) {
                let text = value.to_string().repeat(20 * (value as usize + 1));
                assert_eq!(labels, format!("t=\"{text}\""));
                seen += 1;
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        seen
    });
    assert!(seen >= 100, "{seen} exemplars in a minute");
    Ok(())
}
