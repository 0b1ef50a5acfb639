//! Cells of your own. For stores that are told of every single update, such as a UDP socket.
//!
//! Implement [`Cells`], hand it to [`Storage::cells`](crate::Storage::cells), and there is no table
//! to write: the core keeps the series, applies defaults, caps and removals, and asks once per series
//! for a cell. An update then costs a virtual call and whatever the cell does; it must not block.
//! [`backend`](crate::backend#cells-of-your-own) walks through one.
//!
//! What a cell is after a fork, or in a signal handler, is the cell's own affair. The core's table of
//! series is under a lock: a child forked in the middle of a look-up may find it empty and asks for
//! cells anew, while handles made before go on with theirs.

pub use crate::detached::Heap;
use crate::{BackendError, FamilyDesc, Labels, Number};
use std::sync::Arc;

/// Counts. Called by [`Counter`](crate::Counter) with amounts that are finite and not negative.
///
/// # Examples
///
/// A total that can be read back; see [`Cells`] for how a cell gets its updates:
///
/// ```
/// use pytheus_core::{Number, cells::CounterCell};
/// use std::sync::Mutex;
///
/// struct Total(Mutex<f64>);
/// impl CounterCell for Total {
///     fn add(&self, amount: Number) {
///         *self.0.lock().unwrap() += amount.as_f64();
///     }
///     fn get(&self) -> Option<Number> {
///         Some(Number::Float(*self.0.lock().unwrap()))
///     }
/// }
/// let total = Total(Mutex::new(0.0));
/// total.add(Number::Int(2));
/// assert_eq!(total.get(), Some(Number::Float(2.0)));
/// ```
pub trait CounterCell: Send + Sync {
    /// Adds `amount`. Must not block and cannot fail.
    fn add(&self, amount: Number);

    /// The total, or `None` where it is written and never read back.
    fn get(&self) -> Option<Number> {
        None
    }

    /// An amount was refused because it was negative or not finite. The core counts these itself.
    fn refused(&self) {}
}

/// A value that is set or moved. Called by [`Gauge`](crate::Gauge),
/// [`UpDownCounter`](crate::UpDownCounter) and [`StateSet`](crate::StateSet), whose states are the
/// bits of a whole number below 2⁵³ here, the first one the lowest: always all of them, also where
/// nothing is read back.
///
/// # Examples
///
/// A value that can be read back; see [`Cells`] for how a cell gets its updates:
///
/// ```
/// use pytheus_core::cells::GaugeCell;
/// use std::sync::Mutex;
///
/// struct Level(Mutex<f64>);
/// impl GaugeCell for Level {
///     fn set(&self, value: f64) {
///         *self.0.lock().unwrap() = value;
///     }
///     fn add(&self, amount: f64) {
///         *self.0.lock().unwrap() += amount;
///     }
///     fn get(&self) -> Option<f64> {
///         Some(*self.0.lock().unwrap())
///     }
/// }
/// let level = Level(Mutex::new(0.0));
/// level.set(3.0);
/// level.add(-1.0);
/// assert_eq!(level.get(), Some(2.0));
/// ```
pub trait GaugeCell: Send + Sync {
    /// Replaces the value. Must not block and cannot fail.
    fn set(&self, value: f64);

    /// Moves the value by `amount`, which may be negative. Must not block and cannot fail.
    fn add(&self, amount: f64);

    /// The value, or `None` where it is written and never read back.
    fn get(&self) -> Option<f64> {
        None
    }
}

/// Observes. Called by [`Histogram`](crate::Histogram) and [`Summary`](crate::Summary).
///
/// # Examples
///
/// The observations of a summary, which has one place to fill; see [`Cells`] for how a cell gets its
/// updates:
///
/// ```
/// use pytheus_core::cells::HistogramCell;
/// use std::sync::Mutex;
///
/// struct Observed(Mutex<(u64, f64)>);
/// impl HistogramCell for Observed {
///     fn observe(&self, value: f64) {
///         let mut observed = self.0.lock().unwrap();
///         observed.0 += 1;
///         observed.1 += value;
///     }
///     fn read(&self, counts: &mut [u64]) -> Option<f64> {
///         let observed = self.0.lock().unwrap();
///         counts[0] = observed.0;
///         Some(observed.1)
///     }
/// }
/// let observed = Observed(Mutex::new((0, 0.0)));
/// observed.observe(0.5);
/// let mut counts = [0];
/// assert_eq!((observed.read(&mut counts), counts), (Some(0.5), [1]));
/// ```
pub trait HistogramCell: Send + Sync {
    /// Takes one value, NaN and infinities included. Must not block and cannot fail.
    fn observe(&self, value: f64);

