//! Declaring a family: name, help, labels, options; then registering it.

use super::{Family, FamilyCore, LabelSpec, OpenFamily, Partial, Spec, TypedFamily};
use crate::labels::LabelSet;
use crate::metric::{Gauge, Histogram, Metric, StateSet};
use crate::visit::{GaugeMode, Kind, Native};
use crate::{RegisterError, Registry};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// What registering gives, by the labels that were declared. Sealed.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Bare, Counter, Named, Registry, Shape};
///
/// let registry = Registry::new(Local::new());
/// let hits: <Bare as Shape<Counter>>::Registered =
///     registry.counter("hits_total", "Hits").register()?;
/// hits.inc(); // it is a `Counter`
/// let orders: <Named<1> as Shape<Counter>>::Registered =
///     registry.counter("orders_total", "Orders").label_names(["channel"]).register()?;
/// orders.with(["web"]).inc(); // it is a `Family<Counter, 1>`
/// assert_eq!(hits.get(), orders.with(["web"]).get());
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
pub trait Shape<M: Metric>: sealed::Shape<M> {
    /// The handle or family that [`FamilyBuilder::register`] returns.
    type Registered: Clone + Send + Sync + 'static;
}

mod sealed {
    use super::{Arc, FamilyCore, RegisterError};

    pub trait Shape<M> {
        type Output;

        #[doc(hidden)]
        #[allow(private_interfaces, reason = "sealed")]
        fn finish(core: Arc<FamilyCore>) -> Result<Self::Output, RegisterError>;
    }
}

/// No labels: registering gives the handle at once.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Bare, Counter, FamilyBuilder, Registry};
///
/// let registry = Registry::new(Local::new());
/// let hits: FamilyBuilder<'_, Counter, Bare> = registry.counter("hits_total", "Hits");
/// let hits: Counter = hits.register()?;
/// hits.inc();
/// assert_eq!(hits.get(), Some(1.0));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct Bare;
/// `N` labels named in the code: registering gives a [`Family`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Counter, Family, FamilyBuilder, Named, Registry};
///
/// let registry = Registry::new(Local::new());
/// let orders: FamilyBuilder<'_, Counter, Named<1>> =
///     registry.counter("orders_total", "Orders").label_names(["channel"]);
/// let orders: Family<Counter, 1> = orders.register()?;
/// orders.with(["web"]).inc();
/// assert_eq!(orders.with(["web"]).get(), Some(1.0));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct Named<const N: usize>;
/// Labels named at run time: registering gives a [`Partial`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Counter, FamilyBuilder, Partial, Registry, Runtime};
///
/// let registry = Registry::new(Local::new());
/// let names = vec![String::from("channel")];
/// let orders: FamilyBuilder<'_, Counter, Runtime> =
///     registry.counter("orders_total", "Orders").label_names_from(names);
/// let orders: Partial<Counter> = orders.register()?;
/// orders.with(&["web"])?.inc();
/// assert_eq!(orders.with(&["web"])?.get(), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Runtime;
/// Every series brings its own names: registering gives an [`OpenFamily`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Counter, FamilyBuilder, Open, OpenFamily, Registry};
///
/// let registry = Registry::new(Local::new());
/// let orders: FamilyBuilder<'_, Counter, Open> =
///     registry.counter("orders_total", "Orders").open_labels();
/// let orders: OpenFamily<Counter> = orders.register()?;
/// orders.with(&[("channel", "web")])?.inc();
/// assert_eq!(orders.with(&[("channel", "web")])?.get(), Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Open;
/// Labels are a struct: registering gives a [`TypedFamily`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Counter, FamilyBuilder, LabelSet, Registry, Typed, TypedFamily};
///
/// let registry = Registry::new(Local::new());
/// struct Order {
///     channel: &'static str,
/// }
/// impl LabelSet for Order {
///     const NAMES: &'static [&'static str] = &["channel"];
///     fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
///         f(&[self.channel])
///     }
/// }
/// let orders: FamilyBuilder<'_, Counter, Typed<Order>> =
///     registry.counter("orders_total", "Orders").labels_of();
/// let orders: TypedFamily<Counter, Order> = orders.register()?;
/// orders.with(&Order { channel: "web" }).inc();
/// assert_eq!(orders.with(&Order { channel: "web" }).get(), Some(1.0));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct Typed<L>(PhantomData<fn() -> L>);

macro_rules! shape {
    ([$($generics:tt)*] $shape:ty, $registered:ty, |$core:ident| $finish:expr) => {
        impl<M: Metric, $($generics)*> sealed::Shape<M> for $shape {
            type Output = $registered;

            #[allow(private_interfaces, reason = "sealed")]
            fn finish($core: Arc<FamilyCore>) -> Result<$registered, RegisterError> {
                $finish
            }
        }
        impl<M: Metric, $($generics)*> Shape<M> for $shape {
            type Registered = $registered;
        }
    };
}

