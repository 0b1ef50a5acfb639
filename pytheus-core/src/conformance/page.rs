//! Reading what a registry shows, and checking what holds for every page.

use crate::visit::{FamilyDesc, Number, Stop, Value, Visitor};
use crate::{Collection, Labels, Registry};
use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::time::SystemTime;

/// Everything one visit showed.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) families: Vec<Shown>,
}

/// One family, and its series in the order in which they came.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) desc: FamilyDesc,
    pub(super) series: Vec<Series>,
    seen: HashSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// Canonical.
    pub(super) labels: String,
    pub(super) value: Reading,
    pub(super) created: Option<SystemTime>,
}

/// A value that borrows nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    Counter(Number),
    Gauge(f64),
    Histogram { counts: Vec<u64>, sum: f64 },
    Native(Native),
    Summary { count: u64, sum: f64 },
    States(Vec<bool>),
    Info,
    Other(f64),
}

/// What a native histogram shows. Cells of one's own show the count and the sum alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Native {
    pub(super) schema: i8,
    pub(super) zero: u64,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) positive: Vec<(i32, u64)>,
    pub(super) negative: Vec<(i32, u64)>,
}

impl Display for Series {
    /// One line: `a="1": 5`, of a histogram `a="1": [2, 0, 1] sum 7`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.labels.is_empty() {
            write!(f, "{}: ", self.labels)?;
        }
        match &self.value {
            Reading::Counter(Number::Int(total)) => write!(f, "{total}"),
            Reading::Counter(Number::Float(value))
            | Reading::Gauge(value)
            | Reading::Other(value) => write!(f, "{value}"),
            Reading::Histogram { counts, sum } => write!(f, "{counts:?} sum {sum}"),
            Reading::Native(Native { schema, zero, count, sum, positive, negative }) => {
                write!(f, "schema {schema} {negative:?} {zero} {positive:?} of {count} sum {sum}")
            }
            Reading::Summary { count, sum } => write!(f, "{count} sum {sum}"),
            Reading::States(active) => write!(f, "{active:?}"),
            Reading::Info => write!(f, "info"),
        }
    }
}

impl Page {
    /// Flushes, collects and visits.
    #[track_caller]
    pub(super) fn of(registry: &Registry) -> Self {
        ok(registry.flush_blocking(), "a flush");
        Self::of_collection(&ok(registry.collect_blocking(), "a collection"))
    }

    #[track_caller]
    pub(super) fn of_collection(collection: &Collection) -> Self {
        let mut page = Self::default();
        let stopped = collection.visit(&mut page);
        assert_eq!(stopped, Ok(()), "a visit goes on to its end unless the visitor stops it");
        page
    }

    /// The family of this exported name.
    #[track_caller]
    pub(super) fn family(&self, name: &str) -> &Shown {
        let found = self.families.iter().find(|family| family.desc.identity.name == name);
        match found {
            Some(family) => family,
            None => panic!("a registered family is shown, but {name:?} is not on {self}"),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.families.iter().any(|family| family.desc.identity.name == name)
    }

    /// The names of all families but the library's own.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.families.iter().map(|family| &*family.desc.identity.name);
        names.filter(|name| !name.starts_with(OWN)).collect()
    }
}

impl Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "this page:")?;
        for family in &self.families {
            writeln!(f, "  {} ({})", family.desc.identity.name, family.desc.identity.kind)?;
            for series in &family.series {
                writeln!(f, "    {series}")?;
            }
        }
        Ok(())
    }
}

/// How the names of the library's own families begin.
const OWN: &str = "pytheus_";

impl Shown {
    /// The series as lines, sorted.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.series.iter().map(ToString::to_string).collect();
        lines.sort_unstable();
        lines
    }

    /// The series with these canonical labels.
    #[track_caller]
    pub(super) fn series(&self, labels: &str) -> &Series {
        match self.series.iter().find(|series| series.labels == labels) {
            Some(series) => series,
            None => panic!(
                "{:?} shows no series {{{labels}}}; it shows {:?}",
                self.desc.identity.name,
                self.lines(),
            ),
        }
    }

    /// The sum of all totals of a counter family.
    pub(super) fn total(&self) -> f64 {
        self.series
            .iter()
            .map(|series| match series.value {
                Reading::Counter(total) => total.as_f64(),
                _ => 0.0,
            })
            .sum()
    }
}

/// Reads the page and compares one family with what it should show, in any order.
#[track_caller]
pub(super) fn shows<const N: usize>(
    registry: &Registry,
    family: &str,
    expected: [&str; N],
    promise: &str,
) {
    let lines = Page::of(registry).family(family).lines();
    let mut expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    expected.sort_unstable();
    holds(lines == expected, promise, || {
        format!("{family:?} should show {expected:?} and shows {lines:?}")
    });
}

/// What the library itself says about `family`, in one of its own counters; 0 if nothing.
#[track_caller]
pub(super) fn told(registry: &Registry, own: &str, family: &str) -> f64 {
    // Where each process tells its own, there is a label more.
    let family = format!("family={family:?}");
    let page = Page::of(registry);
    let of_family = page.families.iter().filter(|shown| shown.desc.identity.name == own);
    let series = of_family.flat_map(|shown| &shown.series);
    let series = series.filter(|series| series.labels.split(',').any(|pair| pair == family));
    series
        .map(|series| match series.value {
            Reading::Counter(total) => total.as_f64(),
            _ => 0.0,
        })
        .sum()
}

