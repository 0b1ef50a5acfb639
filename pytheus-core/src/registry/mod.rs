//! Registries: families under one prefix and one set of constant labels, on one backend.

mod build;
mod collect;
mod collector;
mod names;
mod sample;

pub use build::RegistryBuilder;
pub use collector::Collector;

use crate::backend::{Backend, Collection, Source, StorageKind};
use crate::engine::ForkMutex;
use crate::family::{Context, FamilyBuilder, FamilyCore, Spec};
use crate::metric::{Counter, Gauge, Histogram, Info, StateSet, Summary, UpDownCounter};
use crate::visit::GaugeMode;
use crate::{BackendError, Problem, RegisterError, identity};
use async_trait::async_trait;
use collector::Registered;
use names::SampleNames;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

/// Families under one prefix and one set of constant labels, on one backend.
///
/// Cheap to clone; clones are the same registry. Several registries can share a backend: a scrape of
/// any of them shows all that is in it, and its own collectors besides.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::builder(Local::new()).prefix("shop").constant_label("zone", "eu").build()?;
/// let hits = registry.counter("hits_total", "Hits").label_names(["path"]).register()?;
/// hits.with(["/"]).inc();
///
/// // By its exported name, with its exported labels:
/// assert_eq!(registry.value("shop_hits_total", [("zone", "eu"), ("path", "/")])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Arc<dyn Backend>,
    context: Context,
    /// A forked child may find it empty, and joins the backend's families again.
    families: ForkMutex<Families>,
    collectors: ForkMutex<Vec<Arc<Registered>>>,
    problems: ForkMutex<Vec<Problem>>,
}

#[derive(Default)]
struct Families {
    by_name: HashMap<String, Arc<FamilyCore>>,
    samples: SampleNames,
}

/// To whom a family is new that was registered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum New {
    Nowhere,
    ToRegistry,
    ToBackend,
}

/// A static that cannot register is reported once per source line; more problems than this are one
/// problem.
const MAX_PROBLEMS: usize = 1000;

impl Registry {
    /// A registry without prefix and constant labels.
    pub fn new(backend: impl Backend) -> Self {
        Self::builder(backend).assemble()
    }

    /// A registry with a prefix, constant labels and more.
    pub fn builder(backend: impl Backend) -> RegistryBuilder {
        RegistryBuilder::new(Arc::new(backend))
    }

    // ── declaring families ──────────────────────────────────────────────────────────────────────

