//! Labels: how they are written, how values become them, and how structs name them.

mod canonical;
mod frame;
mod set;
mod value;

pub use canonical::{Labels, LabelsBuf};
pub(crate) use canonical::{is_ascii, is_canonical, push_escaped, push_pair};
pub(crate) use frame::{Form, Frame, are_values};
pub use set::LabelSet;
pub use value::LabelValue;
