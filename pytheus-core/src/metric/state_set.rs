//! State sets.

use super::{At, handle};
use crate::cells::{Cells, GaugeCell};
use crate::engine::GaugeCells;
use crate::primitive::{AtomicU64, Ordering};
use crate::visit::FamilyDesc;
use crate::{BackendError, LabelError, Labels};
use std::sync::Arc;

/// Named states, each on or off, exported as one sample per state.
///
/// All states of a series are one word: a scrape never sees half a change.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let door = registry.state_set("door", "The door").states(["open", "shut"]).register()?;
/// door.only("shut")?;
/// assert_eq!(registry.value("door", [("door", "shut")])?, Some(1.0));
/// assert_eq!(registry.value("door", [("door", "open")])?, Some(0.0));
/// assert!(door.only("ajar").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct StateSet {
    at: At<StatesCell>,
    desc: Arc<FamilyDesc>,
}

handle!(StateSet, StatesCell, States, StatesCell::open);

impl StateSet {
    /// How many states a set can have: the whole numbers that a float cell holds exactly.
    pub const MAX_STATES: usize = 52;

    fn from_parts(at: At<StatesCell>, desc: &Arc<FamilyDesc>) -> Self {
        Self { at, desc: desc.clone() }
    }

    /// Turns one state on or off, and leaves the others alone.
    ///
    /// # Errors
    ///
    /// [`LabelError::State`] if there is no such state; nothing changes then.
    pub fn set(&self, state: &str, active: bool) -> Result<(), LabelError> {
        let bit = self.bit(state)?;
        self.change(|bits| if active { bits | bit } else { bits & !bit });
        Ok(())
    }

    /// Turns one state on and all others off.
    ///
    /// # Errors
    ///
    /// [`LabelError::State`] if there is no such state; nothing changes then.
    pub fn only(&self, state: &str) -> Result<(), LabelError> {
        let bit = self.bit(state)?;
        self.change(|_| bit);
        Ok(())
    }

    /// Whether a state is on; `None` if there is no such state, or if the backend does not read back
    /// what it is told.
    pub fn is_active(&self, state: &str) -> Option<bool> {
        let bit = self.bit(state).ok()?;
        let bits = match &self.at {
            At::Striped(place) => place.shared().load(Ordering::Relaxed),
            At::Cell(cell) => cell.get()?,
        };
        Some(bits & bit != 0)
    }

    fn change(&self, change: impl Fn(u64) -> u64) {
        match &self.at {
            At::Striped(place) => {
                let changed = |bits| Some(change(bits));
                // Never fails: `changed` always has an answer.
                let _ = place.shared().fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
                if matches!(place.gauge_cells(), GaugeCells::Tracked) {
                    place.note_set();
                }
            }
            At::Cell(cell) => cell.change(change),
        }
    }

    fn bit(&self, state: &str) -> Result<u64, LabelError> {
        let declared = &self.desc.identity.states;
        match declared.iter().position(|declared| declared == state) {
            Some(place) if place < Self::MAX_STATES => Ok(1 << place),
            _ => Err(LabelError::State {
                family: self.desc.identity.name.clone(),
                state: state.to_owned(),
                declared: declared.clone(),
            }),
        }
    }
}

/// A gauge cell whose value is the states, as bits.
#[allow(unreachable_pub, missing_debug_implementations, reason = "named by a sealed trait")]
pub struct StatesCell {
    cell: Arc<dyn GaugeCell>,
    /// What it was told last, for cells that cannot be asked.
    told: AtomicU64,
}

impl StatesCell {
    fn open(
        cells: &dyn Cells,
        desc: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<Self>, BackendError> {
        Ok(Arc::new(Self { cell: cells.gauge(desc, labels)?, told: AtomicU64::new(0) }))
    }

    pub(crate) fn get(&self) -> Option<u64> {
        self.cell.get().map(|value| value as u64)
    }

    fn change(&self, change: impl Fn(u64) -> u64) {
        if let Some(bits) = self.get() {
            // A cell has no compare-and-swap: of two changes at once one may be lost.
            return self.cell.set(change(bits) as f64);
        }
        let changed = |bits| Some(change(bits));
        // Never fails: `changed` always has an answer.
        let _ = self.told.fetch_update(Ordering::AcqRel, Ordering::Relaxed, changed);
        let mut told = self.told.load(Ordering::Relaxed);
        loop {
            self.cell.set(told as f64);
            // A write, so that a change after it is told after this one; a change before it is told
            // again. So the cell is told last what all changes come to.
            match self.told.fetch_or(0, Ordering::AcqRel) {
                same if same == told => return,
                newer => told = newer,
            }
        }
    }
}
