//! A page as a scrape shows it, taken apart and checked.
#![allow(dead_code, reason = "not every test needs all of it")]

use pytheus_core::Source;
use pytheus_exposition::encode_text;
use std::collections::BTreeMap;

/// Samples by their name and labels as they are written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) samples: BTreeMap<String, f64>,
}

impl Page {
    /// # Panics
    ///
    /// If anything is shown twice, or a line is none.
    #[track_caller]
    pub(crate) fn of(source: &impl Source) -> Self {
        let mut text = Vec::new();
        encode_text(&source.collect_blocking().expect("a collection"), &mut text).expect("a page");
        let text = String::from_utf8(text).expect("text");
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (sample, value) = line.rsplit_once(' ').expect("a sample and its value");
            let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            let before = samples.insert(sample.to_owned(), value);
            assert_eq!(before, None, "{sample} is shown twice");
        }
        Self { samples }
    }

    /// The value of a sample, such as `hits_total{n="1"}`.
    pub(crate) fn get(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// The value of a sample, 0 if it is not there.
    pub(crate) fn number(&self, sample: &str) -> f64 {
        self.get(sample).unwrap_or(0.0)
    }

    /// The values of a family's samples by what stands between the braces.
    pub(crate) fn family<'a>(&'a self, name: &str) -> Vec<(&'a str, f64)> {
        let beginning = format!("{name}{{");
        let labelled = self.beginning_with(&beginning).map(|(rest, value)| {
            (rest.strip_suffix('}').unwrap_or_else(|| panic!("no end: {rest}")), value)
        });
        self.get(name).map(|value| ("", value)).into_iter().chain(labelled).collect()
    }

    fn beginning_with<'a>(
        &'a self,
        beginning: &str,
    ) -> impl Iterator<Item = (&'a str, f64)> + use<'a> {
        let beginning = beginning.to_owned();
        self.samples
            .range(beginning.clone()..)
            .map_while(move |(sample, value)| Some((sample.strip_prefix(&*beginning)?, *value)))
    }

    /// Checks that the buckets, the count and the sum of each series of a histogram are those of
    /// observations of one value alone, `observed` for its labels. Returns the counts.
    #[track_caller]
    pub(crate) fn check_histogram<'a>(
        &'a self,
        name: &str,
        observed: impl Fn(&str) -> f64,
    ) -> BTreeMap<&'a str, f64> {
        let mut counts = BTreeMap::new();
        for (labels, count) in self.family(&format!("{name}_count")) {
            let value = observed(labels);
            let (braces, before_bound) = match labels {
                "" => (String::new(), format!("{name}_bucket{{le=\"")),
                _ => (format!("{{{labels}}}"), format!("{name}_bucket{{{labels},le=\"")),
            };
            let sum = self.get(&format!("{name}_sum{braces}"));
            assert_eq!(sum, Some(count * value), "the sum of {count} in {name}{braces}");
            let mut places = 0;
            for (bound, counted) in self.beginning_with(&before_bound) {
                let bound: f64 = bound.trim_end_matches("\"}").parse().expect("a bound");
                let should = if value <= bound { count } else { 0.0 };
                assert_eq!(counted, should, "of {count} up to {bound} in {name}{braces}");
                places += 1;
            }
            assert!(places > 1, "no buckets of {name}{braces}");
            counts.insert(labels, count);
        }
        counts
    }
}
