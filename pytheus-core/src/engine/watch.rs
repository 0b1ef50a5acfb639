//! Looking at an engine again and again: for whoever carries to elsewhere what changed.
//!
//! Every family keeps its list of entries, and an entry its place in it. So whoever looks keeps what it
//! saw last in the same order, and a look is a linear pass over both.

use super::Engine;
use super::entries::{Key, State, state};
use super::exemplars;
use super::native::{NativeTotals, Scale};
use super::place::layout;
use super::read;
use super::series::{Family, is_still, read_key};
use super::slots::Stripe;
use super::tracked;
use super::visited::Visited;
use crate::RegisterError;
use crate::labels::Labels;
use crate::own_metrics::Events;
use crate::primitive::Ordering;
use crate::visit::{Exemplar, FamilyDesc, Identity, Kind};
use std::sync::Arc;
use std::time::SystemTime;

/// Is told what a look does not show. Called by whoever does it, so it must be quick.
pub(crate) trait Watcher: Send + Sync {
    /// A family is about to be registered in this process.
    ///
    /// # Errors
    ///
    /// If those who watch know of one that differs.
    fn admit(&self, desc: &FamilyDesc, replace: bool) -> Result<(), RegisterError>;

    /// A series is to be removed everywhere, whether it is here or not.
    fn remove(&self, family: &FamilyId, key: &str);

    /// A series is about to be removed here, because nobody used it, unless somebody does just now:
    /// `remove` removes it and says whether it did, and then what it held is final.
    fn expire(
        &self,
        family: &FamilyId,
        key: &str,
        look: &Look<'_>,
        remove: &mut dyn FnMut() -> bool,
    ) -> bool;

    /// A family is to be removed everywhere; whether it was anywhere.
    fn unregister(&self, name: &str) -> bool;
}

/// Which family, of all that were and will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FamilyId {
    pub(super) at: u32,
    pub(super) registered: State,
}

/// What a series was seen to hold.
pub(crate) struct Look<'a> {
    /// The entry, by which its labels are [read](Family::labels_of) again.
    pub(crate) at: u32,
    /// Tells the series from all others that had the entry.
    pub(crate) unique: u64,
    /// The [`Numbers`].
    pub(crate) values: &'a [u64],
    /// Whether a gauge or a state set was set since the last look.
    pub(crate) was_set: bool,
    created: u64,
    cells: u32,
}

/// Which numbers of a family's series are looked at, and how many.
///
/// Of a counter and of an up-down counter they are the whole ones and the sum of fractions; of a
/// summary, the count and the sum; of a histogram, the buckets and then the sum; of a native one, what
/// [`NativeTotals`] list; of a gauge and of a state set, the value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    kind: Kind,
    buckets: usize,
    native: Option<Scale>,
}

impl Numbers {
    pub(crate) fn of(identity: &Identity) -> Self {
        let native = identity.native.filter(|_| identity.kind == Kind::Histogram);
        Self {
            kind: identity.kind,
            buckets: identity.buckets.len() + 1,
            native: native.map(Scale::new),
        }
    }

    pub(crate) fn width(&self) -> usize {
        match (self.kind, self.native) {
            (Kind::Counter | Kind::UpDownCounter | Kind::Summary, _) => 2,
            (Kind::Histogram, None) => self.buckets + 1,
            (Kind::Histogram, Some(scale)) => scale.width(),
            (Kind::Gauge | Kind::StateSet, _) => 1,
            (Kind::Info | Kind::Unknown, _) => 0,
        }
    }
}

/// What looks need room for, used again from look to look.
#[derive(Default)]
pub(crate) struct LookScratch {
    values: Vec<u64>,
    stripes: Vec<(u32, Stripe)>,
    native: NativeTotals,
}

// SAFETY: it holds addresses of stripes, which any thread may read, and which it fills anew before use.
unsafe impl Send for LookScratch {}

impl LookScratch {
    /// Makes room for such families, and for all stripes there can be, so that looks allocate nothing.
    pub(crate) fn reserve(&mut self, engine: &Engine, numbers: &Numbers) {
        self.values.clear();
        // Behind what they come to, they are added up.
        self.values.reserve(2 * numbers.width());
        self.stripes.clear();
        self.stripes.reserve(engine.arena.geometry.stripes() as usize);
        if let Some(scale) = &numbers.native {
            self.native.reserve(scale);
        }
    }
}

/// How often the engine was told of refusals, by family, and how many updates found no place.
pub(crate) struct OwnEvents {
    pub(crate) families: Vec<(String, Events)>,
    pub(crate) lost: u64,
}

impl Engine {
    /// The same engine, watched.
    pub(crate) fn watched(self, watcher: Arc<dyn Watcher>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// The families there are.
    pub(crate) fn look_at_families(&self) -> Vec<(FamilyDesc, Family)> {
        self.families(&mut Visited::new(self.arena))
    }

    /// Entries that are numbered below this were there when this was asked.
    pub(crate) fn now(&self) -> u64 {
        self.arena.epoch()
    }

    /// What the engine tells about itself.
    pub(crate) fn own_events(&self) -> OwnEvents {
        let families = self.look_at_families().into_iter();
        let families = families
            .map(|(desc, family)| (desc.identity.name, family.body().events(self.arena)))
            .collect();
        OwnEvents { families, lost: self.arena.lost() }
    }
}

impl Family {
    pub(crate) fn id(&self) -> FamilyId {
        FamilyId { at: self.at, registered: self.registered }
    }

