//! The groups. A new one is a module here, and a line in [`ALL`].

mod lookup;
mod ours;
mod timer;
mod update;

use crate::Group;

/// All groups, in the order they are listed.
pub const ALL: &[Group] = &[update::GROUP, lookup::GROUP, timer::GROUP];
