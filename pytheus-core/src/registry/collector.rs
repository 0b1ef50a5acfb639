//! Custom collectors: samples made up when somebody asks.

use super::Registry;
use super::names::check_samples;
use crate::family::Spec;
use crate::labels::{Labels, LabelsBuf};
use crate::metric::Amount as _;
use crate::names::{Naming, check_label_name};
use crate::visit::{FamilyDesc, Identity, Native, Stop, Value, Visitor};
use crate::{Problem, RegisterError};
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

/// Samples made up at collection time, in the process that registered it.
///
/// The registry's prefix and constant labels apply. What a collector shows is checked before it is
/// merged: families it did not declare, values that do not fit the family's type, labels that are
/// not the declared ones and series shown twice are left out, and
/// [`Registry::problems`] says so. A collector that panics shows nothing in that scrape. One that
/// looks at a registry while it collects sees the backend without custom collectors.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Collector, FamilyDesc, Identity, Kind, LabelsBuf, Registry, Stop, Value, Visitor};
///
/// struct Disks(FamilyDesc);
/// impl Collector for Disks {
///     fn families(&self) -> Vec<FamilyDesc> {
///         vec![self.0.clone()]
///     }
///     fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
///         visitor.family(&self.0)?;
///         let labels = LabelsBuf::from_pairs([("disk", "sda")]);
///         visitor.series(labels.as_labels(), &Value::Gauge { value: 0.5 })
///     }
/// }
///
/// let registry = Registry::builder(Local::new()).prefix("host").build()?;
/// let full = Identity::new("disk_full_ratio", Kind::Gauge).label_names(["disk"]);
/// registry.collector(Disks(FamilyDesc::new(full, "How full the disks are")))?;
/// assert_eq!(registry.value("host_disk_full_ratio", [("disk", "sda")])?, Some(0.5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Collector: Send + Sync + 'static {
    /// What it shows, without prefix and constant labels. Asked once, so that conflicts are found at
    /// registration.
    fn families(&self) -> Vec<FamilyDesc>;

    /// Shows its families, each announced by [`Visitor::family`] and followed by its series.
    ///
    /// # Errors
    ///
    /// [`Stop`] if the visitor wanted no more.
    fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop>;
}

/// A collector with what it declared, prefixed.
pub(super) struct Registered {
    collector: Box<dyn Collector>,
    /// As declared, and as exported.
    families: Vec<(FamilyDesc, FamilyDesc)>,
    at: &'static Location<'static>,
}

impl Registered {
    pub(super) fn declares(&self, name: &str) -> bool {
        self.families.iter().any(|(_, exported)| exported.identity.name == name)
    }
}

impl Registry {
    /// Adds a custom collector.
    ///
    /// # Errors
    ///
    /// A declared family that is not valid, or whose name is taken. Nothing is registered then.
    #[track_caller]
    pub fn collector(&self, collector: impl Collector) -> Result<(), RegisterError> {
        let at = Location::caller();
        let mut families: Vec<(FamilyDesc, FamilyDesc)> = Vec::new();
        let declared = catch_unwind(AssertUnwindSafe(|| collector.families()));
        for desc in declared.map_err(|_| RegisterError::CollectorPanicked)? {
            let exported = self.export(&desc)?;
            let others = families.iter().map(|(_, other)| &other.identity);
            check_samples(&exported.identity, others)?;
            families.push((desc, exported));
        }
        let registered = self.shared.families.lock();
        for (_, exported) in &families {
            self.check_collectors(&exported.identity)?;
            registered.samples.check(&exported.identity)?;
        }
        let entry = Registered { collector: Box::new(collector), families, at };
        self.shared.collectors.lock().push(Arc::new(entry));
        Ok(())
    }

    /// A declared family under this registry's prefix and constant labels, if it is valid: what holds
    /// for a metric holds for it.
    fn export(&self, desc: &FamilyDesc) -> Result<FamilyDesc, RegisterError> {
        let context = &self.shared.context;
        let spec = Spec::of(desc);
        spec.describe(&context.prefix, &context.constants, context.naming)
    }

