//! A scraped page: each series with its value.

use crate::AnyError;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Page {
    pub(crate) text: String,
    values: BTreeMap<String, f64>,
}

impl Page {
    pub(crate) fn parse(text: String) -> Result<Self, AnyError> {
        let mut values = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let sample = line.rsplit_once(' ');
            let (series, value) = sample.ok_or_else(|| format!("not a sample: {line:?}"))?;
            if values.insert(series.to_owned(), value.parse()?).is_some() {
                return Err(format!("exposed twice: {series}").into());
            }
        }
        Ok(Self { text, values })
    }

    /// The value of a series; one that is not there counts as zero.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or(0.0)
    }

    /// The sum over all series of this name.
    pub(crate) fn total(&self, name: &str) -> f64 {
        self.of(name).map(|(_, value)| value).sum()
    }

    /// All series of this name.
    pub(crate) fn of(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        let all = self.values.iter().map(|(series, value)| (series.as_str(), *value));
        all.filter(move |(series, _)| name_of(series) == name)
    }

    /// A counter, bucket, count or sum that is now less than it was.
    pub(crate) fn went_backwards_since(&self, before: &Self) -> Option<&str> {
        let grows = |series: &str| {
            let endings = ["_total", "_bucket", "_count", "_sum"];
            endings.iter().any(|ending| name_of(series).ends_with(ending))
        };
        let fell = before
            .values
            .keys()
            .find(|series| grows(series) && self.value(series) < before.value(series));
        fell.and_then(|series| self.values.get_key_value(series)).map(|(series, _)| series.as_str())
    }

    /// Histograms whose last bucket does not have all that they count.
    pub(crate) fn histograms_that_disagree(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (series, all) in self.values.iter().filter(|(series, _)| series.ends_with(END)) {
            let Some((name, labels)) = series.split_once("_bucket{") else { continue };
            let labels = labels.strip_suffix(END).unwrap_or_default();
            let count = match labels.strip_suffix(',') {
                Some(labels) => format!("{name}_count{{{labels}}}"),
                None => format!("{name}_count"),
            };
            if self.values.get(&count) != Some(all) {
                wrong.push(format!("{series} is {all}, {count} is {}", self.value(&count)));
            }
        }
        wrong
    }
}

/// What the last bucket of a histogram ends with.
const END: &str = "le=\"+Inf\"}";

/// The name in front of the labels.
pub(crate) fn name_of(series: &str) -> &str {
    series.split_once('{').map_or(series, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_whose_count_is_not_in_its_buckets_is_found() -> Result<(), AnyError> {
        let good = "a_bucket{le=\"+Inf\"} 2\na_count 2\n\
                    b_bucket{x=\"y\",le=\"+Inf\"} 3\nb_count{x=\"y\"} 3\n";
        assert!(Page::parse(good.to_owned())?.histograms_that_disagree().is_empty());
        for bad in
            [good.replace("count 2", "count 1"), good.replace("} 3", "} 4").replacen("4", "3", 1)]
        {
            assert_eq!(Page::parse(bad)?.histograms_that_disagree().len(), 1);
        }
        Ok(())
    }
}