    /// Declares a counter. By convention its name ends in `_total`.
    pub fn counter(&self, name: &str, help: &str) -> FamilyBuilder<'_, Counter> {
        FamilyBuilder::new(self, name, help)
    }

    /// Declares a gauge: a value that is set.
    pub fn gauge(&self, name: &str, help: &str) -> FamilyBuilder<'_, Gauge> {
        FamilyBuilder::new(self, name, help)
    }

    /// Declares an up-down counter: a value that goes up and down by amounts.
    pub fn up_down_counter(&self, name: &str, help: &str) -> FamilyBuilder<'_, UpDownCounter> {
        FamilyBuilder::new(self, name, help)
    }

    /// Declares a histogram.
    pub fn histogram(&self, name: &str, help: &str) -> FamilyBuilder<'_, Histogram> {
        FamilyBuilder::new(self, name, help)
    }

    /// Declares a summary: count and sum.
    pub fn summary(&self, name: &str, help: &str) -> FamilyBuilder<'_, Summary> {
        FamilyBuilder::new(self, name, help)
    }

    /// Declares a state set.
    pub fn state_set(&self, name: &str, help: &str) -> FamilyBuilder<'_, StateSet> {
        FamilyBuilder::new(self, name, help)
    }

    /// Declares an info. It is exported as `NAME_info`.
    pub fn info(&self, name: &str, help: &str) -> FamilyBuilder<'_, Info> {
        FamilyBuilder::new(self, name, help)
    }

    /// The mode of gauges that choose none.
    pub(crate) fn gauge_mode(&self) -> GaugeMode {
        match &self.shared.context.storage {
            StorageKind::Striped(engine) => engine.default_gauge_mode(),
            StorageKind::Cells(_) => GaugeMode::Shared,
        }
    }

    /// Registers a family and finishes what is asked for of it; if that fails, nothing is registered.
    pub(crate) fn register<R>(
        &self,
        spec: Spec,
        finish: impl FnOnce(Arc<FamilyCore>) -> Result<R, RegisterError>,
    ) -> Result<R, RegisterError> {
        let (family, new) = self.enter(spec)?;
        finish(family.clone()).inspect_err(|_| {
            if new == New::ToBackend && family.is_empty() {
                self.unregister(family.name());
            } else if new != New::Nowhere {
                self.forget(&family);
            }
        })
    }

    /// Takes a family out of this registry, but not out of the backend.
    fn forget(&self, family: &Arc<FamilyCore>) {
        let by_name = &mut self.shared.families.lock().by_name;
        if by_name.get(family.name()).is_some_and(|known| Arc::ptr_eq(known, family)) {
            // Not the last one: the caller holds it, too, so that nothing is dropped under the lock.
            by_name.remove(family.name());
        }
    }

    /// The family, and to whom it is new.
    fn enter(&self, spec: Spec) -> Result<(Arc<FamilyCore>, New), RegisterError> {
        let context = &self.shared.context;
        let desc = spec.describe(&context.prefix, &context.constants, context.naming)?;
        let name = &desc.identity.name;
        let mut families = self.shared.families.lock();
        // Another registry on the backend may have unregistered it meanwhile.
        if let Some(family) = families.by_name.get(name).filter(|family| family.is_registered()) {
            identity::agree(&family.desc().identity, &desc.identity)?;
            family.agree(&spec)?;
            if family.declared() == spec.declared() {
                return Ok((family.clone(), New::Nowhere));
            }
            // The same labels in another order: a family of its own to look series up in.
            return Ok((Arc::new(family.reordered(spec, context)), New::Nowhere));
        }
        self.check_collectors(&desc.identity)?;
        families.samples.check(&desc.identity)?;
        let (family, entered) = FamilyCore::register(spec, context)?;
        let new = if entered { New::ToBackend } else { New::ToRegistry };
        let family = Arc::new(family);
        families.samples.claim(&family);
        let before = families.by_name.insert(desc.identity.name, family.clone());
        drop(families);
        // Under no lock: cells that go with it may be the user's.
        drop(before);
        Ok((family, new))
    }

    /// Removes a family, by its exported name (an info's without `_info`), for everyone who shares the
    /// backend: its series are gone from the next scrape on. Registering it again starts at zero.
    /// Handles and views made before stay safe to use and count where nobody reads. Returns whether
    /// there was one.
    ///
    /// A custom collector is removed by the name of any of its families.
    pub fn unregister(&self, name: &str) -> bool {
        // What is taken out is dropped under no lock: it may be the user's, and use metrics.
        let family_core = self.shared.families.lock().by_name.remove(name);
        let collectors: Vec<_> = {
            let mut collectors = self.shared.collectors.lock();
            collectors.extract_if(.., |collector| collector.declares(name)).collect()
        };
        let family = match &self.shared.context.storage {
            StorageKind::Striped(engine) => engine.unregister(name),
            StorageKind::Cells(table) => table.unregister(name),
        };
        drop(family_core);
        !collectors.is_empty() || family
    }

    // ── reading and writing ─────────────────────────────────────────────────────────────────────

    /// Reads the backend's families and this registry's collectors.
    ///
    /// # Errors
    ///
    /// Whatever keeps the backend from being read.
    pub async fn collect(&self) -> Result<Collection, BackendError> {
        self.expire_idle();
        let backend = self.shared.backend.collect().await?;
        Ok(self.with_collectors(backend))
    }

    /// [`collect`](Self::collect) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`collect`](Self::collect).
    pub fn collect_blocking(&self) -> Result<Collection, BackendError> {
        self.expire_idle();
        let backend = self.shared.backend.collect_blocking()?;
        Ok(self.with_collectors(backend))
    }

    /// Returns once every update made before the call, by whichever thread, is where a scrape in any
    /// process finds it.
    ///
    /// With a backend that tells a store what changed, that is a round trip, which all who wait at the
    /// time share; otherwise it costs nothing. Who wants a single update awaited writes
    /// `counter.inc(); registry.flush().await?`.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being told. The updates are not lost: they stay pending and are told
    /// later.
    ///
    /// # Examples
    ///
    /// ```
    /// use pytheus_backend_local::Local;
    /// use pytheus_core::Registry;
    ///
    /// # async fn place_order() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = Registry::new(Local::new());
    /// let orders = registry.counter("orders_total", "Orders placed").register()?;
    /// orders.inc();
    /// registry.flush().await?;
    /// # Ok(())
    /// # }
    /// # pytheus_core::backend::block_on(place_order()).unwrap();
    /// ```
    pub async fn flush(&self) -> Result<(), BackendError> {
        self.shared.backend.flush().await
    }

    /// [`flush`](Self::flush) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    pub fn flush_blocking(&self) -> Result<(), BackendError> {
        self.shared.backend.flush_blocking()
    }

    /// Flushes and stops the backend, for every registry that shares it.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    pub async fn close(&self) -> Result<(), BackendError> {
        self.shared.backend.close().await
    }

    /// [`close`](Self::close) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close).
    pub fn close_blocking(&self) -> Result<(), BackendError> {
        self.shared.backend.close_blocking()
    }

    /// One sample, named and labelled as the text format shows it (`latency_seconds_bucket` with
    /// `le`, `latency_seconds_count`, …), labels in any order; `None` if it is not exported. For
    /// tests.
    ///
    /// # Errors
    ///
    /// As for [`collect`](Self::collect).
    pub fn value<'a>(
        &self,
        sample: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Option<f64>, BackendError> {
        let collection = self.collect_blocking()?;
        Ok(sample::find(&collection, sample, labels.into_iter().collect()))
    }

    /// The scheme of the backend.
    pub fn backend_name(&self) -> &'static str {
        self.shared.backend.name()
    }

    fn expire_idle(&self) {
        let families: Vec<_> = self.shared.families.lock().by_name.values().cloned().collect();
        families.iter().for_each(|family| {
            family.expire_idle();
        });
    }

    // ── problems ────────────────────────────────────────────────────────────────────────────────

    /// What went wrong where no error could be returned, such as a static that could not register.
    pub fn problems(&self) -> Vec<Problem> {
        self.shared.problems.lock().clone()
    }

    /// Adds to what [`problems`](Self::problems) tells.
    pub fn report(&self, problem: Problem) {
        let mut problems = self.shared.problems.lock();
        let known = |other: &Problem| {
            other.metric == problem.metric
                && other.at == problem.at
                && other.message == problem.message
        };
        if problems.len() < MAX_PROBLEMS && !problems.iter().any(known) {
            problems.push(problem);
        }
    }

    pub(crate) fn detach(
        &self,
        spec: Spec,
        at: &'static Location<'static>,
        error: &RegisterError,
    ) -> FamilyCore {
        let family = FamilyCore::detached(spec, &self.shared.context);
        let message = format!("{error}; it counts, but is not exported");
        self.report(Problem { metric: family.name().to_owned(), at, message });
        family
    }
}

#[async_trait]
impl Source for Registry {
    async fn collect(&self) -> Result<Collection, BackendError> {
        Self::collect(self).await
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("prefix", &self.shared.context.prefix)
            .field("backend", &self.shared.backend)
            .finish_non_exhaustive()
    }
}
