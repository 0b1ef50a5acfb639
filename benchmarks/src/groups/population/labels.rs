//! The label values of a population, made before any clock starts.

use std::sync::{Arc, Mutex, PoisonError};

/// The names of the labels.
pub(super) const NAMES: [&str; 3] = ["method", "endpoint", "status"];

/// What one series is told by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::groups) struct Labels {
    pub(super) method: String,
    pub(super) endpoint: String,
    pub(super) status: String,
}

impl Labels {
    /// The values in the order of [`NAMES`], as a request handler would have them: borrowed.
    #[inline]
    pub(super) fn values(&self) -> [&str; 3] {
        [&self.method, &self.endpoint, &self.status]
    }
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const STATUSES: [&str; 5] = ["200", "201", "404", "409", "500"];

/// A prime, larger than any population here: multiples of a smaller number, modulo it, are all
/// different and in no order that a tree or a sort could make use of.
const ENDPOINTS: usize = 1_299_709;
const STRIDE: usize = 611_953;

/// The labels of `series` different series, the same ones each time, and in the same memory for all
/// who want as many as the last one did.
pub(in crate::groups) fn labels(series: usize) -> Arc<[Labels]> {
    static LAST: Mutex<Option<Arc<[Labels]>>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(labels) = last.as_ref().filter(|labels| labels.len() == series) {
        return labels.clone();
    }
    let labels: Arc<[Labels]> = (0..series).map(nth).collect();
    *last = Some(labels.clone());
    labels
}

fn nth(index: usize) -> Labels {
    let order = index * STRIDE % ENDPOINTS;
    Labels {
        method: METHODS[order % METHODS.len()].to_owned(),
        endpoint: format!("/api/v1/orders/{order}"),
        status: STATUSES[order % STATUSES.len()].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_series_have_the_same_labels() {
        let series = 200_000;
        let different: HashSet<_> = labels(series).iter().cloned().collect();
        assert_eq!(different.len(), series);
    }
}
