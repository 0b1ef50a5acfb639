//! Which series there are, and in which order they are looked up.

use crate::{Step, unit};
use std::hint::black_box;
use std::sync::LazyLock;

/// The values of one series: endpoint, method, status. They are made at run time; that they live for
/// ever is made use of only where a note says so.
pub(super) type Labels = [&'static str; 3];

/// How many look-ups there are before they repeat. A power of two, so that wrapping around is one
/// `and`; far too many for a branch predictor to learn; more than the largest family has series.
pub(super) const TURNS: usize = 1 << 17;

/// How far apart in the order two successive threads begin: the golden section of [`TURNS`], by which
/// any number of threads come to be far from each other.
const THREADS_APART: usize = 81_007;

const SEED: u64 = 0x0DD5_EED5_0F5E_21E5;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const STATUSES: [&str; 8] = ["200", "201", "204", "301", "400", "404", "429", "500"];
const RESOURCES: [&str; 10] = [
    "orders",
    "users",
    "products",
    "carts",
    "invoices",
    "payments",
    "sessions",
    "reviews",
    "shipments",
    "stock",
];

/// Every endpoint with every method and every status.
#[derive(Debug)]
pub(super) struct Series {
    endpoints: Vec<String>,
    methods: Vec<String>,
    statuses: Vec<String>,
    order: Vec<Turn>,
}

/// Places in the three lists. The strings themselves stay in the processor's cache, as those of a
/// request do that was just parsed.
#[derive(Debug, Clone, Copy)]
struct Turn {
    endpoint: u16,
    method: u8,
    status: u8,
}

impl Series {
    /// 25 endpoints, 5 methods, 8 statuses.
    pub(super) fn one_thousand() -> &'static Self {
        static SERIES: LazyLock<Series> = LazyLock::new(|| Series::new(25, 5, 8));
        &SERIES
    }

    /// 2,500 endpoints, 5 methods, 8 statuses.
    pub(super) fn hundred_thousand() -> &'static Self {
        static SERIES: LazyLock<Series> = LazyLock::new(|| Series::new(2_500, 5, 8));
        &SERIES
    }

    /// 1,000 endpoints, one method, one status.
    pub(super) fn endpoints_only() -> &'static Self {
        static SERIES: LazyLock<Series> = LazyLock::new(|| Series::new(1_000, 1, 1));
        &SERIES
    }

    fn new(endpoints: u16, methods: u8, statuses: u8) -> Self {
        let endpoint = |n: usize| {
            let (resource, id) = (RESOURCES[n % RESOURCES.len()], n / RESOURCES.len());
            format!("/api/v1/{resource}/{id}")
        };
        Self {
            endpoints: (0..endpoints.into()).map(endpoint).collect(),
            methods: METHODS[..methods.into()].iter().map(ToString::to_string).collect(),
            statuses: STATUSES[..statuses.into()].iter().map(ToString::to_string).collect(),
            order: order(endpoints, methods, statuses),
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.endpoints.len() * self.methods.len() * self.statuses.len()
    }

    /// Each once.
    pub(super) fn all(&'static self) -> impl Iterator<Item = Labels> {
        self.endpoints.iter().flat_map(move |endpoint| {
            self.methods.iter().flat_map(move |method| {
                self.statuses.iter().map(move |status| [&**endpoint, &**method, &**status])
            })
        })
    }

    /// The order as the `n`th thread goes through it.
    pub(super) fn cursor(&'static self, n: usize) -> Cursor {
        Cursor { series: self, offset: n.wrapping_mul(THREADS_APART) }
    }
}

/// Every series at least once, and as evenly as may be, in an order that looks random and is the same
/// in every run.
fn order(endpoints: u16, methods: u8, statuses: u8) -> Vec<Turn> {
    let turns = (0..endpoints).flat_map(|endpoint| {
        (0..methods).flat_map(move |method| {
            (0..statuses).map(move |status| Turn { endpoint, method, status })
        })
    });
    let mut order: Vec<Turn> = turns.cycle().take(TURNS).collect();
    let mut state = SEED;
    // Fisher and Yates.
    for last in (1..order.len()).rev() {
        let other = unit(&mut state) * (last + 1) as f64;
        order.swap(last, other as usize);
    }
    order
}

/// One thread's way through the series.
#[derive(Debug)]
pub(super) struct Cursor {
    series: &'static Series,
    offset: usize,
}

impl Cursor {
    /// The labels to look up, opaque to the compiler.
    #[inline(always)]
    pub(super) fn labels(&self, step: Step<'_>) -> Labels {
        let series = self.series;
        let turn = series.order[step.index().wrapping_add(self.offset) % TURNS];
        black_box([
            &series.endpoints[usize::from(turn.endpoint)],
            &series.methods[usize::from(turn.method)],
            &series.statuses[usize::from(turn.status)],
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn there_are_as_many_as_the_names_say() {
        for (series, expected) in [
            (Series::one_thousand(), 1_000),
            (Series::hundred_thousand(), 100_000),
            (Series::endpoints_only(), 1_000),
        ] {
            assert_eq!(series.len(), expected);
            assert_eq!(series.all().collect::<HashSet<_>>().len(), expected);
        }
    }

    #[test]
    fn every_series_is_looked_up_equally_often_give_or_take_one() {
        let mut times = HashMap::new();
        for turn in &Series::one_thousand().order {
            *times.entry((turn.endpoint, turn.method, turn.status)).or_insert(0) += 1;
        }
        assert_eq!(times.len(), 1_000);
        assert!(times.values().all(|&n| n == TURNS / 1_000 || n == TURNS / 1_000 + 1));
    }

    #[test]
    fn successors_of_one_series_differ() {
        let order = &Series::one_thousand().order;
        let key = |turn: &Turn| (turn.endpoint, turn.method, turn.status);
        let mut successors = HashSet::new();
        for pair in order.windows(2).filter(|pair| key(&pair[0]) == (0, 0, 0)) {
            successors.insert(key(&pair[1]));
        }
        // Of 131 turns, few are followed by the same one as another.
        assert!(successors.len() > 100, "{}", successors.len());
    }
}