shape!([] Bare, M, |core| core.try_with(&[]));
shape!([const N: usize] Named<N>, Family<M, N>, |core| {
    export_defaults::<M>(&core)?;
    Ok(Family::new(core))
});
shape!([] Runtime, Partial<M>, |core| {
    export_defaults::<M>(&core)?;
    Ok(Partial::new(core))
});
shape!([] Open, OpenFamily<M>, |core| Ok(OpenFamily::new(core)));
shape!([L: LabelSet + 'static] Typed<L>, TypedFamily<M, L>, |core| Ok(TypedFamily::new(core)));

/// A family whose defaults cover all labels is exported with them from the start.
fn export_defaults<M: Metric>(core: &FamilyCore) -> Result<(), RegisterError> {
    if !core.is_complete() {
        return Ok(());
    }
    let values: Vec<&str> = core.defaults().iter().flatten().map(String::as_str).collect();
    core.try_with::<M>(&values).map(drop)
}

/// A family that is being declared. Made by [`Registry::counter`] and its siblings; nothing exists
/// before [`register`](Self::register).
///
/// Labels come first, by one of [`label_names`](Self::label_names),
/// [`label_names_from`](Self::label_names_from), [`labels_of`](Self::labels_of) and
/// [`open_labels`](Self::open_labels): what registering gives depends on it, and defaults
/// (`default_label`) can be given only afterwards. The rest goes in any order.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let latency = registry
///     .histogram("latency_seconds", "Time to answer")
///     .unit("seconds")
///     .buckets([0.1, 1.0])
///     .label_names(["route"])
///     .max_series(1_000)
///     .register()?;
/// latency.with(["/cart"]).observe(0.2);
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[must_use = "a family exists once it is registered"]
pub struct FamilyBuilder<'r, M: Metric, S = Bare> {
    registry: &'r Registry,
    spec: Spec,
    shape: PhantomData<fn() -> (M, S)>,
}

impl<'r, M: Metric> FamilyBuilder<'r, M, Bare> {
    pub(crate) fn new(registry: &'r Registry, name: &str, help: &str) -> Self {
        let mut spec = Spec::new(name, help, M::KIND);
        if M::KIND == Kind::Gauge {
            spec.gauge_mode = registry.gauge_mode();
        }
        Self { registry, spec, shape: PhantomData }
    }

    /// Labels named in the code. They are exported in this order.
    pub fn label_names<const N: usize>(self, names: [&str; N]) -> FamilyBuilder<'r, M, Named<N>> {
        self.labelled(names.map(str::to_owned).to_vec())
    }

    /// Labels whose names are known at run time only.
    pub fn label_names_from<I>(self, names: I) -> FamilyBuilder<'r, M, Runtime>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.labelled(names.into_iter().map(Into::into).collect())
    }

    /// Labels that are the fields of a struct.
    ///
    /// A struct that borrows is named with the lifetime `'static` in the type of the family, and
    /// looked up with any other: see [`TypedFamily`].
    pub fn labels_of<L: LabelSet>(self) -> FamilyBuilder<'r, M, Typed<L>> {
        self.labelled(L::NAMES.iter().map(ToString::to_string).collect())
    }

    /// Every series brings its own label names.
    pub fn open_labels(mut self) -> FamilyBuilder<'r, M, Open> {
        self.spec.labels = LabelSpec::Open;
        self.shaped()
    }

    fn labelled<S>(mut self, names: Vec<String>) -> FamilyBuilder<'r, M, S> {
        self.spec.labels = LabelSpec::Declared(names);
        self.shaped()
    }

    fn shaped<S>(self) -> FamilyBuilder<'r, M, S> {
        FamilyBuilder { registry: self.registry, spec: self.spec, shape: PhantomData }
    }
}

impl<M: Metric, S> FamilyBuilder<'_, M, S> {
    /// The unit, in the plural of a base unit, as in `seconds` or `bytes`.
    pub fn unit(mut self, unit: &str) -> Self {
        self.spec.unit = Some(unit.to_owned());
        self
    }

    /// How many series the family may have; 100,000 unless said otherwise. Further ones count into
    /// the overflow series, whose labels all have the value `__overflow__`, and
    /// `pytheus_overflowed_lookups_total{family="…"}` counts the look-ups that ended there. So do
    /// series with more than 64 KiB of label text, and those for which there is no memory.
    pub fn max_series(mut self, most: u32) -> Self {
        self.spec.max_series = most;
        self
    }

    /// Removes series that nobody held a handle of, and nobody looked up, for this long. Looked at
    /// when the registry is collected, and when the family is full; the time of a handle that is
    /// dropped begins at the last look that found it held. A duration of zero removes a series at
    /// the first look that finds it unheld.
    ///
    /// In a memory that processes share, a process that used a series counts as holding it until its own
    /// look finds it idle for this long, or it ends: let all of them expire the family, and scrape them.
    pub fn expire_idle(mut self, after: Duration) -> Self {
        self.spec.expire_idle = Some(after);
        self
    }
}

