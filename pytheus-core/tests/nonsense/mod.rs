//! Names, texts, numbers and collectors that nobody should write, and a few that are fine.

pub(crate) mod collectors;
pub(crate) mod plan;
pub(crate) mod registering;
