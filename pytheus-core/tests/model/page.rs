//! What a scrape shows, as a plain map.

use pytheus_core::{FamilyDesc, Kind, Labels, Registry, Stop, Value, Visitor};
use std::collections::BTreeMap;

/// Labels in exported order.
pub(crate) type Key = Vec<(String, String)>;

/// Families by name.
pub(crate) type Page = BTreeMap<String, Shown>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) kind: Kind,
    /// Left out for the library's own families.
    pub(crate) help: String,
    pub(crate) series: BTreeMap<Key, Reading>,
}

/// The value of a series of any kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reading {
    /// A counter's total, a gauge's value, the sum of observations.
    pub(crate) total: f64,
    /// By bucket; one for a summary, none for the rest.
    pub(crate) counts: Vec<u64>,
    pub(crate) states: Vec<bool>,
}

pub(crate) fn scrape(registry: &Registry) -> Page {
    let mut reader = Reader::default();
    let collection = registry.collect_blocking().expect("nothing keeps memory from being read");
    collection.visit(&mut reader).expect("the reader stops nothing");
    reader.page
}

#[derive(Default)]
struct Reader {
    page: Page,
    last: String,
}

impl Visitor for Reader {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        let name = &family.identity.name;
        assert!(*name > self.last, "{name:?} comes after {:?}", self.last);
        self.last.clone_from(name);
        let help = if name.starts_with("pytheus_") { String::new() } else { family.help.clone() };
        let shown = Shown { kind: family.identity.kind, help, series: BTreeMap::new() };
        self.page.insert(name.clone(), shown);
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let plain = |total| Reading { total, ..Reading::default() };
        let reading = match *value {
            Value::Counter { total, .. } => plain(total.as_f64()),
            Value::Gauge { value } => plain(value),
            Value::Summary { count, sum, .. } => {
                Reading { total: sum, counts: vec![count], ..Reading::default() }
            }
            Value::Histogram { counts, sum, .. } => {
                Reading { total: sum, counts: counts.to_vec(), ..Reading::default() }
            }
            Value::NativeHistogram { count, sum, .. } => {
                Reading { total: sum, counts: vec![count], ..Reading::default() }
            }
            Value::StateSet { active } => Reading { states: active.to_vec(), ..Reading::default() },
            Value::Info => Reading::default(),
            ref other => panic!("{other:?} is shown by no metric"),
        };
        let key: Key =
            labels.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let family = self.page.get_mut(&self.last).expect("series before their family");
        let before = family.series.insert(key, reading);
        assert!(before.is_none(), "{:?} {labels:?} is shown twice", self.last);
        Ok(())
    }
}
