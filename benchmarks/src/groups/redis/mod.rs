//! What does it cost that metrics are kept in Redis?
//!
//! Each subject has a `redis-server` of its own, which ends with this process. Other processes are this
//! program, started again with a word that says what is wanted of it.

mod consistency;
mod flush;
mod memory;
mod pages;
mod scrape;
mod series;
mod server;
mod unguarded;
mod update;

use super::population::{Exposed, Page, Tally, Text};
use crate::BoxError;
pub(super) use flush::GROUP as FLUSH;
use pytheus_core::Registry;
pub(super) use scrape::GROUP as SCRAPE;
pub(super) use update::GROUP as UPDATE;

/// What a process does that was started for it: it comes back with what it has to say at its end.
type Part = fn(&[String]) -> Result<String, BoxError>;

const PARTS: &[(&str, Part)] = &[
    (pages::READER, pages::read),
    (memory::KEEPER, memory::keep),
    (consistency::OBSERVER, consistency::observe),
];

/// What the started program has to say, if that is what it was started for.
pub(super) fn answer(arguments: &[String]) -> Option<Result<String, BoxError>> {
    let (word, arguments) = arguments.split_first()?;
    let (_, part) = PARTS.iter().find(|(known, _)| known == word)?;
    Some(part(arguments))
}

/// Whether a page of the registry, which is read from the server, adds up to this.
fn check(registry: &Registry, expected: Tally) -> Result<(), BoxError> {
    let mut page = Page::default();
    Text(registry.clone()).render(&mut page)?;
    page.check(expected)
}
