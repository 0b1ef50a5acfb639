//! How a case is measured. Knows nothing of any library.

mod blocks;
mod case;
mod cores;
mod effect;
mod figure;
mod gate;
mod rounds;
mod spread;
mod stage;
mod subject;
mod values;

pub use case::{BoxError, Candidate, Case, Group, Work};
pub use effect::{Effect, Mismatch, Reading};
pub use figure::{Figure, Unit};
pub use gate::Gate;
pub use rounds::{Line, Measurement, RunError, Settings, measure};
pub use spread::Spread;
pub use stage::Stage;
pub use subject::{Step, Subject, subject, subject_with_finish};
pub(crate) use values::unit;
pub use values::{CYCLE, values};
