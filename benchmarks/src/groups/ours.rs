//! pytheus itself: a registry on local memory, and how a subject of it is read back.

use crate::{BoxError, ReadError, Reading};
use pytheus_backend_local::Local;
use pytheus_core::{FamilyDesc, Labels, Registry, Stop, Value, Visitor};

/// A registry of its own for each subject.
pub(super) fn registry() -> Registry {
    Registry::new(Local::new())
}

/// The first series of the family `name`, as a scrape sees it.
pub(super) fn read(registry: &Registry, name: &'static str) -> Result<Reading, BoxError> {
    let mut find = Find { name, bounds: None, found: None };
    // A visit that was stopped has found what it looked for.
    let _ = registry.collect_blocking()?.visit(&mut find);
    find.found.ok_or_else(|| ReadError::Missing { name: name.to_owned() }.into())
}

struct Find {
    name: &'static str,
    /// Those of the family; `None` outside of it.
    bounds: Option<Vec<f64>>,
    found: Option<Reading>,
}

impl Visitor for Find {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        let identity = &family.identity;
        self.bounds = (identity.name == self.name).then(|| identity.buckets.clone());
        Ok(())
    }

    fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let Some(bounds) = self.bounds.take() else { return Ok(()) };
        self.found = match *value {
            Value::Counter { total, .. } => Some(Reading::Number(total.as_f64())),
            Value::Gauge { value } => Some(Reading::Number(value)),
            Value::Histogram { counts, sum, .. } => {
                Some(Reading::Histogram { bounds, counts: counts.to_vec(), sum })
            }
            Value::Summary { count, sum, .. } => Some(Reading::Summary { count, sum }),
            _ => None,
        };
        Err(Stop)
    }
}
