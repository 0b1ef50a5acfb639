//! The cells: one per series, each knowing what its updates are in lines.

use crate::line::{Line, Outlet};
use pytheus_core::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
use pytheus_core::{BackendError, FamilyDesc, Kind, Labels, Number};
use std::sync::Arc;

/// Hands out the cells. The core asks once per series and keeps what it gets.
pub(crate) struct Lines {
    pub(crate) prefix: Option<String>,
    pub(crate) outlet: Arc<Outlet>,
}

/// A cell, or why there is none; here there always is one.
type Made<C> = Result<Arc<C>, BackendError>;

impl Lines {
    /// All that is the same in every update is made here, once.
    fn line(&self, family: &FamilyDesc, labels: Labels<'_>, state: Option<&str>) -> Line {
        let name = &family.identity.name;
        let mut line = Line::new(self.prefix.as_deref(), name, self.outlet.clone());
        labels.iter().for_each(|(name, value)| line.tag(&name, &value));
        state.into_iter().for_each(|state| line.tag(name, state));
        line
    }
}

impl Cells for Lines {
    fn counter(&self, family: &FamilyDesc, labels: Labels<'_>) -> Made<dyn CounterCell> {
        Ok(Arc::new(self.line(family, labels, None)))
    }

    // Gauges, up-down counters and infos, which are set to 1; and state sets, which need more lines.
    fn gauge(&self, family: &FamilyDesc, labels: Labels<'_>) -> Made<dyn GaugeCell> {
        if family.identity.kind == Kind::StateSet {
            let states = family.identity.states.iter();
            let lines = states.map(|state| self.line(family, labels, Some(state)));
            return Ok(Arc::new(States(lines.collect())));
        }
        Ok(Arc::new(self.line(family, labels, None)))
    }

    // Histograms and summaries.
    fn histogram(&self, family: &FamilyDesc, labels: Labels<'_>) -> Made<dyn HistogramCell> {
        Ok(Arc::new(self.line(family, labels, None)))
    }
}

// No cell has a `get` or `read`: the provided ones say that values are never read back.

impl CounterCell for Line {
    fn add(&self, amount: Number) {
        let amount = amount.as_f64();
        self.send(amount, format_args!("{amount}|c"));
    }
}

impl GaugeCell for Line {
    fn set(&self, value: f64) {
        if value.is_sign_negative() {
            // A sign moves the gauge, so this is from zero.
            let Self { name, tags, .. } = self;
            self.send(value, format_args!("0|g{tags}\n{name}:{value}|g"));
        } else {
            self.send(value, format_args!("{value}|g"));
        }
    }

    fn add(&self, amount: f64) {
        self.send(amount, format_args!("{amount:+}|g"));
    }
}

impl HistogramCell for Line {
    fn observe(&self, value: f64) {
        self.send(value, format_args!("{value}|h"));
    }
}

/// A state set: a line for each state, which the core tells as the bits of a whole number.
struct States(Vec<Line>);

impl GaugeCell for States {
    fn set(&self, states: f64) {
        for (place, line) in self.0.iter().enumerate() {
            let is_on = states as u64 >> place & 1 == 1;
            line.set(f64::from(is_on));
        }
    }

    /// States are set, never moved.
    fn add(&self, _: f64) {}
}
