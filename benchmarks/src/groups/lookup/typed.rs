//! Libraries whose families are maps from a label type of the user's choice.
//!
//! Such a map can only be asked with its own type, so what borrows from a request must be copied
//! first. Each is measured with labels that own their strings, and with labels that live for ever.

use super::series::{Labels, Series};
use super::subject::{Tally, looks_up};
use super::{HELP, LABEL_NAMES, NAME, OWNED_NOTE, STATIC_NOTE, candidate};
use crate::{BoxError, Candidate, Subject, each};
use serde::Serialize;
use std::fmt::Debug;
use std::hash::Hash;

const OWNED_COUNTER_NOTE: &str = "likewise; also clones the counter, so that the family is not \
                                  locked while it is used";

pub(super) fn candidates(series: fn() -> &'static Series) -> Vec<Candidate> {
    let (client, foundations, fast) = ("prometheus-client", "foundations-metrics", "fastmetrics");
    vec![
        candidate(client, "Family, String", series, prometheus_client::<String>).note(OWNED_NOTE),
        candidate(client, "Family, &'static str", series, prometheus_client::<&'static str>)
            .note(STATIC_NOTE),
        candidate(client, "the same, owned", series, prometheus_client_owned)
            .note(OWNED_COUNTER_NOTE),
        candidate(foundations, "Family, String", series, foundations_metrics::<String>)
            .note(OWNED_NOTE),
        candidate(foundations, "Family, &'static str", series, foundations_metrics::<&'static str>)
            .note(STATIC_NOTE),
        candidate(fast, "Family, String", series, fastmetrics::<String>).note(OWNED_NOTE),
        candidate(fast, "Family, &'static str", series, fastmetrics::<&'static str>)
            .note(STATIC_NOTE),
    ]
}

/// A label value: `String` or `&'static str`.
trait Text:
    From<&'static str> + AsRef<str> + Clone + Debug + Eq + Hash + Serialize + Send + Sync + 'static
{
}

impl Text for String {}
impl Text for &'static str {}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct Request<T> {
    endpoint: T,
    method: T,
    status: T,
}

impl<T: Text> From<Labels> for Request<T> {
    #[inline]
    fn from([endpoint, method, status]: Labels) -> Self {
        Self { endpoint: endpoint.into(), method: method.into(), status: status.into() }
    }
}

impl<T: Text> Request<T> {
    /// Names and values.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = [&self.endpoint, &self.method, &self.status];
        LABEL_NAMES.into_iter().zip(values.map(AsRef::as_ref))
    }
}

// ── prometheus-client ───────────────────────────────────────────────────────────────────────────

type ClientFamily<T> = prometheus_client::metrics::family::Family<
    Request<T>,
    prometheus_client::metrics::counter::Counter,
>;

impl<T: Text> prometheus_client::encoding::EncodeLabelSet for Request<T> {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeLabel;
        self.pairs().try_for_each(|pair| pair.encode(encoder.encode_label()))
    }
}

fn prometheus_client<T: Text>(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    client_subject::<T>(series, |family, labels| {
        family.get_or_create(&labels.into()).inc();
    })
}

fn prometheus_client_owned(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    client_subject::<&'static str>(series, |family, labels| {
        family.get_or_create_owned(&labels.into()).inc();
    })
}

fn client_subject<T: Text>(
    series: &'static Series,
    operation: impl Fn(&ClientFamily<T>, Labels) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let family = ClientFamily::<T>::default();
    series.all().for_each(|labels| drop(family.get_or_create(&labels.into())));
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register(NAME, HELP, family.clone());
    Ok(looks_up(
        series,
        move || family.clone(),
        operation,
        move || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry)?;
            total(&text)
        },
    ))
}

/// OpenMetrics has counters end in `_total`.
fn total(text: &str) -> Result<Tally, BoxError> {
    Ok(each(text, "requests_total").collect::<Result<_, _>>()?)
}

// ── foundations-metrics ─────────────────────────────────────────────────────────────────────────

fn foundations_metrics<T: Text>(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    use foundations_metrics::{Counter, EncodeMetricValue, Family};

    let family = Family::<Request<T>, Counter>::default();
    series.all().for_each(|labels| drop(family.get_or_create(&labels.into())));
    let reader = family.clone();
    Ok(looks_up(
        series,
        move || family.clone(),
        |family, labels| {
            family.get_or_create(&labels.into()).inc();
        },
        move || {
            let families = reader.encode_metric_value();
            let metrics = families.iter().flat_map(|family| &family.metric);
            let counters = metrics.filter_map(|metric| metric.counter.as_ref());
            Ok(counters.map(|counter| counter.value.unwrap_or_default()).collect())
        },
    ))
}

// ── fastmetrics ─────────────────────────────────────────────────────────────────────────────────

impl<T: Text> fastmetrics::raw::LabelSetSchema for Request<T> {
    fn names() -> Option<&'static [&'static str]> {
        Some(&LABEL_NAMES)
    }
}

impl<T: Text> fastmetrics::encoder::EncodeLabelSet for Request<T> {
    fn encode(
        &self,
        encoder: &mut dyn fastmetrics::encoder::LabelSetEncoder,
    ) -> fastmetrics::error::Result<()> {
        self.pairs().try_for_each(|pair| encoder.encode(&pair))
    }
}

fn fastmetrics<T: Text>(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    use fastmetrics::format::text::{TextProfile, encode};
    use fastmetrics::metrics::{counter::Counter, family::Family};

    let family = Family::<Request<T>, Counter>::default();
    series.all().for_each(|labels| family.with_or_new(&labels.into(), |_| ()));
    let mut registry = fastmetrics::registry::Registry::default();
    registry.register(NAME, HELP, family.clone())?;
    Ok(looks_up(
        series,
        move || family.clone(),
        |family, labels| {
            family.with_or_new(&labels.into(), fastmetrics::metrics::counter::Counter::inc);
        },
        move || {
            let mut text = String::new();
            encode(&mut text, &registry, TextProfile::default())?;
            total(&text)
        },
    ))
}
