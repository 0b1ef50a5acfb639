//! What a scrape sees: families, series, values, and the visitor that receives them.

use crate::labels::Labels;
pub use crate::native::Native;
use std::time::SystemTime;

/// The type of a family.
///
/// # Examples
///
/// ```
/// use pytheus_core::Kind;
///
/// assert_eq!(Kind::UpDownCounter.as_str(), "gauge"); // in a format
/// assert_eq!(Kind::UpDownCounter.to_string(), "up-down counter"); // for people
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A total that only grows.
    Counter,
    /// A value that is set.
    Gauge,
    /// A value that goes up and down by amounts.
    UpDownCounter,
    /// Observations counted in buckets, and their sum.
    Histogram,
    /// The count and the sum of observations.
    Summary,
    /// Named states, each on or off.
    StateSet,
    /// A constant 1 whose labels carry the information.
    Info,
    /// Anything, from a custom collector.
    Unknown,
}

impl Kind {
    /// The name in OpenMetrics 1.0; an up-down counter is a gauge there.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::UpDownCounter => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::StateSet => "stateset",
            Self::Info => "info",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UpDownCounter => "up-down counter",
            other => other.as_str(),
        })
    }
}

/// How the values that several processes set become samples.
///
/// With one process all modes show its value; `All` and `LiveAll` add its `pid`.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{GaugeMode, Registry};
///
/// let registry = Registry::new(Local::new());
/// let peak = registry.gauge("peak_bytes", "Most memory used").mode(GaugeMode::Max).register()?;
/// peak.set(4096);
/// assert_eq!(registry.value("peak_bytes", [])?, Some(4096.0)); // the most of any process
/// assert_eq!(GaugeMode::default(), GaugeMode::Shared); // unless the backend says otherwise
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GaugeMode {
    /// One value for all processes: the last write wins.
    #[default]
    Shared,
    /// One series per process, labelled `pid`.
    All,
    /// The smallest value any process set.
    Min,
    /// The largest value any process set.
    Max,
    /// The sum over the processes.
    Sum,
    /// The value that was set last.
    MostRecent,
    /// Like `All`, without the processes that have ended.
    LiveAll,
    /// Like `Min`, without the processes that have ended.
    LiveMin,
    /// Like `Max`, without the processes that have ended.
    LiveMax,
    /// Like `Sum`, without the processes that have ended.
    LiveSum,
    /// Like `MostRecent`, without the processes that have ended.
    LiveMostRecent,
}

/// A family as backends and encoders see it.
///
/// The name has the registry's prefix, the label names begin with the registry's constant labels:
/// registries and prefixes do not exist below this line.
///
/// # Examples
///
/// ```
/// use pytheus_core::{FamilyDesc, Identity, Kind};
///
/// let desc = FamilyDesc::new(Identity::new("queue_length", Kind::Gauge).label_names(["queue"]), "Jobs waiting");
/// assert_eq!(desc.identity.name, "queue_length");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FamilyDesc {
    /// What all who share a backend must agree on.
    pub identity: Identity,
    /// For people. Across processes the newest wins.
    pub help: String,
}

impl FamilyDesc {
    /// A description from its two parts.
    pub fn new(identity: Identity, help: impl Into<String>) -> Self {
        Self { identity, help: help.into() }
    }
}

/// What all who share a backend must agree on about a family.
///
/// Defaults, caps and expiry are each process's own and not here.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Identity, Kind};
///
/// let latency = Identity::new("latency_seconds", Kind::Histogram)
///     .label_names(["route"])
///     .buckets([0.1, 1.0])
///     .unit("seconds");
/// assert_eq!(latency.buckets, [0.1, 1.0]);
/// assert_ne!(latency, latency.clone().open_labels());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// The full name, prefix applied.
    pub name: String,
    /// The unit, in the plural, as in `seconds`.
    pub unit: Option<String>,
    /// The type.
    pub kind: Kind,
    /// The label names in exported order, constant labels first; `None` is an open label set.
    pub label_names: Option<Vec<String>>,
    /// The finite upper bounds of a histogram's buckets, ascending; `+Inf` is implied.
    pub buckets: Vec<f64>,
    /// How a native histogram finds its buckets, of which it declares none; `None` for all else.
    pub native: Option<Native>,
    /// The states of a state set, in declared order.
    pub states: Vec<String>,
    /// What the values of several processes become, for gauges.
    pub gauge_mode: GaugeMode,
}

