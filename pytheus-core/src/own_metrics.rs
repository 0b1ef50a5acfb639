//! What families count about themselves, as families of our own:
//!
//! - `pytheus_lost_updates_total`: updates, and handles made and dropped, that found no place in a memory
//!   that processes share.
//! - `pytheus_refused_updates_total`: amounts a counter did not take, negative or not finite ones.
//! - `pytheus_overflowed_lookups_total`: look-ups that found no room for a new series and were given
//!   the overflow series.
//!
//! Each is exported only once there is something to say, so that an empty registry is an empty page.

use crate::labels::LabelsBuf;
use crate::visit::{FamilyDesc, Identity, Kind, Number, Stop, Value, Visitor};

/// What one family has counted about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) refused: u64,
    pub(crate) overflowed: u64,
}

/// A counter or a gauge of our own, and its series.
pub(crate) type OwnFamily = (FamilyDesc, Vec<(LabelsBuf, Number)>);

/// The families of our own that are still to be shown, in name order.
#[derive(Clone)]
pub(crate) struct OwnMetrics {
    families: std::vec::IntoIter<OwnFamily>,
}

impl OwnMetrics {
    /// Of the families with these events, in a memory that lost so many updates.
    pub(crate) fn new<'a>(families: impl Iterator<Item = (&'a str, Events)>, lost: u64) -> Self {
        let (mut overflowed, mut refused) = (Vec::new(), Vec::new());
        for (name, events) in families {
            let labels = || LabelsBuf::from_pairs([("family", name)]);
            if events.overflowed > 0 {
                overflowed.push((labels(), Number::Int(events.overflowed)));
            }
            if events.refused > 0 {
                refused.push((labels(), Number::Int(events.refused)));
            }
        }
        let describe = |name, help| {
            FamilyDesc::new(Identity::new(name, Kind::Counter).label_names(["family"]), help)
        };
        let lost = (lost > 0).then(|| (LabelsBuf::default(), Number::Int(lost)));
        let mut own = vec![
            (
                FamilyDesc::new(
                    Identity::new("pytheus_lost_updates_total", Kind::Counter),
                    "Updates, and handles made and dropped, that found no place: of a process that was \
                     forked when there was no room for one more, or while others were stopped",
                ),
                lost.into_iter().collect(),
            ),
            (
                describe(
                    "pytheus_overflowed_lookups_total",
                    "Look-ups that found no room for a new series and counted into the overflow series",
                ),
                overflowed,
            ),
            (
                describe(
                    "pytheus_refused_updates_total",
                    "Updates of counters refused because the amount was negative or not finite",
                ),
                refused,
            ),
        ];
        own.retain(|(_, series)| !series.is_empty());
        Self { families: own.into_iter() }
    }

    /// The same, each series with one label more: who tells it, where several do on one page after the
    /// other.
    pub(crate) fn told_by(self, label: &str, who: &str) -> Self {
        let mut families: Vec<_> = self.families.collect();
        for (desc, series) in &mut families {
            let Some(names) = &mut desc.identity.label_names else { continue };
            if names.iter().any(|name| name == label) {
                continue;
            }
            names.push(label.to_owned());
            series.iter_mut().for_each(|(labels, _)| labels.push(label, who));
        }
        Self { families: families.into_iter() }
    }

    /// These and more.
    pub(crate) fn and(self, more: impl IntoIterator<Item = OwnFamily>) -> Self {
        let mut families: Vec<_> = self.families.chain(more).collect();
        families.sort_by(|(a, _), (b, _)| a.identity.name.cmp(&b.identity.name));
        Self { families: families.into_iter() }
    }

    /// Shows those that come before `name`.
    pub(crate) fn visit_before(
        &mut self,
        name: &str,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        while self.families.as_slice().first().is_some_and(|(d, _)| *d.identity.name < *name) {
            self.visit_next(visitor)?;
        }
        Ok(())
    }

    /// Shows those that are left.
    pub(crate) fn visit_rest(&mut self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        while !self.families.as_slice().is_empty() {
            self.visit_next(visitor)?;
        }
        Ok(())
    }

    fn visit_next(&mut self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let Some((desc, series)) = self.families.next() else { return Ok(()) };
        visitor.family(&desc)?;
        for (labels, number) in series {
            let value = match desc.identity.kind {
                Kind::Counter => Value::Counter { total: number, created: None, exemplar: None },
                _ => Value::Gauge { value: number.as_f64() },
            };
            visitor.series(labels.as_labels(), &value)?;
        }
        Ok(())
    }
}
