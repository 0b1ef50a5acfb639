//! One family: what all its series have in common, ready to be copied, and its series.

use super::chunk::Chunk;
use super::line::Head;
use crate::escaping::{NameOf, is_writable, push_name};
use crate::numbers::{Room, write_float};
use pytheus_core::{Identity, Kind, LabelsBuf, Number, Value};
use std::fmt;

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";

/// A family with the constant text of its lines.
#[derive(Debug)]
pub(super) struct Family {
    kind: Kind,
    /// The name on the page.
    name: String,
    /// What the lines of a series begin with, but for `_sum` and `_count`.
    head: Head,
    /// What the line `name_sum` begins with, of a histogram or a summary.
    sum_head: Head,
    /// What the line `name_count` begins with, of a histogram or a summary.
    count_head: Head,
    /// The label that tells the lines of one series apart, where there are several.
    line_label: String,
    /// `,le="0.5"} ` for each bucket, `+Inf` last, or `,name="state"} ` for each state.
    tails: Vec<Vec<u8>>,
    copies_labels: bool,
}

/// Why a value cannot stand in a family.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    Type(Kind),
    Counts { got: usize, buckets: usize },
    States { got: usize, declared: usize },
}

impl Family {
    pub(super) fn new(identity: &Identity) -> Self {
        let name = page_name(identity);
        let (suffix, line_label, tails) = match identity.kind {
            Kind::Histogram => ("_bucket", BOUND.to_owned(), bucket_tails(&identity.buckets)),
            Kind::StateSet => {
                let label = escaped(&identity.name, NameOf::Label);
                let tails = state_tails(&label, &identity.states);
                ("", label, tails)
            }
            _ => ("", String::new(), Vec::new()),
        };
        Self {
            kind: identity.kind,
            head: Head::new(&name, suffix),
            sum_head: Head::new(&name, "_sum"),
            count_head: Head::new(&name, "_count"),
            copies_labels: identity.label_names.as_ref().is_some_and(|names| {
                names.iter().all(|own| is_writable(own, NameOf::Label) && *own != line_label)
            }),
            name,
            line_label,
            tails,
        }
    }

    /// The name on the page.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Every name the family writes: its own, and those of its samples.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let suffixes: &[_] = match self.kind {
            Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            Kind::Summary => &["", "_sum", "_count"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name))
    }

    /// `None` if the labels of series can be copied; otherwise they are to be rewritten, and this
    /// name is to be kept free.
    ///
    /// Declared names are looked at once, when the family begins. In an open label set any name may come, so all its
    /// series are rewritten.
    pub(super) fn rewrites_labels_around(&self) -> Option<&str> {
        (!self.copies_labels).then_some(&self.line_label)
    }

    pub(super) fn push_header(&self, chunk: &mut Chunk, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let (name, kind) = (&self.name, type_name(self.kind));
        chunk.push(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Appends the lines of a series, or nothing. `own` is what stands between the braces.
    #[inline]
    pub(super) fn push_series(
        &self,
        chunk: &mut Chunk,
        own: &str,
        value: &Value<'_>,
    ) -> Result<(), Misfit> {
        match (value, self.kind) {
            (Value::Counter { total: Number::Int(n), .. }, Kind::Counter) => {
                self.head.push_int(chunk, own, *n);
            }
            (Value::Counter { total: Number::Float(x), .. }, Kind::Counter)
            | (Value::Gauge { value: x }, Kind::Gauge | Kind::UpDownCounter)
            | (Value::Unknown { value: x }, Kind::Unknown) => self.head.push_float(chunk, own, *x),
            (Value::Info, Kind::Info) => self.head.push_int(chunk, own, 1),
            _ => return self.push_lines(chunk, own, value),
        }
        Ok(())
    }

    /// Appends the lines of a series that has more than one.
    fn push_lines(&self, chunk: &mut Chunk, own: &str, value: &Value<'_>) -> Result<(), Misfit> {
        match (*value, self.kind) {
            (Value::Summary { count, sum, .. }, Kind::Summary) => {
                self.push_sum_and_count(chunk, own, sum, count);
            }
            (Value::Histogram { counts, sum, .. }, Kind::Histogram) => {
                let (got, buckets) = (counts.len(), self.tails.len());
                if got != buckets {
                    return Err(Misfit::Counts { got, buckets });
                }
                let mut below = 0_u64;
                let cumulative = counts.iter().map(|count| {
                    below = below.saturating_add(*count);
                    below
                });
                self.head.push_lines(chunk, own, self.tails.iter().zip(cumulative));
                self.push_sum_and_count(chunk, own, sum, below);
            }
            // The format has no place for such buckets.
            (Value::NativeHistogram { count, sum, .. }, Kind::Histogram) => {
                let (last, count_of_all) = (self.tails.last(), std::iter::once(count));
                self.head.push_lines(chunk, own, last.into_iter().zip(count_of_all));
                self.push_sum_and_count(chunk, own, sum, count);
            }
            (Value::StateSet { active }, Kind::StateSet) => {
                let (got, declared) = (active.len(), self.tails.len());
                if got != declared {
                    return Err(Misfit::States { got, declared });
                }
                let on = active.iter().map(|on| u64::from(*on));
                self.head.push_lines(chunk, own, self.tails.iter().zip(on));
            }
            _ => return Err(Misfit::Type(self.kind)),
        }
        Ok(())
    }

    fn push_sum_and_count(&self, chunk: &mut Chunk, own: &str, sum: f64, count: u64) {
        self.sum_head.push_float(chunk, own, sum);
        self.count_head.push_int(chunk, own, count);
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => write!(f, "the value does not fit a family of type {kind}"),
            Self::Counts { got, buckets } => {
                write!(f, "the value has {got} counts, the family {buckets} buckets with +Inf")
            }
            Self::States { got, declared } => {
                write!(f, "the value has {got} states, the family declares {declared}")
            }
        }
    }
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::UpDownCounter | Kind::StateSet | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        _ => "untyped",
    }
}

