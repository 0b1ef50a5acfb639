//! The `metrics` facade with its Prometheus exporter as the recorder.

use metrics_exporter_prometheus::{PrometheusHandle, PrometheusRecorder};

/// The name of the library, as in `--only`.
pub(super) const METRICS: &str = "metrics";

/// Registers a metric with `recorder`, and gives back its handle and the exposition.
pub(super) fn register<M>(
    recorder: &PrometheusRecorder,
    metric: impl FnOnce() -> M,
) -> (M, PrometheusHandle) {
    (metrics::with_local_recorder(recorder, metric), recorder.handle())
}