impl Identity {
    /// A family without labels.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            unit: None,
            kind,
            label_names: Some(Vec::new()),
            buckets: Vec::new(),
            native: None,
            states: Vec::new(),
            gauge_mode: GaugeMode::Shared,
        }
    }

    /// The same with these label names.
    #[must_use]
    pub fn label_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.label_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The same with an open label set: each series brings its own names.
    #[must_use]
    pub fn open_labels(mut self) -> Self {
        self.label_names = None;
        self
    }

    /// The same with these bucket bounds.
    #[must_use]
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// The same as a native histogram.
    #[must_use]
    pub fn native(mut self, native: Native) -> Self {
        self.native = Some(native);
        self
    }

    /// The same with these states.
    #[must_use]
    pub fn states<N: Into<String>>(mut self, states: impl IntoIterator<Item = N>) -> Self {
        self.states = states.into_iter().map(Into::into).collect();
        self
    }

    /// The same with this unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// The same with this mode.
    #[must_use]
    pub fn gauge_mode(mut self, mode: GaugeMode) -> Self {
        self.gauge_mode = mode;
        self
    }
}

/// A number that stays exact while it is whole.
///
/// # Examples
///
/// ```
/// use pytheus_core::Number;
///
/// let large = u64::MAX - 1;
/// assert_ne!(Number::Int(large), Number::Int(u64::MAX)); // as floats they are one
/// assert_eq!(Number::Int(large).as_f64(), Number::Int(u64::MAX).as_f64());
/// assert_eq!(Number::Float(0.5).as_f64(), 0.5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(u64),
    /// Anything else.
    Float(f64),
}

impl Number {
    /// The nearest float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(n) => n,
        }
    }
}

/// One example of what a sample counts, such as the trace of a slow request.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Exemplar, LabelsBuf};
/// use std::time::SystemTime;
///
/// let labels = LabelsBuf::from_pairs([("trace_id", "4bf92f35")]);
/// let slow = Exemplar::new(labels.as_labels(), 2.5, SystemTime::now());
/// assert_eq!(slow.labels.get("trace_id").as_deref(), Some("4bf92f35"));
/// assert_eq!(slow.value, 2.5);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Exemplar<'a> {
    /// What identifies the example.
    pub labels: Labels<'a>,
    /// The amount counted or the value observed.
    pub value: f64,
    /// When.
    pub at: SystemTime,
}

impl<'a> Exemplar<'a> {
    /// An exemplar from its parts.
    pub fn new(labels: Labels<'a>, value: f64, at: SystemTime) -> Self {
        Self { labels, value, at }
    }
}

