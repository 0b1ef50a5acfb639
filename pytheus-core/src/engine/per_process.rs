//! Gauges with a value for each process.
//!
//! The word that holds the value of a shared gauge holds the first of a list of nodes here, one for each
//! process that set the gauge. A node is written by its process alone. The node of a process that is
//! dead is taken over by the next process that needs one; what the dead one's value means to the total
//! is kept in the node.
//!
//! A process finds its node again by what it notes in its [`Mirror`](super::mirror::Mirror).

use super::arena::Arena;
use super::fork::ForkMutex;
use super::place::{Place, layout};
use super::records::{NO_RECORD, Record};
use super::ticks::since_boot;
use super::visited::Visited;
use crate::labels::{Labels, push_pair};
use crate::primitive::{AtomicU32, AtomicU64, Ordering, fence};
use crate::visit::{GaugeMode, Stop, Value, Visitor};

/// What one process set a gauge to, and what others did that had the node before.
#[repr(C)]
pub(super) struct Node {
    next: AtomicU32,
    _unused: AtomicU32,
    /// The process that may write; 0 for nobody.
    owner: AtomicU64,
    /// The process whose value it is: the owner, once it has put away what it found.
    of: AtomicU64,
    /// That process' number in its system.
    pid: AtomicU64,
    /// A float, or [`UNSET`].
    value: AtomicU64,
    /// Nanoseconds since the system started, not standing still while it sleeps: when it was set.
    at: AtomicU64,
    /// What the values of former owners come to: a float, or [`UNSET`].
    base: AtomicU64,
    /// What `base` is about to become.
    next_base: AtomicU64,
    /// Odd while value and base change at once: `next_base` holds, and the value is not set.
    folding: AtomicU64,
}

#[cfg(test)]
impl Node {
    pub(super) const OFFSETS: [usize; 9] = {
        use std::mem::offset_of;
        [
            offset_of!(Self, next),
            offset_of!(Self, owner),
            offset_of!(Self, of),
            offset_of!(Self, pid),
            offset_of!(Self, value),
            offset_of!(Self, at),
            offset_of!(Self, base),
            offset_of!(Self, next_base),
            offset_of!(Self, folding),
        ]
    };
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Node {}

/// No value: one of the many floats that are none, and not one that arithmetic makes.
const UNSET: u64 = 0x7FF4_5072_6F6D_0000;

/// How many values of dead processes are shown of a gauge that shows them.
const MOST_DEAD: usize = 64;

/// Where a walk through the nodes of a gauge ends, should it lead in a circle.
const MOST_NODES: usize = 1 << 16;

/// A mode with a value for each process, in four bits; 0 for the others. [`GaugeMode::MostRecent`] is
/// one of the others: to show who wrote last, one value for all is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ModeCode(pub(super) u8);

const CODES: [GaugeMode; 9] = [
    GaugeMode::All,
    GaugeMode::Min,
    GaugeMode::Max,
    GaugeMode::Sum,
    GaugeMode::LiveAll,
    GaugeMode::LiveMin,
    GaugeMode::LiveMax,
    GaugeMode::LiveSum,
    GaugeMode::LiveMostRecent,
];

impl ModeCode {
    /// One value for all, and whether it was set.
    pub(super) const TRACKED: Self = Self(CODES.len() as u8 + 1);

    pub(super) fn new(mode: GaugeMode) -> Self {
        Self(CODES.iter().position(|code| *code == mode).map_or(0, |at| at as u8 + 1))
    }

    pub(super) fn is_per_process(self) -> bool {
        self.mode().is_some()
    }

