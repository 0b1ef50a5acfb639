//! Batches: frozen when they are made, kept until they are acknowledged and for a while after.

use super::rows::Delta;
use super::store::{Client, Position, Shape};
use std::collections::VecDeque;
use std::time::Duration;

/// Which series: the family's place in the ledger, the row, and what tells it from others that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ref {
    pub(super) family: u32,
    pub(super) row: u32,
    pub(super) unique: u64,
}

/// Changes of one thing.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Describe {
        family: u32,
    },
    /// So many of the deltas; none to say that it is there.
    Series {
        at: Ref,
        deltas: u32,
    },
    Remove {
        family: Box<str>,
        labels: Box<str>,
        shape: Shape,
        series: u32,
    },
    Drop {
        family: Box<str>,
    },
}

/// A batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Frozen {
    pub(super) number: u64,
    pub(super) items: Vec<Item>,
    pub(super) deltas: Vec<Delta>,
    /// The number of the batch that was applied before it, once it is acknowledged.
    pub(super) follows: u64,
    /// When it was sent first: since then it may have reached the store.
    pub(super) sent: Option<Duration>,
    /// When it was acknowledged.
    pub(super) acknowledged: Duration,
}

impl Frozen {
    /// How many changes it comes to.
    pub(super) fn changes(&self) -> usize {
        self.items
            .iter()
            .map(|item| match item {
                Item::Series { deltas, .. } => (*deltas).max(1) as usize,
                _ => 1,
            })
            .sum()
    }

    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let text = |item: &Item| match item {
            Item::Remove { family, labels, .. } => family.len() + labels.len(),
            Item::Drop { family } => family.len(),
            Item::Describe { .. } | Item::Series { .. } => 0,
        };
        let note = |delta: &Delta| if let Delta::Note(_, text) = delta { text.len() } else { 0 };
        size_of::<Self>()
            + self.items.iter().map(|item| size_of::<Item>() + text(item)).sum::<usize>()
            + self.deltas.iter().map(|delta| size_of::<Delta>() + note(delta)).sum::<usize>()
    }

    /// The series in it, each with its deltas.
    pub(super) fn series(&self) -> impl Iterator<Item = (Ref, &[Delta])> {
        let mut rest = &self.deltas[..];
        self.items.iter().filter_map(move |item| match item {
            Item::Series { at, deltas } => {
                let (these, others) = rest.split_at(*deltas as usize);
                rest = others;
                Some((*at, these))
            }
            _ => None,
        })
    }

    /// Splits off what the store would not have: the items at the places `refused`, which `see` gets with
    /// their deltas.
    pub(super) fn split(self, refused: &[usize], mut see: impl FnMut(&Item, &[Delta])) -> Self {
        let mut left = Self::default();
        let mut rest = &self.deltas[..];
        for (place, item) in self.items.iter().enumerate() {
            let count = match item {
                Item::Series { deltas, .. } => *deltas as usize,
                _ => 0,
            };
            let (these, others) = rest.split_at(count);
            rest = others;
            if refused.contains(&place) {
                see(item, these);
            } else {
                left.items.push(item.clone());
                left.deltas.extend_from_slice(these);
            }
        }
        left
    }
}

/// One part of the store, and what is on its way there.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) client: Client,
    /// How far the store is known to have come; `None` if it was not asked yet.
    pub(super) position: Option<Position>,
    /// When it acknowledged something last.
    pub(super) acknowledged: Option<Duration>,
    /// The lives of the store in which it acknowledged something.
    lives: Vec<u64>,
    /// Whether another client counted for this process before.
    pub(super) is_renewed: bool,
    pub(super) in_flight: VecDeque<Frozen>,
    /// Acknowledged, oldest first.
    pub(super) window: VecDeque<Frozen>,
    window_bytes: usize,
    /// The number of the batch made last.
    pub(super) last_number: u64,
    /// By its own clock the store may have taken what was set so far for set as late as this: what is
    /// frozen from now on is told as set then at the earliest.
    pub(super) sets_after: Duration,
    /// Whether it could not be told in the flush that is under way, so that nothing more is put into
    /// batches for it.
    pub(super) is_away: bool,
}

