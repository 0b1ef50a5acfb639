//! The `metrics` facade, with its Prometheus exporter as the recorder.

use super::{
    BOUNDS, COUNTER, Counters, Exposed, HISTOGRAM, Histograms, Incrementer, Labels, Library, Page,
    repeat,
};
use crate::BoxError;
use metrics::{Counter, Histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

pub(super) const LIBRARY: Library = Library {
    peer: "metrics",
    variant: "macros, render_to_write",
    note: None,
    counters: |_| Ok(Box::new(Recorded::new()?)),
    histograms: |_| Ok(Box::new(Recorded::new()?)),
};

/// A recorder, and the handle that shows what it has.
struct Recorded {
    recorder: PrometheusRecorder,
    exposition: PrometheusHandle,
}

impl Recorded {
    fn new() -> Result<Self, BoxError> {
        let recorder = PrometheusBuilder::new().set_buckets(&BOUNDS)?.build_recorder();
        Ok(Self { exposition: recorder.handle(), recorder })
    }

    fn counter(&self, labels: &Labels) -> Counter {
        let [method, endpoint, status] = labels.values().map(str::to_owned);
        with_local_recorder(
            &self.recorder,
            || metrics::counter!(COUNTER, "method" => method, "endpoint" => endpoint, "status" => status),
        )
    }

    fn histogram(&self, labels: &Labels) -> Histogram {
        let [method, endpoint, status] = labels.values().map(str::to_owned);
        with_local_recorder(
            &self.recorder,
            || metrics::histogram!(HISTOGRAM, "method" => method, "endpoint" => endpoint, "status" => status),
        )
    }
}

impl Exposed for Recorded {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        Ok(self.exposition.render_to_write(&mut page.bytes)?)
    }
}

impl Counters for Recorded {
    fn add(&self, labels: &Labels, amount: u64) {
        self.counter(labels).increment(amount);
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let counter = self.counter(labels);
        Box::new(move |times| repeat(&counter, times, |counter| counter.increment(1)))
    }
}

impl Histograms for Recorded {
    fn observe(&self, labels: &Labels, value: f64) {
        self.histogram(labels).record(value);
    }
}
