//! pytheus side by side with other metrics libraries.
//!
//! A *group* (`update`, …) is a list of *cases* (`counter_inc`, …); a case is one operation and the
//! *subjects* that can do it: pytheus, the peers, and a floor written by hand. The subjects of a case
//! take turns, block by block, so that whatever disturbs the machine disturbs them alike; after each
//! block a subject is read back, and a total that is not the number of operations ends the run.
//!
//! # Examples
//!
//! ```
//! use pytheus_benchmarks::{Candidate, Case, Effect, Reading, Settings, Work, measure, subject};
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
//!
//! let case = Case::new("add", "adds one to an integer", Work::Steady { least_ops: 1_000 })
//!     .effect(Effect::Adds(&[1.0]))
//!     .candidate(Candidate::new("floor", "AtomicU64", || {
//!         let total = Arc::new(AtomicU64::new(0));
//!         let reader = total.clone();
//!         Ok(subject(
//!             move || total.clone(),
//!             |total, _| { total.fetch_add(1, Relaxed); },
//!             move || Ok(Reading::Number(reader.load(Relaxed) as f64)),
//!         ))
//!     }));
//!
//! let settings = Settings { rounds: 7, ..Settings::quick() };
//! let result = measure("example", &case, 1, &settings)?;
//! assert_eq!(result[0].lines[0].samples.len(), 7);
//! # Ok::<(), pytheus_benchmarks::RunError>(())
//! ```

#![forbid(unsafe_code)]

pub mod cli;
pub mod groups;
mod harness;
mod readback;
mod report;

pub(crate) use harness::unit;
pub use harness::{
    BoxError, CYCLE, Candidate, Case, Effect, Figure, Gate, Group, Line, Measurement, Mismatch,
    Reading, RunError, Settings, Spread, Stage, Step, Subject, Unit, Work, measure, subject,
    subject_with_finish, values,
};
pub use readback::{ReadError, each, histogram, sample};
pub use report::{PEERS, Report, Version, table, versions};
