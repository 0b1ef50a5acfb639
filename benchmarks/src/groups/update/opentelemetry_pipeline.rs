//! `opentelemetry`: instruments without attributes, and its Prometheus exporter behind.

use super::NAME;
use crate::{BoxError, Reading, histogram, sample};
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

/// The name of the library, as in `--only`.
pub(super) const OTEL: &str = "opentelemetry";

/// What stands against instruments that are called without having been bound.
pub(super) const UNBOUND_NOTE: &str = "without attributes; with some, each update looks them up";

/// What stands against bound instruments.
pub(super) const BOUND_NOTE: &str = "a handle with its attributes resolved, behind a feature that \
                                     is called experimental";

/// The SDK, and the registry that its exporter feeds. An instrument that has not been used yet is not
/// exported: each must be used once before it is read.
#[derive(Debug)]
pub(super) struct Pipeline {
    registry: Registry,
    provider: SdkMeterProvider,
}

impl Pipeline {
    pub(super) fn new() -> Result<Self, BoxError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .without_counter_suffixes()
            .scope_info_enabled(false)
            .build()?;
        Ok(Self { registry, provider: SdkMeterProvider::builder().with_reader(exporter).build() })
    }

    pub(super) fn meter(&self) -> Meter {
        self.provider.meter("benchmarks")
    }

    pub(super) fn text(&self) -> Result<String, BoxError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }

    pub(super) fn number(&self) -> Result<Reading, BoxError> {
        Ok(Reading::Number(sample(&self.text()?, NAME)?))
    }

    pub(super) fn histogram(&self) -> Result<Reading, BoxError> {
        Ok(histogram(&self.text()?, NAME)?)
    }
}
