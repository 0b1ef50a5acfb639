//! What does one update cost, through a handle that was looked up before?

mod counter;
mod float_counter;
mod floor;
mod gauge;
mod histogram;
mod metrics_facade;
mod opentelemetry_pipeline;
mod summary;
mod up_down_counter;

use crate::{BoxError, Effect, Group, Subject, Work};
use pytheus_core::Registry;

pub(super) const GROUP: Group = Group {
    name: "update",
    about: "one update through a handle",
    cases: || {
        vec![
            counter::case(),
            float_counter::case(),
            gauge::set(),
            gauge::add(),
            up_down_counter::case(),
            histogram::case(),
            summary::case(),
        ]
    },
};

/// A block of a million updates lasts a millisecond at least: 10⁴ times the clock's resolution.
pub(super) const BLOCK: Work = Work::Steady { least_ops: 1_000_000 };

/// All threads update one and the same metric.
const THREADS: [usize; 2] = [1, 2];

/// What pytheus does here, on whatever registry.
pub(super) struct Update {
    /// The case.
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) effect: Effect,
    /// A metric of the registry's, and its updates.
    pub(super) pytheus: fn(Registry) -> Result<Box<dyn Subject>, BoxError>,
    /// The same with plain cells of each thread's own, if that can be the same.
    pub(super) own_cells: Option<Cells>,
}

type Cells = fn() -> Result<Box<dyn Subject>, BoxError>;

/// The updates that cost something else than one of the others.
pub(super) const UPDATES: [Update; 5] = [
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

/// The metric's name, and its help, wherever a library wants them.
const NAME: &str = "operations";
const HELP: &str = "What is measured";

/// How many updates a library that buffers them in the thread makes between two flushes: enough that
/// the flush itself is lost in the figure.
const UPDATES_PER_FLUSH: usize = 1024;

const FLUSH_NOTE: &str = "kept in an unshared object, flushed to the shared one every 1024 updates; \
                          until then a scrape misses them";

const CELLS_NOTE: &str = "counts on the allocator to keep the threads' cells on different cache lines; \
                          with the system's, two may share one, and runs differ";
