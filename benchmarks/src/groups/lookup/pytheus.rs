//! pytheus itself.

use super::series::Series;
use super::subject::{Tally, looks_up};
use super::{HELP, LABEL_NAMES, NAME, candidate};
use crate::groups::ours;
use crate::{BoxError, Candidate, Subject};
use pytheus_core::{Counter, Family, FamilyDesc, Labels, Registry, Stop, Value, Visitor};

pub(super) fn candidates(series: fn() -> &'static Series) -> Vec<Candidate> {
    vec![candidate("pytheus", "Family", series, family)]
}

pub(super) fn family(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    family_on(ours::registry(), series)
}

/// The same on another registry.
pub(super) fn family_on(
    registry: Registry,
    series: &'static Series,
) -> Result<Box<dyn Subject>, BoxError> {
    let family = with_all_on(&registry, series)?;
    Ok(looks_up(
        series,
        move || family.clone(),
        |family, labels| family.with(labels).inc(),
        move || tally(&registry),
    ))
}

/// A family in which all series exist.
pub(super) fn with_all(
    series: &'static Series,
) -> Result<(Registry, Family<Counter, 3>), BoxError> {
    let registry = ours::registry();
    let family = with_all_on(&registry, series)?;
    Ok((registry, family))
}

fn with_all_on(
    registry: &Registry,
    series: &'static Series,
) -> Result<Family<Counter, 3>, BoxError> {
    let family = registry.counter(NAME, HELP).label_names(LABEL_NAMES).register()?;
    series.all().for_each(|labels| drop(family.with(labels)));
    Ok(family)
}

/// What the family has come to, as a scrape sees it.
pub(super) fn tally(registry: &Registry) -> Result<Tally, BoxError> {
    let mut counters = Counters { here: false, values: Vec::new() };
    // Nobody stops the visit.
    let _ = registry.collect_blocking()?.visit(&mut counters);
    Ok(counters.values.into_iter().collect())
}

/// The values of the family's series.
struct Counters {
    here: bool,
    values: Vec<f64>,
}

impl Visitor for Counters {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.here = family.identity.name == NAME;
        Ok(())
    }

    fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if let (true, Value::Counter { total, .. }) = (self.here, value) {
            self.values.push(total.as_f64());
        }
        Ok(())
    }
}
