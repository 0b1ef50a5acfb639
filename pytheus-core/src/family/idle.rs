//! Series that expire because nobody uses them.

use super::core::{Backing, FamilyCore};
use crate::engine;
use std::collections::HashMap;
use std::time::Duration;

/// What is known of the series that may expire.
#[derive(Default)]
pub(super) struct Idle {
    /// By labels.
    last_use: HashMap<String, LastUse>,
    /// When the series were last looked at.
    swept_at: Option<Duration>,
    /// The process in which somebody looks at them now; 0 for nobody.
    sweeper: u64,
}

/// When a series was last seen used, and the number of that use.
#[derive(Clone, Copy)]
struct LastUse {
    number: u64,
    at: Duration,
}

impl FamilyCore {
    /// Whether idle series made room for others. Looking at them costs, so a full family does it
    /// only so often, however many look-ups it gets.
    pub(super) fn make_room(&self) -> bool {
        /// Of the time after which a series is idle.
        const PART: u32 = 16;
        self.expire_idle_every(self.spec.expire_idle.unwrap_or_default() / PART) > 0
    }

    /// Removes the series that nobody held and nobody looked up for as long as the family allows.
    /// Returns how many.
    pub(crate) fn expire_idle(&self) -> usize {
        self.expire_idle_every(Duration::ZERO)
    }

    /// Like [`expire_idle`](Self::expire_idle), unless that was done less than `pause` ago or is being
    /// done.
    fn expire_idle_every(&self, pause: Duration) -> usize {
        let Some(after) = self.spec.expire_idle else { return 0 };
        let now = self.clock.elapsed();
        let generation = engine::generation();
        let before = {
            let mut idle = self.idle.lock();
            let paused = idle.swept_at.is_none_or(|at| now.saturating_sub(at) >= pause);
            if idle.sweeper == generation || !paused {
                return 0;
            }
            idle.sweeper = generation;
            std::mem::take(&mut idle.last_use)
        };
        let mut last_use = HashMap::with_capacity(before.len());
        let is_fresh = |labels: &str, number: u64, held: bool| {
            let last = before.get(labels).filter(|last| last.number == number && !held);
            let last = last.copied().unwrap_or(LastUse { number, at: now });
            last_use.insert(labels.to_owned(), last);
            held || now.saturating_sub(last.at) < after
        };
        let removed = match &self.backing {
            Backing::Striped(family) => family.retain_idle(is_fresh),
            Backing::Cells(family) => family.retain_idle(is_fresh),
        };
        *self.idle.lock() = Idle { last_use, swept_at: Some(now), sweeper: 0 };
        removed
    }
}