    #[inline(always)]
    pub(super) fn mode(self) -> Option<GaugeMode> {
        if self.0 == 0 { None } else { CODES.get(usize::from(self.0) - 1).copied() }
    }
}

/// Whether the dead are forgotten.
fn is_live(mode: GaugeMode) -> bool {
    matches!(
        mode,
        GaugeMode::LiveAll
            | GaugeMode::LiveMin
            | GaugeMode::LiveMax
            | GaugeMode::LiveSum
            | GaugeMode::LiveMostRecent
    )
}

/// What two values come to.
fn fold(mode: GaugeMode, a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let (Some(first), Some(second)) = (a, b) else { return a.or(b) };
    Some(match mode {
        // Not `f64::min`: where a value is none, so is the least of them.
        GaugeMode::Min | GaugeMode::LiveMin if first <= second || first.is_nan() => first,
        GaugeMode::Max | GaugeMode::LiveMax if first >= second || first.is_nan() => first,
        GaugeMode::Sum | GaugeMode::LiveSum => first + second,
        _ => second,
    })
}

fn as_value(bits: u64) -> Option<f64> {
    (bits != UNSET).then(|| f64::from_bits(bits))
}

fn as_bits(value: Option<f64>) -> u64 {
    value.map_or(UNSET, f64::to_bits)
}

/// A node as a scrape finds it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    of: u64,
    pid: u64,
    value: Option<f64>,
    at: u64,
    base: Option<f64>,
}

impl Node {
    fn read(&self) -> Seen {
        let read = || Seen {
            of: self.of.load(Ordering::Relaxed),
            pid: self.pid.load(Ordering::Relaxed),
            value: as_value(self.value.load(Ordering::Relaxed)),
            at: self.at.load(Ordering::Relaxed),
            base: as_value(self.base.load(Ordering::Relaxed)),
        };
        loop {
            let folding = self.folding.load(Ordering::Acquire);
            let next_base = as_value(self.next_base.load(Ordering::Relaxed));
            let seen = read();
            fence(Ordering::Acquire);
            if self.folding.load(Ordering::Relaxed) == folding {
                // Even: at rest.
                return match folding % 2 {
                    0 => seen,
                    _ => Seen { base: next_base, value: None, ..seen },
                };
            }
        }
    }

    /// Puts away what a dead owner left. Only the new owner may call it; it may die as well, the next
    /// one does it again.
    fn renew(&self, me: u64, mode: GaugeMode) {
        let mut folding = self.folding.load(Ordering::Acquire);
        if folding.is_multiple_of(2) {
            let base = as_value(self.base.load(Ordering::Relaxed));
            let value = as_value(self.value.load(Ordering::Relaxed));
            let next = match mode {
                GaugeMode::Min | GaugeMode::Max | GaugeMode::Sum => fold(mode, base, value),
                _ => None,
            };
            self.next_base.store(as_bits(next), Ordering::Relaxed);
            folding = folding.wrapping_add(1);
            self.folding.store(folding, Ordering::Release);
        }
        fence(Ordering::Release);
        self.base.store(self.next_base.load(Ordering::Relaxed), Ordering::Relaxed);
        self.value.store(UNSET, Ordering::Relaxed);
        self.pid.store(std::process::id().into(), Ordering::Relaxed);
        self.of.store(me, Ordering::Relaxed);
        self.folding.store(folding.wrapping_add(1), Ordering::Release);
    }

    /// Makes it as good as new. Only while nobody holds the series.
    fn clear(&self) {
        self.owner.store(0, Ordering::Relaxed);
        self.of.store(0, Ordering::Relaxed);
        self.value.store(UNSET, Ordering::Relaxed);
        self.base.store(UNSET, Ordering::Relaxed);
        self.folding.store(0, Ordering::Release);
    }

    fn set(&self, value: f64) {
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.at.store(since_boot().as_nanos() as u64, Ordering::Release);
    }

    fn add(&self, amount: f64) {
        let moved = |bits| Some((as_value(bits).unwrap_or_default() + amount).to_bits());
        // Never fails: `moved` always has an answer.
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
        self.at.store(since_boot().as_nanos() as u64, Ordering::Release);
    }
}

