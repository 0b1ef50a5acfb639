//! Families: a name, a type and labels, narrowed label by label into handles.

mod builder;
mod core;
mod fixed;
mod idle;
mod key;
mod open;
mod partial;
mod spec;
mod typed;

pub use builder::{Bare, FamilyBuilder, Named, Open, Runtime, Shape, Typed};
pub(crate) use core::{Context, FamilyCore};
pub use fixed::Family;
pub use open::OpenFamily;
pub use partial::Partial;
pub(crate) use spec::{LabelSpec, MAX_BUCKETS, MAX_HELP_BYTES, Spec};
pub use typed::TypedFamily;