    /// Refuses a family that shows a name which a custom collector shows.
    pub(super) fn check_collectors(&self, asked: &Identity) -> Result<(), RegisterError> {
        let collectors = self.shared.collectors.lock();
        let declared = collectors.iter().flat_map(|collector| &collector.families);
        check_samples(asked, declared.map(|(_, exported)| &exported.identity))
    }

    /// What all collectors show now.
    pub(super) fn run_collectors(&self) -> Vec<Collected> {
        let collectors: Vec<_> = self.shared.collectors.lock().clone();
        let mut collected = Vec::new();
        let Some(_running) = Running::begin() else { return collected };
        for entry in &collectors {
            let mut gather = Gather::new(self, entry);
            let ran = catch_unwind(AssertUnwindSafe(|| {
                let _ = entry.collector.collect(&mut gather);
            }));
            let Gather { families, complaints, .. } = gather;
            for (metric, message) in complaints {
                self.report(Problem { metric, at: entry.at, message: message.to_owned() });
            }
            if ran.is_ok() {
                collected.extend(families);
                continue;
            }
            let metric = entry.families.first().map(|(_, exported)| exported.identity.name.clone());
            let message = "the custom collector panicked; it shows nothing".to_owned();
            self.report(Problem { metric: metric.unwrap_or_default(), at: entry.at, message });
        }
        collected.sort_by(|a, b| a.desc.identity.name.cmp(&b.desc.identity.name));
        collected
    }
}

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// The collectors run on this thread. One that looks at its own registry sees the backend alone, or
/// it would run itself without end.
struct Running;

impl Running {
    fn begin() -> Option<Self> {
        (!RUNNING.replace(true)).then_some(Self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(false);
    }
}

/// A family as a collector showed it.
pub(super) struct Collected {
    pub(super) desc: FamilyDesc,
    pub(super) series: Vec<(LabelsBuf, OwnedValue)>,
}

/// Takes down what a collector shows, as far as it is right.
struct Gather<'a> {
    constants: &'a [(String, String)],
    naming: Naming,
    entry: &'a Registered,
    families: Vec<Collected>,
    seen: HashSet<(usize, String)>,
    /// The place in `families` of the family announced last, if it was declared.
    current: Option<usize>,
    complaints: Vec<(String, &'static str)>,
}

impl<'a> Gather<'a> {
    fn new(registry: &'a Registry, entry: &'a Registered) -> Self {
        // A declared family is shown even if the collector has no series of it.
        let families = entry.families.iter();
        let families = families
            .map(|(_, desc)| Collected { desc: desc.clone(), series: Vec::new() })
            .collect();
        Self {
            constants: &registry.shared.context.constants,
            naming: registry.shared.context.naming,
            entry,
            families,
            seen: HashSet::new(),
            current: None,
            complaints: Vec::new(),
        }
    }

    fn complain(&mut self, metric: &str, message: &'static str) {
        self.complaints.push((metric.to_owned(), message));
    }

    /// The labels with the constant ones in front and in declared order; what is wrong with them
    /// otherwise.
    fn check_labels(
        &self,
        declared: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<LabelsBuf, &'static str> {
        let mut pairs: Vec<_> = labels.iter().collect();
        if let Some(names) = &declared.identity.label_names {
            let place = |name: &str| names.iter().position(|declared| declared == name);
            if pairs.len() != names.len() || pairs.iter().any(|(name, _)| place(name).is_none()) {
                return Err("a series does not have exactly the declared labels; it is left out");
            }
            pairs.sort_by_key(|(name, _)| place(name));
        } else {
            pairs.sort();
        }
        if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("a series has a label twice; it is left out");
        }
        if pairs.iter().any(|(name, _)| self.constants.iter().any(|(constant, _)| constant == name))
        {
            return Err("a series has a constant label of the registry itself; it is left out");
        }
        if pairs.iter().any(|(name, _)| check_label_name(name, self.naming).is_err()) {
            return Err("a series has a label whose name is not valid; it is left out");
        }
        let constants = self.constants.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = pairs.iter().map(|(name, value)| (&**name, &**value));
        let mut all: Vec<_> = constants.chain(own).collect();
        if declared.identity.label_names.is_none() {
            all.sort_unstable();
        }
        Ok(LabelsBuf::from_pairs(all))
    }
}