/// The nodes of the gauge whose word this is.
fn nodes<'a>(
    arena: &'a Arena,
    word: &AtomicU64,
) -> impl Iterator<Item = (u32, &'static Node)> + 'a {
    let node = |at: u32| (at != NO_RECORD).then(|| (at, arena.record::<Node>(at)));
    let first = node(word.load(Ordering::Acquire) as u32);
    std::iter::successors(first, move |(_, last)| node(last.next.load(Ordering::Acquire)))
        .take(MOST_NODES)
}

impl Place {
    /// Sets this process' value.
    #[cold]
    pub(crate) fn set_here(&self, mode: GaugeMode, value: f64) {
        match self.node(mode) {
            Some(node) => node.set(value),
            // There is no memory for one.
            None => self.arena().count_lost(),
        }
    }

    /// Moves this process' value.
    #[cold]
    pub(crate) fn add_here(&self, mode: GaugeMode, amount: f64) {
        match self.node(mode) {
            Some(node) => node.add(amount),
            // There is no memory for one.
            None => self.arena().count_lost(),
        }
    }

    /// This process' value; 0 if it set none.
    #[cold]
    pub(crate) fn value_here(&self) -> f64 {
        let (arena, word) = (self.arena(), self.shared());
        let me = arena.owner();
        let mine = nodes(arena, word).find(|(_, node)| Some(node.of.load(Ordering::Relaxed)) == me);
        mine.and_then(|(_, node)| as_value(node.value.load(Ordering::Relaxed))).unwrap_or_default()
    }

    /// This process' node; `None` if there is no memory for one.
    fn node(&self, mode: GaugeMode) -> Option<&'static Node> {
        static MAKING: ForkMutex<()> = ForkMutex::new(());

        let arena = self.arena();
        let me = arena.owner()?;
        let noted = arena.noted_node(self.offset() + layout::VALUE)?;
        let is_mine = |node: &Node| {
            node.owner.load(Ordering::Relaxed) == me && node.of.load(Ordering::Relaxed) == me
        };
        let at = noted.load(Ordering::Acquire) as u32;
        if at != NO_RECORD && is_mine(arena.record(at)) {
            return Some(arena.record(at));
        }
        let _one_thread = MAKING.lock();
        let word = self.shared();
        let mine = nodes(arena, word).find(|(_, node)| is_mine(node));
        let (at, node) = mine.or_else(|| take_node(arena, word, me, mode))?;
        noted.store(at.into(), Ordering::Release);
        Some(node)
    }
}

