//! What does one update cost, through a handle that was looked up before?

mod counter;
#[cfg(target_os = "linux")]
mod elsewhere;
mod float_counter;
mod floor;
mod gauge;
mod histogram;
mod metrics_facade;
mod opentelemetry_pipeline;
mod summary;
mod up_down_counter;

use crate::{Group, Work};
#[cfg(target_os = "linux")]
pub(super) use elsewhere::{UPDATES, Update};

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
