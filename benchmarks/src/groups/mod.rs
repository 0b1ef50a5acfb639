//! The groups. A new one is a module here, and a line in [`ALL`].

mod create;
mod disturb;
mod lookup;
mod ours;
mod population;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod redis;
mod render;
mod scale;
#[cfg(target_os = "linux")]
mod shm;
mod timer;
mod update;

use crate::{BoxError, Group};

/// All groups, in the order they are listed.
pub const ALL: &[Group] = &[
    update::GROUP,
    lookup::GROUP,
    create::GROUP,
    render::GROUP,
    disturb::GROUP,
    scale::GROUP,
    timer::GROUP,
    #[cfg(target_os = "linux")]
    shm::UPDATE,
    #[cfg(target_os = "linux")]
    shm::CREATE,
    #[cfg(target_os = "linux")]
    shm::SCRAPE,
    #[cfg(target_os = "linux")]
    shm::ATTACH,
    #[cfg(target_os = "linux")]
    shm::MEMORY,
    #[cfg(target_os = "linux")]
    redis::UPDATE,
    #[cfg(target_os = "linux")]
    redis::FLUSH,
    #[cfg(target_os = "linux")]
    redis::SCRAPE,
];

/// What this program has to say when a case has started it once more, to measure in a process of its
/// own; `None` if nobody has.
///
/// # Errors
///
/// Whatever keeps it from being measured.
pub fn answer(arguments: &[String]) -> Option<Result<String, BoxError>> {
    let answer = population::answer(arguments);
    #[cfg(target_os = "linux")]
    let answer = answer.or_else(|| shm::answer(arguments)).or_else(|| redis::answer(arguments));
    answer
}
