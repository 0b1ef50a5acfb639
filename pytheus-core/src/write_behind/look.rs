//! A look into what a store was read to hold, for those who test one.

use super::contents::Contents;
use super::store::{Amount, ClientId};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// What [`Contents`] hold of a series.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub created: SystemTime,
    pub numbers: BTreeMap<u32, Amount>,
    pub owned: Vec<(ClientId, String, u32, Amount, Duration)>,
    pub notes: BTreeMap<u32, Vec<u8>>,
}

impl Contents {
    /// What was read of a series.
    #[doc(hidden)]
    pub fn look(&self, family: &str, labels: &str) -> Option<Look> {
        let family = self.families.iter().find(|f| *f.name == *family)?;
        let at = family.series.iter().position(|row| *row.labels == *labels)?;
        let row = &family.series[at];
        let at = at as u32;
        let mut numbers = BTreeMap::new();
        let usual = family.numbers[row.first..row.first + row.count as usize].iter().copied();
        let late = family.late.iter().filter(|n| n.0 == at).map(|n| (n.1, n.2));
        for (field, amount) in usual.chain(late) {
            numbers
                .entry(field)
                .and_modify(|sum| match (&mut *sum, amount) {
                    (Amount::Int(sum), Amount::Int(n)) => *sum += n,
                    (sum, n) => *sum = Amount::Float(sum.as_f64() + n.as_f64()),
                })
                .or_insert(amount);
        }
        let owned = family.owned.iter().filter(|o| o.row == at);
        let owned =
            owned.map(|o| (o.client, o.name.to_string(), o.field, o.value, o.age)).collect();
        let notes = family.notes.iter().filter(|n| n.0 == at).map(|n| (n.1, n.2.clone())).collect();
        Some(Look { created: row.created, numbers, owned, notes })
    }

    /// The families, with their identities and details if they were described, and how many series each
    /// has.
    #[doc(hidden)]
    #[allow(clippy::type_complexity, reason = "for tests alone")]
    pub fn look_at_families(&self) -> BTreeMap<&str, (Option<(&[u8], &[u8])>, usize)> {
        self.families
            .iter()
            .map(|f| {
                let description = f.description.as_ref().map(|d| (&*d.0, &*d.1));
                (&*f.name, (description, f.series.len()))
            })
            .collect()
    }
}