impl Visitor for Gather<'_> {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        let name = &family.identity.name;
        let mut declared = self.entry.families.iter();
        self.current = declared.position(|(declared, _)| declared.identity.name == *name);
        if self.current.is_none() {
            self.complain(name, "the custom collector did not declare this family; it is left out");
        }
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let Some(current) = self.current else { return Ok(()) };
        let (declared, exported) = &self.entry.families[current];
        let name = exported.identity.name.clone();
        let Some(value) = OwnedValue::new(value, exported) else {
            self.complain(&name, "a value does not fit the family's type; it is left out");
            return Ok(());
        };
        match self.check_labels(declared, labels) {
            Err(message) => self.complain(&name, message),
            Ok(labels) => {
                let key = (current, labels.as_labels().canonical().to_owned());
                if self.seen.insert(key) {
                    self.families[current].series.push((labels, value));
                } else {
                    self.complain(&name, "a series was shown twice; the second one is left out");
                }
            }
        }
        Ok(())
    }
}

/// A [`Value`] that borrows nothing. Exemplars of collectors are not kept.
pub(super) enum OwnedValue {
    Plain(Value<'static>),
    Histogram {
        counts: Vec<u64>,
        sum: f64,
        created: Option<std::time::SystemTime>,
    },
    Native {
        positive: Vec<(i32, u64)>,
        negative: Vec<(i32, u64)>,
        /// All but the buckets.
        rest: Value<'static>,
    },
    StateSet(Vec<bool>),
}

impl OwnedValue {
    fn new(value: &Value<'_>, family: &FamilyDesc) -> Option<Self> {
        if !value.fits(family.identity.kind) {
            return None;
        }
        Some(match *value {
            Value::Histogram { counts, sum, created, .. } => (counts.len()
                == family.identity.buckets.len() + 1)
                .then(|| Self::Histogram { counts: counts.to_vec(), sum, created })?,
            Value::NativeHistogram {
                schema,
                zero_threshold,
                zero_count,
                count,
                sum,
                positive,
                negative,
                created,
                ..
            } => {
                let in_buckets = positive.iter().chain(negative).map(|(_, count)| *count);
                let counted = in_buckets.fold(zero_count, u64::saturating_add);
                let is_sound = (Native::MIN_SCHEMA..=Native::MAX_SCHEMA).contains(&schema)
                    && zero_threshold.is_finite()
                    && zero_threshold >= 0.0
                    && [positive, negative].iter().all(|side| side.is_sorted_by(|a, b| a.0 < b.0))
                    && counted <= count;
                (family.identity.native.is_some() && is_sound).then(|| Self::Native {
                    positive: positive.to_vec(),
                    negative: negative.to_vec(),
                    rest: Value::NativeHistogram {
                        schema,
                        zero_threshold,
                        zero_count,
                        count,
                        sum,
                        positive: &[],
                        negative: &[],
                        created,
                        exemplars: &[],
                    },
                })?
            }
            Value::StateSet { active } => (active.len() == family.identity.states.len())
                .then(|| Self::StateSet(active.to_vec()))?,
            Value::Counter { total, created, .. } => {
                // What a counter refuses it refuses here, too.
                total.as_f64().number()?;
                Self::Plain(Value::Counter { total, created, exemplar: None })
            }
            Value::Gauge { value } => Self::Plain(Value::Gauge { value }),
            Value::Summary { count, sum, created } => {
                Self::Plain(Value::Summary { count, sum, created })
            }
            Value::Info => Self::Plain(Value::Info),
            Value::Unknown { value } => Self::Plain(Value::Unknown { value }),
        })
    }

    pub(super) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Histogram { counts, sum, created } => {
                Value::Histogram { counts, sum: *sum, created: *created, exemplars: &[] }
            }
            Self::Native { positive: above, negative: below, rest } => {
                let mut value: Value<'_> = *rest;
                if let Value::NativeHistogram { positive, negative, .. } = &mut value {
                    (*positive, *negative) = (above, below);
                }
                value
            }
            Self::StateSet(active) => Value::StateSet { active },
        }
    }
}
