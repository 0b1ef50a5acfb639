//! What pytheus does here, for other groups that do it on other registries.

use super::{counter, float_counter, gauge, histogram, up_down_counter};
use crate::{BoxError, Effect, Subject};
use pytheus_core::Registry;

/// An update, on whatever registry.
pub(in crate::groups) struct Update {
    /// The case.
    pub(in crate::groups) name: &'static str,
    pub(in crate::groups) about: &'static str,
    pub(in crate::groups) effect: Effect,
    /// A metric of the registry's, and its updates.
    pub(in crate::groups) pytheus: fn(Registry) -> Result<Box<dyn Subject>, BoxError>,
    /// The same with plain cells of each thread's own, if that can be the same.
    pub(in crate::groups) own_cells: Option<Cells>,
}

type Cells = fn() -> Result<Box<dyn Subject>, BoxError>;

/// The updates that cost something else than one of the others.
pub(in crate::groups) const UPDATES: [Update; 5] = [
    Update {
        name: "counter_inc",
        about: "a counter goes up by one",
        effect: Effect::Adds(&[1.0]),
        pytheus: counter::pytheus,
        own_cells: Some(counter::thread_local),
    },
    Update {
        name: "float_counter_inc",
        about: "a counter goes up by 0.5",
        effect: Effect::Adds(&[float_counter::AMOUNT]),
        pytheus: float_counter::pytheus,
        own_cells: Some(float_counter::thread_local),
    },
    Update {
        name: "gauge_set",
        about: "a gauge is set to a value",
        effect: Effect::Sets,
        pytheus: gauge::pytheus_set,
        own_cells: None,
    },
    Update {
        name: "up_down_counter",
        about: "one more (three times of four) or one less",
        effect: Effect::Adds(&up_down_counter::PATTERN),
        pytheus: up_down_counter::pytheus,
        own_cells: Some(up_down_counter::thread_local),
    },
    Update {
        name: "histogram_observe",
        about: "a histogram with 11 buckets observes a value",
        effect: Effect::Observes,
        pytheus: histogram::pytheus,
        own_cells: Some(histogram::thread_local),
    },
];
