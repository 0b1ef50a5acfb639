//! How a case is measured. Knows nothing of any library.

mod case;
mod cores;
mod effect;
mod gate;
mod rounds;
mod spread;
mod subject;
mod values;

pub use case::{BoxError, Candidate, Case, Group, Work};
pub use effect::{Effect, Mismatch, Reading};
pub use gate::Gate;
pub use rounds::{Line, Measurement, RunError, Settings, measure};
pub use spread::Spread;
pub use subject::{Step, Subject, subject, subject_with_finish};
pub(crate) use values::unit;
pub use values::{CYCLE, values};