/// A node for the process `me`: one that nobody alive has, or a new one.
fn take_node(
    arena: &Arena,
    word: &AtomicU64,
    me: u64,
    mode: GaugeMode,
) -> Option<(u32, &'static Node)> {
    let is_free = |node: &Node| {
        let owner = node.owner.load(Ordering::Relaxed);
        owner == 0 || !arena.is_alive(owner)
    };
    let mut free: Vec<_> = nodes(arena, word).filter(|(_, node)| is_free(node)).collect();
    if mode == GaugeMode::All {
        // The last values of the dead are shown, but for the oldest.
        let shown = |node: &Node| node.value.load(Ordering::Relaxed) != UNSET;
        if free.iter().filter(|(_, node)| shown(node)).count() < MOST_DEAD {
            free.retain(|(_, node)| !shown(node));
        }
    }
    free.sort_by_key(|(_, node)| node.at.load(Ordering::Relaxed));
    let taken = free.into_iter().find(|(_, node)| {
        let owner = node.owner.load(Ordering::Relaxed);
        is_free(node)
            && node.owner.compare_exchange(owner, me, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    });
    let (at, node) = match taken {
        Some(taken) => taken,
        None => new_node(arena, word, me)?,
    };
    node.renew(me, mode);
    Some((at, node))
}

fn new_node(arena: &Arena, word: &AtomicU64, me: u64) -> Option<(u32, &'static Node)> {
    let at = arena.allocate_record(size_of::<Node>() / 8).ok()?;
    let node: &Node = arena.record(at);
    node.clear();
    node.owner.store(me, Ordering::Relaxed);
    let mut first = word.load(Ordering::Acquire);
    loop {
        node.next.store(first as u32, Ordering::Relaxed);
        match word.compare_exchange(first, at.into(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some((at, node)),
            Err(now) => first = now,
        }
    }
}

/// Makes the nodes of a series as good as new that is made anew.
pub(super) fn clear(arena: &Arena, word: &AtomicU64) {
    nodes(arena, word).for_each(|(_, node)| node.clear());
}

/// Shows a gauge of this mode whose word is at `offset`, if it `is_still` the one with these labels once its
/// nodes are read.
pub(super) fn visit(
    arena: &Arena,
    offset: u32,
    mode: GaugeMode,
    labels: &str,
    is_still: impl FnOnce() -> bool,
    visited: &mut Visited,
    visitor: &mut dyn Visitor,
) -> Result<(), Stop> {
    const NODE_WORDS: usize = size_of::<Node>() / 8;
    let mut seen: Vec<Seen> = nodes(arena, arena.shared_cell(offset))
        .take_while(|(at, _)| visited.take(arena, *at, NODE_WORDS))
        .map(|(_, node)| node.read())
        .filter(|seen| !is_live(mode) || arena.is_alive(seen.of))
        .collect();
    if !is_still() {
        return Ok(());
    }
    if matches!(mode, GaugeMode::All | GaugeMode::LiveAll) {
        return visit_all(seen, labels, visitor);
    }
    seen.sort_by_key(|seen| seen.at);
    let folded = seen.iter().fold(None, |folded, seen| {
        let base = if is_live(mode) { None } else { seen.base };
        fold(mode, fold(mode, folded, base), seen.value)
    });
    match folded {
        // Nobody is there to have a value.
        None if is_live(mode) => Ok(()),
        folded => {
            let value = Value::Gauge { value: folded.unwrap_or_default() };
            visitor.series(Labels::from_canonical(labels), &value)
        }
    }
}

/// Shows each value with the number of its process.
fn visit_all(mut seen: Vec<Seen>, labels: &str, visitor: &mut dyn Visitor) -> Result<(), Stop> {
    seen.retain(|seen| seen.value.is_some());
    seen.sort_by_key(|seen| (seen.pid, seen.of));
    // In a damaged memory, two may be alike in both.
    seen.dedup_by_key(|seen| (seen.pid, seen.of));
    let mut text = String::new();
    for (place, one) in seen.iter().enumerate() {
        let is_like = |other: Option<&Seen>| other.is_some_and(|other| other.pid == one.pid);
        let like = is_like(seen.get(place + 1)) || is_like(place.checked_sub(1).map(|i| &seen[i]));
        // In containers that share the memory, two processes may have one number.
        let pid = if like { format!("{}-{:x}", one.pid, one.of) } else { one.pid.to_string() };
        text.clear();
        text.push_str(labels);
        push_pair(&mut text, "pid", &pid);
        let value = Value::Gauge { value: one.value.unwrap_or_default() };
        visitor.series(Labels::from_canonical(&text), &value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_with_a_value_for_each_process_has_a_code() {
        for mode in CODES {
            assert_eq!(ModeCode::new(mode).mode(), Some(mode));
        }
        for mode in [GaugeMode::Shared, GaugeMode::MostRecent] {
            assert_eq!(ModeCode::new(mode).mode(), None);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_visible_in_the_least_and_the_greatest() {
        for mode in [GaugeMode::Min, GaugeMode::Max, GaugeMode::Sum] {
            for (a, b) in [(f64::NAN, 1.0), (1.0, f64::NAN)] {
                assert!(fold(mode, Some(a), Some(b)).is_some_and(f64::is_nan), "{mode:?}");
            }
        }
        assert_eq!(fold(GaugeMode::Min, Some(2.0), Some(1.0)), Some(1.0));
        assert_eq!(fold(GaugeMode::LiveMax, Some(2.0), Some(1.0)), Some(2.0));
        assert_eq!(fold(GaugeMode::Sum, Some(2.0), None), Some(2.0));
        assert_eq!(fold(GaugeMode::Sum, None, None), None);
    }
}
