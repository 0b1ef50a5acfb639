//! Reads numbers back from the text format, as a scrape would see them.

use crate::Reading;

/// A number was looked for in an exposition and not found.
///
/// # Examples
///
/// ```
/// let error = pytheus_benchmarks::sample("a 1\n", "b").unwrap_err();
/// assert_eq!(error.to_string(), "the exposition has no sample \"b\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such sample.
    #[error("the exposition has no sample {name:?}")]
    Missing {
        /// The sample's name.
        name: String,
    },
    /// A line does not read as `name{labels} value`.
    #[error("the exposition has a line that does not end in a number, {line:?}")]
    Line {
        /// The line.
        line: String,
    },
}

/// The value of the first sample of that name.
///
/// # Errors
///
/// [`ReadError`] if there is none, or its value is not a number.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::sample;
///
/// assert_eq!(sample("# TYPE hits counter\nhits{a=\"b\"} 3\n", "hits"), Ok(3.0));
/// ```
pub fn sample(text: &str, name: &str) -> Result<f64, ReadError> {
    let line = samples(text, name).next();
    line.ok_or_else(|| ReadError::Missing { name: name.to_owned() }).and_then(value)
}

/// The values of all samples of that name, in the order of the text.
///
/// # Examples
///
/// ```
/// let text = "hits{a=\"b\"} 3\nhits{a=\"c\"} 4\nhits_created 5\n";
/// let values: Result<Vec<f64>, _> = pytheus_benchmarks::each(text, "hits").collect();
/// assert_eq!(values, Ok(vec![3.0, 4.0]));
/// ```
pub fn each<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Result<f64, ReadError>> {
    samples(text, name).map(value)
}

/// The one histogram of that name, told from its `_bucket` and `_sum` samples.
///
/// # Errors
///
/// [`ReadError`] if one of them is missing or not a number.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Reading, histogram};
///
/// let text = "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 9.5\nh_count 3\n";
/// let reading = Reading::Histogram { bounds: vec![1.0], counts: vec![2, 1], sum: 9.5 };
/// assert_eq!(histogram(text, "h"), Ok(reading));
/// ```
pub fn histogram(text: &str, name: &str) -> Result<Reading, ReadError> {
    let bucket = format!("{name}_bucket");
    let mut cumulative = samples(text, &bucket)
        .map(|line| Ok((bound(line)?, value(line)? as u64)))
        .collect::<Result<Vec<(f64, u64)>, ReadError>>()?;
    cumulative.sort_by(|a, b| a.0.total_cmp(&b.0));
    if cumulative.is_empty() {
        return Err(ReadError::Missing { name: bucket });
    }

    let below = std::iter::once(0).chain(cumulative.iter().map(|(_, count)| *count));
    let counts = cumulative.iter().zip(below).map(|((_, upto), below)| upto.saturating_sub(below));
    let bounds = cumulative.iter().map(|(bound, _)| *bound).filter(|b| b.is_finite()).collect();
    let counts = counts.collect();
    Ok(Reading::Histogram { bounds, counts, sum: sample(text, &format!("{name}_sum"))? })
}

fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter(move |line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
    })
}

/// What stands after the last space; none of the expositions read here has timestamps.
fn value(line: &str) -> Result<f64, ReadError> {
    let number = line.rsplit(' ').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| ReadError::Line { line: line.to_owned() })
}

fn bound(line: &str) -> Result<f64, ReadError> {
    let label = line.split_once("le=\"").and_then(|(_, rest)| rest.split_once('"'));
    let bound = label.and_then(|(bound, _)| bound.parse().ok());
    bound.ok_or_else(|| ReadError::Line { line: line.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_name_is_another_sample() {
        assert_eq!(sample("hits_total 1\nhits 2\n", "hits"), Ok(2.0));
    }

    #[test]
    fn a_histogram_without_buckets_is_missing() {
        let error = histogram("h_sum 1\nh_count 1\n", "h").unwrap_err();
        assert_eq!(error, ReadError::Missing { name: "h_bucket".into() });
    }

    #[test]
    fn a_line_without_a_number_is_quoted() {
        let error = sample("hits many\n", "hits").unwrap_err();
        assert_eq!(error, ReadError::Line { line: "hits many".into() });
    }
}