impl Shard {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            position: None,
            acknowledged: None,
            lives: Vec::new(),
            is_renewed: false,
            in_flight: VecDeque::new(),
            window: VecDeque::new(),
            window_bytes: 0,
            last_number: 0,
            sets_after: Duration::ZERO,
            is_away: false,
        }
    }

    /// How many changes are frozen and not acknowledged.
    pub(super) fn on_the_way(&self) -> usize {
        self.in_flight.iter().map(Frozen::changes).sum()
    }

    /// One of a store that was made anew in other parts, for who told the `old` ones something that is
    /// lost, unless one of their lives comes back.
    pub(super) fn instead_of(old: &[Self], client: Client) -> Self {
        Self {
            lives: old.iter().flat_map(|shard| &shard.lives).copied().collect(),
            is_renewed: true,
            sets_after: old.iter().map(|shard| shard.sets_after).max().unwrap_or_default(),
            ..Self::new(client)
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Appends a batch, if there is anything in it.
    pub(super) fn freeze(&mut self, mut batch: Frozen) {
        if !batch.items.is_empty() {
            for delta in &mut batch.deltas {
                if let Delta::Set(_, _, at) = delta {
                    *at = self.sets_after.max(*at);
                }
            }
            batch.number = self.next_number();
            self.in_flight.push_back(batch);
        }
    }

    /// Puts a batch in front of those that wait, in place of the one that was refused. What follows gets
    /// new numbers, too: none of it can have been applied.
    pub(super) fn send_instead(&mut self, batch: Frozen) {
        if !batch.items.is_empty() {
            self.in_flight.push_front(batch);
        }
        for batch in &mut self.in_flight {
            self.last_number += 1;
            batch.number = self.last_number;
        }
    }

    /// Notes that the batches up to this one were on their way for so long. For the store, what was set
    /// was set a while before they arrived; what is set later must not seem to be older, if it is faster.
    pub(super) fn note_journey(&mut self, last: u64, took: Duration) {
        /// Stores may round times to this.
        const GRAIN: Duration = Duration::from_millis(1);

        let sent = self.in_flight.iter().take_while(|batch| batch.number <= last);
        let sets = sent.flat_map(|batch| &batch.deltas).filter_map(|delta| match delta {
            Delta::Set(_, _, at) => Some(*at),
            _ => None,
        });
        if let Some(latest) = sets.max() {
            self.sets_after = self.sets_after.max(latest).saturating_add(took + GRAIN);
        }
    }

    /// Notes that the batches from this one on did not arrive when they were sent for the first time.
    pub(super) fn unsend(&mut self, first: u64) {
        let unsent = self.in_flight.iter_mut().filter(|batch| batch.number >= first);
        unsent.for_each(|batch| batch.sent = None);
    }

    /// Notes that the first batch was applied, and keeps it for the window.
    pub(super) fn keep(&mut self, mut batch: Frozen, now: Duration, window: Duration, most: usize) {
        let position = self.position.unwrap_or_default();
        if !self.has_lived_in(position.incarnation) {
            self.lives.push(position.incarnation);
        }
        batch.follows = position.number;
        batch.acknowledged = now;
        self.window_bytes += batch.bytes();
        self.window.push_back(batch);
        self.expire(now, window, most);
    }

    /// Forgets what was acknowledged long ago, or is too much.
    pub(super) fn expire(&mut self, now: Duration, window: Duration, most: usize) {
        while let Some(first) = self.window.front() {
            let is_old = now.saturating_sub(first.acknowledged) > window;
            if !is_old && self.window_bytes <= most {
                break;
            }
            self.window_bytes -= first.bytes();
            self.window.pop_front();
        }
    }

    /// Whether this process told something in that life of the store.
    pub(super) fn has_lived_in(&self, incarnation: u64) -> bool {
        self.lives.contains(&incarnation)
    }

    /// Whether a batch may have been applied so long ago that the store forgot who sent it, while
    /// nothing else tells that it did.
    pub(super) fn is_uncertain(&self, now: Duration, most_silence: Duration) -> bool {
        let is_first = self.position.is_some_and(|position| position.number == 0);
        let sent = self.in_flight.front().and_then(|batch| batch.sent);
        is_first && sent.is_some_and(|then| now.saturating_sub(then) >= most_silence)
    }

    /// Forgets all batches.
    pub(super) fn clear(&mut self) {
        self.in_flight.clear();
        self.window.clear();
        self.window_bytes = 0;
    }

    /// Has what was acknowledged after `number` sent again. Whether all of that was kept.
    pub(super) fn replay(&mut self, number: u64) -> bool {
        let mut first = None;
        let kept = self.window.partition_point(|batch| batch.number <= number);
        for last in self.window.drain(kept..).rev() {
            self.window_bytes -= last.bytes();
            first = Some(last.follows);
            self.in_flight.push_front(last);
        }
        first == Some(number)
    }
}
