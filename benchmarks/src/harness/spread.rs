//! What many measurements of one thing come to.

use serde::Serialize;

/// The five numbers that describe a list of measurements.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::Spread;
///
/// let spread = Spread::of(&[5.0, 1.0, 2.0, 4.0, 3.0]).expect("not empty");
/// assert_eq!((spread.min, spread.median, spread.max), (1.0, 3.0, 5.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// A quarter is at most this.
    pub lower_quartile: f64,
    /// Half is at most this.
    pub median: f64,
    /// Three quarters are at most this.
    pub upper_quartile: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `samples`, or `None` when there are none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let at = |share| quantile(&sorted, share);
        Some(Self {
            min,
            lower_quartile: at(0.25)?,
            median: at(0.5)?,
            upper_quartile: at(0.75)?,
            max,
        })
    }
}

/// Between two neighbours in rank the quantile is on the line between them (type 7 of Hyndman and
/// Fan, "Sample quantiles in statistical packages", 1996; the default of R and NumPy).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = share * (sorted.len() - 1) as f64;
    let below = *sorted.get(rank.floor() as usize)?;
    let above = *sorted.get(rank.ceil() as usize)?;
    Some(below + (above - below) * rank.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_an_even_number_lie_between_neighbours() {
        let spread = Spread::of(&[4.0, 3.0, 2.0, 1.0]).expect("four numbers");
        assert_eq!(
            spread,
            Spread { min: 1.0, lower_quartile: 1.75, median: 2.5, upper_quartile: 3.25, max: 4.0 }
        );
    }

    #[test]
    fn of_nothing_there_is_no_spread() {
        assert_eq!(Spread::of(&[]), None);
    }
}