/// The value of one series at a scrape.
///
/// # Examples
///
/// The count of a histogram is the sum over its buckets:
///
/// ```
/// use pytheus_core::{Kind, Value};
///
/// let value = Value::Histogram { counts: &[2, 1], sum: 3.5, created: None, exemplars: &[] };
/// assert!(value.fits(Kind::Histogram));
/// let Value::Histogram { counts, .. } = value else { unreachable!() };
/// assert_eq!(counts.iter().sum::<u64>(), 3);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A total that only grows.
    Counter {
        /// The total.
        total: Number,
        /// When the series was created.
        created: Option<SystemTime>,
        /// An example of what was counted.
        exemplar: Option<Exemplar<'a>>,
    },
    /// A value that is set, or that goes up and down.
    Gauge {
        /// The value.
        value: f64,
    },
    /// Observations counted in buckets.
    Histogram {
        /// The count of each bucket, not cumulative, one per bound and `+Inf` last. The count of all
        /// observations is their sum.
        counts: &'a [u64],
        /// The sum of the observed values.
        sum: f64,
        /// When the series was created.
        created: Option<SystemTime>,
        /// Examples by bucket; empty when there are none.
        exemplars: &'a [Option<Exemplar<'a>>],
    },
    /// Observations counted in buckets that choose themselves.
    ///
    /// The bucket of index `i` holds what is above 2^((i - 1) × 2^-`schema`) and not above
    /// 2^(i × 2^-`schema`), or the negatives of that.
    NativeHistogram {
        /// How narrow the buckets are, from -4 to 8. Falls as more of them are needed.
        schema: i8,
        /// Values no further from zero than this are in no bucket but in `zero_count`.
        zero_threshold: f64,
        /// How many values were about zero.
        zero_count: u64,
        /// How many values there were: those about zero, those in buckets, and those in none, such as
        /// NaN.
        count: u64,
        /// The sum of the observed values.
        sum: f64,
        /// The buckets of positive values, by ascending index, with their counts, not cumulative.
        positive: &'a [(i32, u64)],
        /// The buckets of negative values, likewise.
        negative: &'a [(i32, u64)],
        /// When the series was created.
        created: Option<SystemTime>,
        /// Examples of some of the buckets.
        exemplars: &'a [Exemplar<'a>],
    },
    /// The count and the sum of observations.
    Summary {
        /// How many observations.
        count: u64,
        /// The sum of the observed values.
        sum: f64,
        /// When the series was created.
        created: Option<SystemTime>,
    },
    /// Named states.
    StateSet {
        /// Whether each state is on, in the order the family declares.
        active: &'a [bool],
    },
    /// A constant 1.
    Info,
    /// Anything, from a custom collector.
    Unknown {
        /// The value.
        value: f64,
    },
}

impl Value<'_> {
    /// Whether a family of `kind` has values of this sort.
    pub fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Counter { .. }, Kind::Counter)
                | (Self::Gauge { .. }, Kind::Gauge | Kind::UpDownCounter)
                | (Self::Histogram { .. } | Self::NativeHistogram { .. }, Kind::Histogram)
                | (Self::Summary { .. }, Kind::Summary)
                | (Self::StateSet { .. }, Kind::StateSet)
                | (Self::Info, Kind::Info)
                | (Self::Unknown { .. }, Kind::Unknown)
        )
    }
}

/// The visitor wants no more. Why is the visitor's own business: an encoder keeps its `io::Error`.
///
/// # Examples
///
/// A visitor that has seen enough at the first family:
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{FamilyDesc, Labels, Registry, Stop, Value, Visitor};
///
/// struct First(String);
/// impl Visitor for First {
///     fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
///         self.0 = family.identity.name.clone();
///         Err(Stop)
///     }
///     fn series(&mut self, _: Labels<'_>, _: &Value<'_>) -> Result<(), Stop> {
///         Ok(())
///     }
/// }
/// let registry = Registry::new(Local::new());
/// registry.counter("b_total", "Second").register()?;
/// registry.counter("a_total", "First").register()?;
/// let mut first = First(String::new());
/// assert_eq!(registry.collect_blocking()?.visit(&mut first), Err(Stop));
/// assert_eq!(first.0, "a_total");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// Receives families in name order and, after each, its series in a stable order.
///
/// Everything borrowed lives for the call only. A visit cannot fail, it can only be stopped.
///
/// # Examples
///
/// ```
/// use pytheus_core::{FamilyDesc, Labels, Registry, Stop, Value, Visitor};
/// use pytheus_backend_local::Local;
///
/// #[derive(Default)]
/// struct Count(usize);
/// impl Visitor for Count {
///     fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
///         Ok(())
///     }
///     fn series(&mut self, _: Labels<'_>, _: &Value<'_>) -> Result<(), Stop> {
///         self.0 += 1;
///         Ok(())
///     }
/// }
///
/// let registry = Registry::new(Local::new());
/// registry.counter("hits_total", "Hits").register()?.inc();
/// let mut count = Count::default();
/// let _ = registry.collect_blocking()?.visit(&mut count);
/// assert_eq!(count.0, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Visitor {
    /// A family begins; every series until the next call belongs to it.
    ///
    /// # Errors
    ///
    /// [`Stop`] ends the visit.
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop>;

    /// One series of the family announced last.
    ///
    /// # Errors
    ///
    /// [`Stop`] ends the visit.
    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop>;
}
