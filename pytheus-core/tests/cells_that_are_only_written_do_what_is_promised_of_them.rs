//! Depth 2 without reading back: cells that are told of every update and never asked.
#![cfg(feature = "conformance")]

use pytheus_core::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
use pytheus_core::{Backend, BackendError, FamilyDesc, Labels, Number, Storage};
use std::sync::Arc;

struct Told;

impl CounterCell for Told {
    fn add(&self, _: Number) {}
}

impl GaugeCell for Told {
    fn set(&self, _: f64) {}
    fn add(&self, _: f64) {}
}

impl HistogramCell for Told {
    fn observe(&self, _: f64) {}
}

impl Cells for Told {
    fn counter(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn CounterCell>, BackendError> {
        Ok(Arc::new(Self))
    }

    fn gauge(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn GaugeCell>, BackendError> {
        Ok(Arc::new(Self))
    }

    fn histogram(
        &self,
        _: &FamilyDesc,
        _: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError> {
        Ok(Arc::new(Self))
    }
}

#[derive(Debug)]
struct OnTold(Storage);

impl Backend for OnTold {
    fn name(&self) -> &'static str {
        "told"
    }

    fn storage(&self) -> Storage {
        self.0.clone()
    }
}

pytheus_core::conformance! { open: || OnTold(Storage::cells(Told)), traits: [write_only] }
