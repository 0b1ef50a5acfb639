//! `measured`: a vector of metrics over sets of label values, which are interned as they come.

use super::{
    BOUNDS, COUNTER, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels, Library,
    Page, repeat,
};
use crate::BoxError;
use measured::metric::MetricFamilyEncoding;
use measured::metric::group::Encoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use measured::{CounterVec, HistogramVec, LabelGroup};
use paracord::ParaCord;

pub(super) const LIBRARY: Library = Library {
    peer: "measured",
    variant: "…Vec, TextEncoder",
    note: Some("label values are interned, each one once, in a `ParaCord` per label"),
    counters: |_| Ok(Box::new(CounterVec::<SeriesSet>::new())),
    histograms: |_| Ok(Box::new(histograms())),
};

/// As its documentation has it for values that are not known when the program starts.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = SeriesSet)]
struct Series<'a> {
    #[label(dynamic_with = ParaCord, default)]
    method: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    endpoint: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    status: &'a str,
}

impl<'a> From<&'a Labels> for Series<'a> {
    fn from(labels: &'a Labels) -> Self {
        let [method, endpoint, status] = labels.values();
        Self { method, endpoint, status }
    }
}

type LatencyVec = HistogramVec<SeriesSet, { BOUNDS.len() }>;

fn histograms() -> LatencyVec {
    HistogramVec::with_metadata(Thresholds::with_buckets(BOUNDS))
}

impl Exposed for CounterVec<SeriesSet> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        let mut encoder = TextEncoder::new(&mut page.bytes);
        let name = MetricName::from_str(COUNTER);
        encoder.write_help(name, HELP)?;
        Ok(self.collect_family_into(name, &mut encoder)?)
    }
}

impl Exposed for LatencyVec {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        let mut encoder = TextEncoder::new(&mut page.bytes);
        let name = MetricName::from_str(HISTOGRAM);
        encoder.write_help(name, HELP)?;
        Ok(self.collect_family_into(name, &mut encoder)?)
    }
}

impl Counters for CounterVec<SeriesSet> {
    fn add(&self, labels: &Labels, amount: u64) {
        self.get_metric(self.with_labels(labels.into())).inc_by(amount);
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let id = self.with_labels(labels.into());
        Box::new(move |times| repeat(&id, times, |id| self.get_metric(*id).inc()))
    }
}

impl Histograms for LatencyVec {
    fn observe(&self, labels: &Labels, value: f64) {
        HistogramVec::observe(self, labels.into(), value);
    }
}