fn page_name(identity: &Identity) -> String {
    let mut name = escaped(&identity.name, NameOf::Metric);
    if identity.kind == Kind::Info && !name.ends_with("_info") {
        name.push_str("_info");
    }
    name
}

fn escaped(name: &str, of: NameOf) -> String {
    let mut text = String::with_capacity(name.len());
    push_name(&mut text, name.chars(), of);
    text
}

fn bucket_tails(bounds: &[f64]) -> Vec<Vec<u8>> {
    let tail = |bound: f64| {
        let mut digits = Room::default();
        let length = write_float(bound, &mut digits);
        [b",", BOUND.as_bytes(), b"=\"", &digits[..length], b"\"} "].concat()
    };
    bounds.iter().copied().chain([f64::INFINITY]).map(tail).collect()
}

fn state_tails(label: &str, states: &[String]) -> Vec<Vec<u8>> {
    let tail = |state: &String| {
        let pair = LabelsBuf::from_pairs([(label, state.as_str())]);
        format!(",{}}} ", pair.as_labels().canonical()).into_bytes()
    };
    states.iter().map(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pytheus_core::Native;

    fn written(identity: Identity, own: &str, value: Value<'_>) -> Result<String, Misfit> {
        let mut chunk = Chunk::default();
        Family::new(&identity).push_series(&mut chunk, own, &value)?;
        Ok(String::from_utf8(chunk.as_bytes().to_vec()).unwrap())
    }

    fn histogram(counts: &[u64]) -> Value<'_> {
        Value::Histogram { counts, sum: 7.0, created: None, exemplars: &[] }
    }

    #[test]
    fn buckets_are_cumulative_and_the_bound_comes_last() {
        let identity = Identity::new("h", Kind::Histogram).label_names(["m"]).buckets([0.5, 1.0]);
        assert_eq!(
            written(identity, r#"m="G""#, histogram(&[2, 0, 1])).unwrap(),
            "h_bucket{m=\"G\",le=\"0.5\"} 2\n\
             h_bucket{m=\"G\",le=\"1\"} 2\n\
             h_bucket{m=\"G\",le=\"+Inf\"} 3\n\
             h_sum{m=\"G\"} 7\n\
             h_count{m=\"G\"} 3\n"
        );
    }

    #[test]
    fn a_histogram_without_labels_has_braces_around_the_bound_only() {
        let identity = Identity::new("h", Kind::Histogram);
        assert_eq!(
            written(identity, "", histogram(&[1])).unwrap(),
            "h_bucket{le=\"+Inf\"} 1\nh_sum 7\nh_count 1\n"
        );
    }

    #[test]
    fn a_native_histogram_is_its_count_and_its_sum() {
        let identity = Identity::new("h", Kind::Histogram).native(Native::default());
        let value = Value::NativeHistogram {
            schema: 3,
            zero_threshold: 0.0,
            zero_count: 1,
            count: 4,
            sum: 7.0,
            positive: &[(1, 2)],
            negative: &[(-3, 1)],
            created: None,
            exemplars: &[],
        };
        assert_eq!(
            written(identity, r#"m="G""#, value).unwrap(),
            "h_bucket{m=\"G\",le=\"+Inf\"} 4\nh_sum{m=\"G\"} 7\nh_count{m=\"G\"} 4\n"
        );
        let gauge = Identity::new("g", Kind::Gauge);
        assert_eq!(written(gauge, "", value), Err(Misfit::Type(Kind::Gauge)));
    }

    #[test]
    fn counts_beyond_64_bits_saturate_together() {
        let identity = Identity::new("h", Kind::Histogram).buckets([1.0]);
        let text = written(identity, "", histogram(&[u64::MAX, 1])).unwrap();
        assert!(text.contains("le=\"+Inf\"} 18446744073709551615\n"));
        assert!(text.ends_with("h_count 18446744073709551615\n"));
    }

    #[test]
    fn a_state_is_escaped_like_any_label_value() {
        let identity = Identity::new("st", Kind::StateSet).states(["a", "\"\n"]);
        assert_eq!(
            written(identity, "", Value::StateSet { active: &[false, true] }).unwrap(),
            "st{st=\"a\"} 0\nst{st=\"\\\"\\n\"} 1\n"
        );
    }

    #[test]
    fn the_label_of_states_is_a_label_name_even_where_the_family_name_is_not() {
        let identity = Identity::new("job:st", Kind::StateSet).states(["a"]);
        assert_eq!(
            written(identity, "", Value::StateSet { active: &[true] }).unwrap(),
            "job:st{job_st=\"a\"} 1\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_is_written() {
        let buckets = Identity::new("h", Kind::Histogram).buckets([1.0]);
        let states = Identity::new("st", Kind::StateSet).states(["a"]);
        let gauge = Identity::new("g", Kind::Gauge);
        for (identity, value, misfit) in [
            (&gauge, Value::Info, Misfit::Type(Kind::Gauge)),
            (&buckets, histogram(&[1]), Misfit::Counts { got: 1, buckets: 2 }),
            (&buckets, histogram(&[1, 2, 3]), Misfit::Counts { got: 3, buckets: 2 }),
            (&states, Value::StateSet { active: &[] }, Misfit::States { got: 0, declared: 1 }),
        ] {
            assert_eq!(written(identity.clone(), "", value), Err(misfit));
        }
    }

    #[test]
    fn labels_are_copied_when_every_declared_name_can_stand_as_it_is() {
        let copies = |identity: Identity| Family::new(&identity).rewrites_labels_around().is_none();
        let states = |label| Identity::new("st", Kind::StateSet).label_names([label]).states(["a"]);
        assert!(copies(Identity::new("c", Kind::Counter)));
        assert!(copies(Identity::new("c", Kind::Counter).label_names(["a", "le"])));
        assert!(copies(states("a")));
        assert!(!copies(states("st")));
        assert!(!copies(Identity::new("h", Kind::Histogram).label_names(["le"])));
        assert!(!copies(Identity::new("c", Kind::Counter).label_names(["a", "é"])));
        assert!(!copies(Identity::new("c", Kind::Counter).open_labels()));
    }

    #[test]
    fn an_info_is_named_so_once() {
        let name = |name: &str| page_name(&Identity::new(name, Kind::Info));
        assert_eq!(name("build"), "build_info");
        assert_eq!(name("build_info"), "build_info");
        assert_eq!(name("build.info"), "build_info");
    }
}