/// The counter of refused amounts.
pub(super) const REFUSED: &str = "pytheus_refused_updates_total";
/// The counter of look-ups that ended at an overflow series.
pub(super) const OVERFLOWED: &str = "pytheus_overflowed_lookups_total";

/// Panics with the promise that was broken.
#[track_caller]
pub(super) fn holds(holds: bool, promise: &str, seen: impl FnOnce() -> String) {
    assert!(holds, "broken promise: {promise}\n{}", seen());
}

/// The result of what must succeed.
#[track_caller]
pub(super) fn ok<T, E: Display>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what} should succeed: {error}"),
    }
}

/// The error of what must not succeed, as text.
#[track_caller]
pub(super) fn refused<T: Debug, E: Display>(result: Result<T, E>, what: &str) -> String {
    match result {
        Ok(value) => panic!("{what} should be an error, and gave {value:?}"),
        Err(error) => error.to_string(),
    }
}

impl Visitor for Page {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        let name = &family.identity.name;
        if let Some(last) = self.families.last() {
            let last = &last.desc.identity.name;
            holds(last < name, "families come in name order, each once", || {
                format!("{name:?} came after {last:?}")
            });
        }
        let (series, seen) = (Vec::new(), HashSet::new());
        self.families.push(Shown { desc: family.clone(), series, seen });
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let Some(family) = self.families.last_mut() else {
            panic!("broken promise: series come after their family\n{labels:?} came before any");
        };
        let identity = &family.desc.identity;
        let name = &identity.name;
        holds(value.fits(identity.kind), "a value is of its family's type", || {
            format!("{name:?} is a {} and shows {value:?}", identity.kind)
        });
        let mut names: Vec<_> = labels.iter().map(|(name, _)| name.into_owned()).collect();
        if identity.gauge_mode == crate::GaugeMode::Shared {
            check_names(name, identity.label_names.as_deref(), &names);
        }
        names.sort_unstable();
        holds(
            names.windows(2).all(|pair| pair[0] != pair[1]),
            "a series has each label once",
            || format!("{name:?} shows {labels:?}"),
        );
        let mut pairs: Vec<_> = labels.iter().collect();
        pairs.sort_unstable();
        holds(family.seen.insert(format!("{pairs:?}")), "a series is shown once", || {
            format!("{name:?} shows {labels:?} twice")
        });
        let (value, created) = read(&family.desc, value);
        family.series.push(Series { labels: labels.canonical().to_owned(), value, created });
        Ok(())
    }
}

#[track_caller]
fn check_names(family: &str, declared: Option<&[String]>, names: &[String]) {
    match declared {
        Some(declared) => {
            holds(declared == names, "a series has the declared labels in declared order", || {
                format!("{family:?} declares {declared:?} and shows {names:?}")
            });
        }
        None => holds(names.is_sorted(), "labels of an open set are sorted by name", || {
            format!("{family:?} shows {names:?}")
        }),
    }
}

fn read(family: &FamilyDesc, value: &Value<'_>) -> (Reading, Option<SystemTime>) {
    let name = &family.identity.name;
    match *value {
        Value::Counter { total, created, .. } => (Reading::Counter(total), created),
        Value::Gauge { value } => (Reading::Gauge(value), None),
        Value::Histogram { counts, sum, created, .. } => {
            let buckets = family.identity.buckets.len() + 1;
            holds(counts.len() == buckets, "a histogram has a count per bucket", || {
                format!("{name:?} has {buckets} buckets and shows {counts:?}")
            });
            (Reading::Histogram { counts: counts.to_vec(), sum }, created)
        }
        Value::NativeHistogram {
            schema,
            zero_threshold,
            zero_count: zero,
            count,
            sum,
            positive,
            negative,
            created,
            ..
        } => {
            let declared = family.identity.native.unwrap_or_default();
            let sides = [positive, negative];
            let promise = "a native histogram is as it was declared, and its buckets in order";
            let is_sound = sides.iter().all(|side| side.is_sorted_by(|a, b| a.0 < b.0))
                && (crate::Native::MIN_SCHEMA..=declared.schema).contains(&schema)
                && zero_threshold == declared.zero_threshold;
            holds(is_sound, promise, || format!("{declared:?} shows {value:?}"));
            let (positive, negative) = (positive.to_vec(), negative.to_vec());
            (Reading::Native(Native { schema, zero, count, sum, positive, negative }), created)
        }
        Value::Summary { count, sum, created } => (Reading::Summary { count, sum }, created),
        Value::StateSet { active } => {
            let states = &family.identity.states;
            holds(active.len() == states.len(), "a state set shows every state", || {
                format!("{name:?} has the states {states:?} and shows {active:?}")
            });
            (Reading::States(active.to_vec()), None)
        }
        Value::Info => (Reading::Info, None),
        Value::Unknown { value } => (Reading::Other(value), None),
    }
}
