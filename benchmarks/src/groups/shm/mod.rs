//! What does it cost that processes share their metrics?
//!
//! Other processes are this program, started again with a word that says what is wanted of it. They
//! end when this one does, however that comes about, and so does the folder of the segments.

mod attach;
mod create;
mod folder;
mod memory;
mod scrape;
mod twins;
mod update;
mod writers;

use super::population::{Counters, Exposed, Page, Tally, Text, counters_of};
use super::process::{self, exactly};
use crate::BoxError;
pub(super) use attach::GROUP as ATTACH;
pub(super) use create::GROUP as CREATE;
pub(super) use memory::GROUP as MEMORY;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::Registry;
pub(super) use scrape::GROUP as SCRAPE;
use std::path::Path;
pub(super) use update::GROUP as UPDATE;

/// What a process does that was started for it: it comes back with what it has to say at its end.
type Part = fn(&[String]) -> Result<String, BoxError>;

const PARTS: &[(&str, Part)] = &[
    (folder::KEEPER, folder::keep),
    (twins::TWIN, twins::twin),
    (writers::WRITER, writers::write),
    (writers::GUEST, writers::come_and_go),
    (create::CREATOR, create::create),
    (create::FINDER, create::find),
    (attach::ATTACHER, attach::attach),
    (attach::OPENER, attach::open),
];

/// What the started program has to say, if that is what it was started for.
pub(super) fn answer(arguments: &[String]) -> Option<Result<String, BoxError>> {
    let (word, arguments) = arguments.split_first()?;
    let (_, part) = PARTS.iter().find(|(known, _)| known == word)?;
    Some(part(arguments))
}

/// The word of `local:`, where a path stands otherwise.
const LOCAL: &str = "local:";

/// A registry on the segment of that path, or on this process's memory.
fn registry(place: &str) -> Result<Registry, BoxError> {
    if place == LOCAL {
        return Ok(super::ours::registry());
    }
    Ok(Registry::new(Shm::open(place)?))
}

/// The counters of [`registry`].
fn counters(place: &str, series: usize) -> Result<Box<dyn Counters>, BoxError> {
    counters_of(registry(place)?, series)
}

/// Whether a segment, seen from outside, adds up to this.
fn check(segment: &Path, expected: Tally) -> Result<(), BoxError> {
    check_page(&Text(Reader::open(segment)?), expected)
}

/// Whether the page adds up to this.
fn check_page<E: Exposed + ?Sized>(exposed: &E, expected: Tally) -> Result<(), BoxError> {
    let mut page = Page::default();
    exposed.render(&mut page)?;
    page.check(expected)
}
