//! Cells on the heap, for metrics that are not exported: what could not be registered still counts.

use crate::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
use crate::engine::ForkMutex;
use crate::visit::{FamilyDesc, Number};
use crate::{BackendError, Labels};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Hands out cells on the heap.
///
/// The simplest thing that counts: slower than the striped engine, not for signal handlers (a
/// histogram takes a lock), and always there. It is what
/// metrics count into that could not be registered, and a place to start from for
/// [`Cells`] of your own.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Backend, Registry, Storage, cells::Heap};
///
/// #[derive(Debug)]
/// struct OnHeap(Storage);
/// impl Backend for OnHeap {
///     fn name(&self) -> &'static str {
///         "heap"
///     }
///     fn storage(&self) -> Storage {
///         self.0.clone()
///     }
/// }
/// let registry = Registry::new(OnHeap(Storage::cells(Heap)));
/// registry.counter("hits_total", "Hits").register()?.inc();
/// assert_eq!(registry.value("hits_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Heap;

impl Cells for Heap {
    fn counter(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn CounterCell>, BackendError> {
        Ok(Arc::new(HeapCounter::default()))
    }

    fn gauge(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn GaugeCell>, BackendError> {
        Ok(Arc::new(HeapGauge::default()))
    }

    fn histogram(
        &self,
        family: &FamilyDesc,
        _: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError> {
        let bounds = family.identity.buckets.clone();
        let counts = vec![0; bounds.len() + 1];
        Ok(Arc::new(HeapHistogram {
            bounds,
            observed: ForkMutex::new(Observed { counts, sum: 0.0 }),
        }))
    }
}

#[derive(Default)]
struct HeapCounter {
    whole: AtomicU64,
    fractions: AtomicU64,
}

impl CounterCell for HeapCounter {
    fn add(&self, amount: Number) {
        match amount {
            Number::Int(amount) => {
                let added = |whole: u64| Some(whole.saturating_add(amount));
                // Never fails: `added` always has an answer.
                let _ = self.whole.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
            }
            Number::Float(amount) => add_float(&self.fractions, amount),
        }
    }

    fn get(&self) -> Option<Number> {
        let whole = self.whole.load(Ordering::Relaxed);
        let fractions = f64::from_bits(self.fractions.load(Ordering::Relaxed));
        Some(if fractions == 0.0 {
            Number::Int(whole)
        } else {
            Number::Float(whole as f64 + fractions)
        })
    }
}

#[derive(Default)]
struct HeapGauge(AtomicU64);

impl GaugeCell for HeapGauge {
    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn add(&self, amount: f64) {
        add_float(&self.0, amount);
    }

    fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Ordering::Relaxed)))
    }
}

fn add_float(cell: &AtomicU64, amount: f64) {
    let added = |bits| Some((f64::from_bits(bits) + amount).to_bits());
    // Never fails: `added` always has an answer.
    let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
}

struct HeapHistogram {
    bounds: Vec<f64>,
    observed: ForkMutex<Observed>,
}

#[derive(Default)]
struct Observed {
    counts: Vec<u64>,
    sum: f64,
}

impl HistogramCell for HeapHistogram {
    fn observe(&self, value: f64) {
        let above = |bound: &f64| value.is_nan() || value > *bound;
        let bucket = self.bounds.partition_point(above);
        let mut observed = self.observed.lock();
        // Empty after a fork in the middle of an observation.
        observed.counts.resize(self.bounds.len() + 1, 0);
        observed.counts[bucket] += 1;
        observed.sum += value;
    }

    fn read(&self, counts: &mut [u64]) -> Option<f64> {
        let observed = self.observed.lock();
        for (place, count) in counts.iter_mut().zip(&observed.counts) {
            *place = *count;
        }
        Some(observed.sum)
    }
}