    /// Looks at the places in the list of series, in order, beginning at `from`, and at the numbers of
    /// those that are shown, as long as `see` says so.
    pub(crate) fn look(
        &self,
        numbers: &Numbers,
        scratch: &mut LookScratch,
        from: usize,
        mut see: impl FnMut(usize, Option<Look<'_>>) -> bool,
    ) {
        let arena = self.arena();
        arena.list_stripes(&mut scratch.stripes);
        for (place, at) in self.body().series.iter(arena).enumerate().skip(from) {
            if !see(place, self.look_at(at, numbers, scratch)) {
                break;
            }
        }
    }

    fn look_at<'s>(
        &self,
        at: u32,
        numbers: &Numbers,
        scratch: &'s mut LookScratch,
    ) -> Option<Look<'s>> {
        let arena = self.arena();
        let LookScratch { values, stripes, native } = scratch;
        let entry = arena.entry(at);
        let seen = entry.state();
        let cells = entry.body.load(Ordering::Relaxed);
        if !seen.is_shown() || !arena.is_run(cells, self.run) {
            return None;
        }
        let created = entry.created_millis();
        let held = stripes.iter().filter(|(limit, _)| cells < *limit).map(|(_, stripe)| *stripe);
        values.clear();
        let mut was_set = false;
        match numbers.kind {
            Kind::Counter => values.extend(read::counter_parts(held, cells)),
            Kind::UpDownCounter => values.extend(read::up_down_parts(held, cells)),
            Kind::Summary => {
                let (count, sum) = read::summary(held, cells);
                values.extend([count, sum.to_bits()]);
            }
            Kind::Histogram => match &numbers.native {
                Some(scale) => {
                    native.read(held, cells, scale);
                    native.list(scale, values);
                }
                None => {
                    let sum = read::histogram(held, cells, numbers.buckets, values);
                    values.push(sum.to_bits());
                }
            },
            Kind::Gauge | Kind::StateSet => {
                was_set = tracked::take_mark(arena, cells);
                let value = arena.shared_cell(cells + layout::VALUE);
                values.push(value.load(Ordering::Acquire));
            }
            Kind::Info | Kind::Unknown => {}
        }
        // Or else they could be the numbers of another series.
        is_still(entry, seen).then(|| Look {
            at,
            unique: unique(seen),
            values: &values[..],
            was_set,
            created,
            cells,
        })
    }

    /// Has `remove` remove a series that nobody uses, and whoever watches know what it held; whether it
    /// did.
    pub(super) fn remove_watched(
        &self,
        at: u32,
        key: &str,
        mut remove: impl FnMut() -> bool,
    ) -> bool {
        let Some(watcher) = &self.engine.watcher else { return remove() };
        let Some(desc) = self.engine.describe(self.at) else { return remove() };
        let mut scratch = LookScratch::default();
        self.arena().list_stripes(&mut scratch.stripes);
        match self.look_at(at, &Numbers::of(&desc.identity), &mut scratch) {
            Some(look) => watcher.expire(&self.id(), key, &look, &mut remove),
            None => remove(),
        }
    }

    /// What tells the series with this key from all others, if there is one that is shown.
    pub(crate) fn unique_of(&self, key: &str) -> Option<u64> {
        let arena = self.arena();
        let key = Key::new(arena, key.as_bytes());
        let at = self.body().index.locate(arena, key)?;
        let seen = arena.entry(at).state();
        (arena.text_is(at, key) && is_still(arena.entry(at), seen) && seen.is_shown())
            .then(|| unique(seen))
    }

    /// Copies the key of a series that was looked at; when it was made, if it is the same still.
    pub(crate) fn labels_of(
        &self,
        at: u32,
        unique_then: u64,
        text: &mut Vec<u8>,
    ) -> Option<SystemTime> {
        let created = self.arena().entry(at).created();
        let seen = read_key(self.arena(), at, text)?;
        (unique(seen) == unique_then).then_some(created)
    }

    /// Whether any series of the family ever had an exemplar.
    pub(crate) fn has_exemplars(&self) -> bool {
        self.body().has_exemplars.load(Ordering::Acquire) != 0
    }
}

impl Look<'_> {
    /// Whether the series was there when the engine said it was [`now`](Engine::now).
    pub(crate) fn is_older(&self, now: u64) -> bool {
        State::of_word(self.unique).is_older(now)
    }

    /// A look at a series of which these parts were kept.
    pub(crate) fn of_parts(
        at: u32,
        unique: u64,
        values: &[u64],
        was_set: bool,
        created: SystemTime,
    ) -> Look<'_> {
        let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Look { at, unique, values, was_set, created: created.as_millis() as u64, cells: 0 }
    }

    /// When the series was made.
    pub(crate) fn created(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(self.created)
    }

    /// The exemplar of a counter, or of a bucket of a histogram.
    pub(crate) fn exemplar(&self, family: &Family, bucket: usize, see: impl FnOnce(&Exemplar<'_>)) {
        const _: () = assert!(layout::WHOLE < layout::BUCKETS);
        let first = if family.run == 3 { layout::WHOLE } else { layout::BUCKETS };
        let read = exemplars::read(family.arena(), self.cells + first + bucket as u32);
        if let Some(read) = read {
            see(&Exemplar::new(Labels::from_canonical(&read.text), read.value, read.at));
        }
    }
}

/// What stays the same of the state of a series as long as it is shown.
fn unique(seen: State) -> u64 {
    seen.with(state::LIVE).word()
}
