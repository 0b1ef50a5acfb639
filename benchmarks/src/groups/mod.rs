//! The groups. A new one is a module here, and a line in [`ALL`].

mod create;
mod ours;
mod population;
mod render;
mod update;

use crate::Group;

/// All groups, in the order they are listed.
pub const ALL: &[Group] = &[update::GROUP, create::GROUP, render::GROUP];
