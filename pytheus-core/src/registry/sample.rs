//! Single samples, named as the text format names them.

use crate::backend::Collection;
use crate::labels::Labels;
use crate::visit::{FamilyDesc, Kind, Stop, Value, Visitor};

/// The value of one sample; `None` if it is not there.
pub(super) fn find(
    collection: &Collection,
    sample: &str,
    mut labels: Vec<(&str, &str)>,
) -> Option<f64> {
    labels.sort_unstable();
    let mut search = Search { sample, labels, family: None, found: None };
    let _ = collection.visit(&mut search);
    search.found
}

struct Search<'a> {
    sample: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    family: Option<FamilyDesc>,
    found: Option<f64>,
}

impl Visitor for Search<'_> {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        // Every sample of a family begins with the family's name.
        let may_have = self.sample.starts_with(&family.identity.name);
        self.family = may_have.then(|| family.clone());
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let Some(family) = self.family.take() else { return Ok(()) };
        for_each_sample(&family, value, |suffix, own, value| {
            if self.sample.strip_prefix(&*family.identity.name) == Some(suffix)
                && self.found.is_none()
                && has_labels(labels, own, &self.labels)
            {
                self.found = Some(value);
            }
        });
        self.family = Some(family);
        if self.found.is_some() { Err(Stop) } else { Ok(()) }
    }
}

/// The label that a sample has beyond its series' own.
enum Own<'a> {
    None,
    /// A bucket's bound, however it is written.
    Bound(f64),
    State(&'a str, &'a str),
}

/// Whether the labels of a sample, in any order, are these sorted ones.
fn has_labels(series: Labels<'_>, own: &Own<'_>, wanted: &[(&str, &str)]) -> bool {
    let pairs: Vec<_> = series.iter().collect();
    let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
    match *own {
        Own::None => {}
        Own::State(name, state) => pairs.push((name, state)),
        Own::Bound(bound) => {
            let Some((_, le)) = wanted.iter().find(|(name, _)| *name == "le") else { return false };
            if le.parse() != Ok(bound) {
                return false;
            }
            pairs.push(("le", le));
        }
    }
    pairs.sort_unstable();
    pairs == wanted
}

/// Calls `show` for every sample of a series with what follows the family's name, the label it has
/// beyond the series' own, and its value.
fn for_each_sample(
    family: &FamilyDesc,
    value: &Value<'_>,
    mut show: impl FnMut(&str, &Own<'_>, f64),
) {
    match *value {
        Value::Counter { total, .. } => show("", &Own::None, total.as_f64()),
        Value::Gauge { value } | Value::Unknown { value } => show("", &Own::None, value),
        Value::Summary { count, sum, .. } => {
            show("_sum", &Own::None, sum);
            show("_count", &Own::None, count as f64);
        }
        Value::Histogram { counts, sum, .. } => {
            let mut total = 0_u64;
            for (place, count) in counts.iter().enumerate() {
                total = total.saturating_add(*count);
                let bound = family.identity.buckets.get(place).copied().unwrap_or(f64::INFINITY);
                show("_bucket", &Own::Bound(bound), total as f64);
            }
            show("_sum", &Own::None, sum);
            show("_count", &Own::None, total as f64);
        }
        Value::NativeHistogram { sum, count, .. } => {
            show("_bucket", &Own::Bound(f64::INFINITY), count as f64);
            show("_sum", &Own::None, sum);
            show("_count", &Own::None, count as f64);
        }
        Value::StateSet { active } => {
            for (state, active) in family.identity.states.iter().zip(active) {
                let own = Own::State(&family.identity.name, state);
                show("", &own, if *active { 1.0 } else { 0.0 });
            }
        }
        Value::Info if family.identity.kind == Kind::Info => {
            let suffix = if family.identity.name.ends_with("_info") { "" } else { "_info" };
            show(suffix, &Own::None, 1.0);
        }
        Value::Info => show("", &Own::None, 1.0),
    }
}
