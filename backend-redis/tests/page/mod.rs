//! A page as a scrape shows it, taken apart.
#![allow(dead_code, reason = "not every test needs all of it")]

use pytheus_core::{FamilyDesc, Labels, Source, Stop, Value, Visitor};
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
        let mut samples = BTreeMap::new();
        for line in text(source).lines().filter(|line| !line.starts_with('#')) {
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

    /// The samples whose names begin so.
    pub(crate) fn of_family(&self, name: &str) -> BTreeMap<&str, f64> {
        let of_it = |sample: &&String| {
            sample.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let samples = self.samples.keys().filter(of_it);
        samples.map(|sample| (sample.as_str(), self.samples[sample])).collect()
    }
}

/// The page as text.
#[track_caller]
pub(crate) fn text(source: &impl Source) -> String {
    let mut text = Vec::new();
    encode_text(&source.collect_blocking().expect("a collection"), &mut text).expect("a page");
    String::from_utf8(text).expect("text")
}

/// All that a scrape tells, also what text has no room for, without what a backend tells of itself.
#[track_caller]
pub(crate) fn everything(source: &impl Source) -> Vec<String> {
    let mut all = Everything::default();
    let _ = source.collect_blocking().expect("a collection").visit(&mut all);
    all.lines
}

#[derive(Default)]
struct Everything {
    lines: Vec<String>,
    is_left_out: bool,
}

impl Visitor for Everything {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.is_left_out = family.identity.name.starts_with("pytheus_");
        if !self.is_left_out {
            self.lines.push(format!("{family:?}"));
        }
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if !self.is_left_out {
            self.lines.push(format!("{} {value:?}", labels.canonical()));
        }
        Ok(())
    }
}