impl<M: Metric, S> FamilyBuilder<'_, M, S>
where
    S: Shape<M> + sealed::Shape<M, Output = <S as Shape<M>>::Registered>,
{
    /// Registers the family, or joins the one of this name that is already there.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the declaration; a family of this name that differs; a backend that is
    /// full or refuses. Nothing is registered then.
    pub fn register(self) -> Result<S::Registered, RegisterError> {
        self.registry.register(self.spec, S::finish)
    }

    /// Registers the family; if that fails, gives a metric that counts but is not exported, and
    /// [`Registry::problems`] says why. For statics, where there is nobody to hand an error to.
    #[track_caller]
    pub fn or_detached(self) -> S::Registered {
        let at = Location::caller();
        let spec = self.spec.clone();
        match self.registry.register(self.spec, S::finish) {
            Ok(registered) => registered,
            Err(error) => {
                let core = Arc::new(self.registry.detach(spec, at, &error));
                S::finish(core).unwrap_or_else(|_| unreachable!("the heap refuses nobody"))
            }
        }
    }
}

impl<M: Metric, const N: usize> FamilyBuilder<'_, M, Named<N>> {
    /// The value of a label where a view does not set it.
    pub fn default_label(mut self, name: &str, value: &str) -> Self {
        self.spec.defaults.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl<M: Metric> FamilyBuilder<'_, M, Runtime> {
    /// The value of a label where a view does not set it.
    pub fn default_label(mut self, name: &str, value: &str) -> Self {
        self.spec.defaults.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl<S> FamilyBuilder<'_, Histogram, S> {
    /// The finite upper bounds of the buckets, inclusive, ascending; `+Inf` is implied.
    /// [`Histogram::DEFAULT_BUCKETS`] unless said otherwise.
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        // One more than allowed is enough to refuse them.
        let bounds = bounds.into_iter().take(super::MAX_BUCKETS + 2).collect();
        self.spec.buckets = Some(bounds);
        self
    }

    /// Makes it a native histogram, whose buckets find themselves: none are declared.
    ///
    /// Registration fails with [`Buckets`](crate::RegisterError::Buckets) if a field of `native` is out of
    /// its [range](Native), or bounds are declared as well.
    ///
    /// What a format has no place for, it does not show: text 0.0.4 shows the count, the sum and the
    /// bucket `+Inf`. So do backends with [cells of their own](crate::cells).
    ///
    /// # Examples
    ///
    /// ```
    /// use pytheus_backend_local::Local;
    /// use pytheus_core::{Labels, FamilyDesc, Native, Registry, Stop, Value, Visitor};
    ///
    /// struct Buckets(Vec<(i32, u64)>);
    /// impl Visitor for Buckets {
    ///     fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
    ///         Ok(())
    ///     }
    ///     fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
    ///         if let Value::NativeHistogram { positive, .. } = value {
    ///             self.0.extend_from_slice(positive);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// let registry = Registry::new(Local::new());
    /// let latency = registry
    ///     .histogram("latency_seconds", "Time to answer")
    ///     .native(Native::default().schema(0)) // the bounds are the powers of two
    ///     .register()?;
    /// for seconds in [0.75, 1.0, 1.25] {
    ///     latency.observe(seconds);
    /// }
    /// let mut buckets = Buckets(Vec::new());
    /// let _ = registry.collect_blocking()?.visit(&mut buckets);
    /// assert_eq!(buckets.0, [(0, 2), (1, 1)]); // up to 1, and up to 2
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn native(mut self, native: Native) -> Self {
        self.spec.native = Some(native);
        self
    }
}

impl<S> FamilyBuilder<'_, Gauge, S> {
    /// What the values of several processes become. Unless it is said, the backend decides:
    /// [`GaugeMode::Shared`] in memory.
    pub fn mode(mut self, mode: GaugeMode) -> Self {
        self.spec.gauge_mode = mode;
        self
    }
}

impl<S> FamilyBuilder<'_, StateSet, S> {
    /// The states, at most [`StateSet::MAX_STATES`].
    pub fn states<const K: usize>(mut self, states: [&str; K]) -> Self {
        self.spec.states = states.map(str::to_owned).to_vec();
        self
    }
}

impl<M: Metric, S> fmt::Debug for FamilyBuilder<'_, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FamilyBuilder").field(&self.spec).finish()
    }
}