    /// One consistent reading: fills `counts`, one place per bound and `+Inf` last (a summary has
    /// the one place), and returns the sum. `None` where it is written and never read back.
    fn read(&self, counts: &mut [u64]) -> Option<f64> {
        let _ = counts;
        None
    }
}

/// Hands out cells, once per series. The core keeps the table of series and calls this under no lock
/// of its own that a cell could need.
///
/// # Examples
///
/// Cells that send a line for every update and keep nothing. Who receives the lines may be a thread
/// that writes them to a socket:
///
/// ```
/// use pytheus_core::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
/// use pytheus_core::{Backend, BackendError, FamilyDesc, Labels, Number, Registry, Storage};
/// use std::sync::{Arc, mpsc};
///
/// struct Lines(mpsc::Sender<String>);
///
/// /// One series.
/// struct Line {
///     series: String,
///     lines: mpsc::Sender<String>,
/// }
///
/// impl Line {
///     fn send(&self, update: String) {
///         // Fails when nobody receives any more, which an update need not know.
///         let _ = self.lines.send(format!("{} {update}", self.series));
///     }
/// }
/// impl CounterCell for Line {
///     fn add(&self, amount: Number) {
///         self.send(format!("add {}", amount.as_f64()));
///     }
/// }
/// impl GaugeCell for Line {
///     fn set(&self, value: f64) {
///         self.send(format!("set {value}"));
///     }
///     fn add(&self, amount: f64) {
///         self.send(format!("add {amount}"));
///     }
/// }
/// impl HistogramCell for Line {
///     fn observe(&self, value: f64) {
///         self.send(format!("observe {value}"));
///     }
/// }
///
/// impl Lines {
///     fn line(&self, family: &FamilyDesc, labels: Labels<'_>) -> Arc<Line> {
///         let series = format!("{}{labels:?}", family.identity.name);
///         Arc::new(Line { series, lines: self.0.clone() })
///     }
/// }
/// impl Cells for Lines {
///     fn counter(
///         &self,
///         family: &FamilyDesc,
///         labels: Labels<'_>,
///     ) -> Result<Arc<dyn CounterCell>, BackendError> {
///         Ok(self.line(family, labels))
///     }
///     fn gauge(
///         &self,
///         family: &FamilyDesc,
///         labels: Labels<'_>,
///     ) -> Result<Arc<dyn GaugeCell>, BackendError> {
///         Ok(self.line(family, labels))
///     }
///     fn histogram(
///         &self,
///         family: &FamilyDesc,
///         labels: Labels<'_>,
///     ) -> Result<Arc<dyn HistogramCell>, BackendError> {
///         Ok(self.line(family, labels))
///     }
/// }
///
/// #[derive(Debug)]
/// struct Told(Storage);
/// impl Backend for Told {
///     fn name(&self) -> &'static str {
///         "told"
///     }
///     fn storage(&self) -> Storage {
///         self.0.clone()
///     }
/// }
///
/// let (sender, lines) = mpsc::channel();
/// let registry = Registry::new(Told(Storage::cells(Lines(sender))));
/// let orders = registry.counter("orders_total", "Orders").label_names(["channel"]).register()?;
/// let latency = registry.histogram("latency_seconds", "Time to answer").register()?;
/// orders.with(["web"]).inc();
/// latency.observe(0.5);
/// assert_eq!(
///     lines.try_iter().collect::<Vec<_>>(),
///     [r#"orders_total{channel="web"} add 1"#, "latency_seconds{} observe 0.5"],
/// );
/// assert_eq!(registry.value("orders_total", [("channel", "web")])?, None); // it is written only
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Cells: Send + Sync + 'static {
    /// A cell for a counter.
    ///
    /// # Errors
    ///
    /// At registration the error is handed to the caller; at a later look-up the series counts into
    /// the family's overflow series.
    fn counter(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn CounterCell>, BackendError>;

    /// A cell for a gauge, an up-down counter, a state set or an info.
    ///
    /// # Errors
    ///
    /// As for [`counter`](Self::counter).
    fn gauge(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn GaugeCell>, BackendError>;

    /// A cell for a histogram or a summary (which has no bounds). Neither has a native histogram: its cell
    /// is told of every value all the same, and what it reads back is shown as the count and the sum.
    ///
    /// # Errors
    ///
    /// As for [`counter`](Self::counter).
    fn histogram(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError>;

    /// The series was removed. Handles to its cell may live on.
    fn removed(&self, family: &FamilyDesc, labels: Labels<'_>) {
        let _ = (family, labels);
    }
}
