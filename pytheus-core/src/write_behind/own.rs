//! What a client tells about itself at a scrape:
//!
//! - `pytheus_store_lag_seconds`: how old the oldest update may be that the store was not told of.
//! - `pytheus_store_unacknowledged_changes`: how many changes are on their way.
//! - `pytheus_store_batches_total`, `pytheus_store_failures_total`, `pytheus_store_refused_total`,
//!   `pytheus_store_gaps_total`: batches acknowledged, answers that failed, changes that the store would
//!   not have, and how often it had lost what could not be told again.
//! - `pytheus_store_unavailable`: 1 where a scrape shows this process alone, because the store could not
//!   be reached.
//!
//! They are there once a batch was sent or failed. Each process shows its own, so they bear the label that
//! tells gauges of several clients apart: a page that now one process answers and now another shows no
//! counter that goes backwards.

use super::shared::Shared;
use crate::backend::{Collection, Visit};
use crate::engine::OwnEvents;
use crate::labels::{Labels, LabelsBuf};
use crate::own_metrics::{OwnFamily, OwnMetrics};
use crate::visit::{FamilyDesc, Identity, Kind, Number, Stop, Value, Visitor};

pub(super) fn metrics(shared: &Shared) -> OwnMetrics {
    let OwnEvents { families, lost } = shared.engine.own_events();
    let families = families.iter().map(|(name, events)| (name.as_str(), *events));
    let own = OwnMetrics::new(families, lost).and(of_store(shared));
    own.told_by(&shared.options.client_label, &shared.options.name())
}

fn of_store(shared: &Shared) -> Vec<OwnFamily> {
    let status = shared.status();
    if status.batches == 0 && status.failures == 0 {
        return Vec::new();
    }
    let one = |kind, name: &str, help: &str, value| {
        (FamilyDesc::new(Identity::new(name, kind), help), vec![(LabelsBuf::default(), value)])
    };
    let (counter, gauge) = (Kind::Counter, Kind::Gauge);
    let mut families = vec![
        one(
            counter,
            "pytheus_store_batches_total",
            "Batches that the store acknowledged to this process",
            Number::Int(status.batches),
        ),
        one(
            counter,
            "pytheus_store_failures_total",
            "How often the store did not answer this process as it should",
            Number::Int(status.failures),
        ),
        one(
            gauge,
            "pytheus_store_lag_seconds",
            "How old the oldest update of this process may be that the store was not told of",
            Number::Float(status.lag.as_secs_f64()),
        ),
        one(
            gauge,
            "pytheus_store_unacknowledged_changes",
            "Changes of this process that are on their way to the store",
            Number::Int(status.unacknowledged),
        ),
    ];
    if status.refused > 0 {
        families.push(one(
            counter,
            "pytheus_store_refused_total",
            "How often the store would not have a change of this process",
            Number::Int(status.refused),
        ));
    }
    if status.gaps > 0 {
        families.push(one(
            counter,
            "pytheus_store_gaps_total",
            "How often the store had lost what this process could not tell again",
            Number::Int(status.gaps),
        ));
    }
    families
}

/// What this process knows by itself, marked as such.
pub(super) fn view(shared: &Shared) -> Collection {
    let mark = (
        FamilyDesc::new(
            Identity::new("pytheus_store_unavailable", Kind::Gauge),
            "Whether this page shows one process alone, because the store could not be reached",
        ),
        vec![(LabelsBuf::default(), Number::Int(1))],
    );
    // The mark is about the page, not told by this client alone.
    let own = metrics(shared).and([mark]);
    let engine = crate::Storage::striped(shared.engine.clone()).collect();
    Collection::new(OwnView { engine, own })
}

struct OwnView {
    engine: Collection,
    own: OwnMetrics,
}

impl Visit for OwnView {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let mut own = self.own.clone();
        self.engine.visit(&mut Merge { own: &mut own, visitor, is_engines_own: false })?;
        own.visit_rest(visitor)
    }
}

struct Merge<'a> {
    own: &'a mut OwnMetrics,
    visitor: &'a mut dyn Visitor,
    /// What the engine tells about itself is among `own`.
    is_engines_own: bool,
}

impl Visitor for Merge<'_> {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.is_engines_own = family.identity.name.starts_with("pytheus_");
        if self.is_engines_own {
            return Ok(());
        }
        self.own.visit_before(&family.identity.name, self.visitor)?;
        self.visitor.family(family)
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if self.is_engines_own { Ok(()) } else { self.visitor.series(labels, value) }
    }
}
