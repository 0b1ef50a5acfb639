//! What the store's answers mean: applied, refused, lost.

use super::batches::{Frozen, Item};
use super::description;
use super::ledger::{Ledger, Limits};
use super::outgoing::Answer;
use super::rows::{Delta, Described};
use super::store::{Client, Position, Receipt, Refusal};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// What to do after receipts were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// All is well so far.
    GoOn,
    /// Families must be described, and everything looked at, again.
    LookAgain,
}

/// A client that was acknowledged longer ago than that, by its own clock, and of which the store knows
/// nothing, was forgotten. Records of clients live twice as long.
pub(super) const MOST_SILENCE: Duration = Duration::from_secs(12 * 60 * 60);

impl Ledger {
    /// Notes what a shard answered to being asked where it stands.
    pub(super) fn learn(&mut self, shard: usize, receipt: &Receipt, now: Duration) -> Next {
        self.forget_removed(shard, &receipt.removed, None);
        let holds = receipt.holds;
        match self.shards[shard].position {
            None if holds.number == 0 => {
                let part = &mut self.shards[shard];
                part.position = Some(holds);
                if !part.is_renewed || part.has_lived_in(holds.incarnation) {
                    return Next::GoOn;
                }
                self.start_over(shard, holds, true);
                Next::LookAgain
            }
            None => {
                self.renew(shard);
                Next::LookAgain
            }
            Some(position) => {
                let lost = self.compare(shard, position, holds, now);
                if lost.is_none() {
                    // The record is there, as it is after a batch.
                    self.shards[shard].acknowledged = Some(now);
                }
                lost.unwrap_or(Next::GoOn)
            }
        }
    }

    /// Notes what a shard answered.
    pub(super) fn receive(
        &mut self,
        shard: usize,
        answer: &Answer<'_>,
        limits: &Limits,
        refusals: &mut Vec<String>,
    ) -> Next {
        let mut next = Next::GoOn;
        if let Some(last) = answer.sent.last_number() {
            self.shards[shard].note_journey(last, answer.sent.took(answer.now));
        }
        self.note_unsent(shard, answer);
        for (place, receipt) in answer.receipts.iter().enumerate() {
            self.forget_removed(shard, &receipt.removed, answer.sent.first_new());
            let Some(position) = self.shards[shard].position else { break };
            let first = self.shards[shard].in_flight.front().map(|batch| batch.number);
            if let Some(lost) = self.compare(shard, position, receipt.holds, answer.now) {
                return lost;
            }
            if !receipt.refused.is_empty() {
                // Those behind it follow what was not applied.
                if first == answer.sent.number(place) {
                    return self.refuse(shard, answer, place, receipt, refusals);
                }
                break;
            }
            next = next.max(self.acknowledge(shard, receipt.holds, answer.now, limits));
        }
        next
    }

    /// Where the store did not take the first batch, it took none of those behind it: what was sent for
    /// the first time was not applied, whoever this process is from now on.
    fn note_unsent(&mut self, shard: usize, answer: &Answer<'_>) {
        let part = &mut self.shards[shard];
        let (Some(position), Some(first)) = (part.position, answer.sent.number(0)) else { return };
        let (Some(receipt), Some(new)) = (answer.receipts.first(), answer.sent.first_new()) else {
            return;
        };
        let holds = receipt.holds;
        if holds.incarnation != position.incarnation || holds.number < first {
            part.unsend(new);
        }
    }

    /// Notes that all batches up to what the store holds were applied.
    fn acknowledge(
        &mut self,
        shard: usize,
        holds: Position,
        now: Duration,
        limits: &Limits,
    ) -> Next {
        let part = &mut self.shards[shard];
        let is_ours = |number| number <= holds.number;
        let known = part.position.is_some_and(|position| position.number == holds.number)
            || part
                .in_flight
                .iter()
                .any(|batch| batch.number == holds.number && batch.sent.is_some());
        if !known {
            // Somebody else sends under our name.
            self.renew(shard);
            return Next::LookAgain;
        }
        let mut described = Vec::new();
        let applied = part.in_flight.partition_point(|batch| is_ours(batch.number));
        for batch in part.in_flight.drain(..applied).collect::<Vec<_>>() {
            described.extend(batch.items.iter().filter_map(|item| match item {
                Item::Describe { family } => Some(*family),
                _ => None,
            }));
            let number = batch.number;
            part.keep(batch, now, limits.window, limits.window_bytes);
            part.position = Some(Position { number, ..holds });
            part.acknowledged = Some(now);
            self.totals.batches += 1;
        }
        described.into_iter().for_each(|family| self.described(family));
        Next::GoOn
    }

    /// Finds out whether the store has lost something, and what to do then.
    fn compare(
        &mut self,
        shard: usize,
        position: Position,
        holds: Position,
        now: Duration,
    ) -> Option<Next> {
        if holds.incarnation != position.incarnation {
            let part = &self.shards[shard];
            let may_hold_ours =
                holds.number != 0 || part.is_renewed && part.has_lived_in(holds.incarnation);
            if may_hold_ours {
                // An earlier life came back, with some of what was told in it, nobody knows how much.
                self.totals.gaps += 1;
                self.renew(shard);
            } else {
                self.start_over(shard, holds, true);
            }
        } else if holds.number >= position.number {
            return None;
        } else if holds.number == 0 {
            let silence = self.shards[shard].acknowledged.map(|then| now.saturating_sub(then));
            if silence.is_some_and(|silence| silence < MOST_SILENCE) {
                // Nothing that we told is there: where the number is lost, so is what it guards.
                self.start_over(shard, holds, false);
            } else {
                self.renew(shard);
            }
        } else {
            if !self.shards[shard].replay(holds.number) {
                self.totals.gaps += 1;
            }
            self.shards[shard].position = Some(holds);
            self.tell_again(shard);
        }
        Some(Next::LookAgain)
    }

    /// Everything is told again, to a store that holds nothing of it; nor of what clients told that
    /// this process was before, if it is empty.
    fn start_over(&mut self, shard: usize, holds: Position, is_empty: bool) {
        let part = &mut self.shards[shard];
        part.clear();
        part.is_renewed &= !is_empty;
        part.position = Some(Position { number: 0, ..holds });
        for rows in self.families.iter_mut().flatten().filter(|rows| rows.shard == Some(shard)) {
            rows.start_over(is_empty);
            rows.described = Described::No;
        }
    }

    /// Goes on as another client: what was told so far is told, whatever became of it.
    pub(super) fn renew(&mut self, shard: usize) {
        let part = &mut self.shards[shard];
        part.client = Client::new(part.client.name.clone());
        part.position = None;
        part.acknowledged = None;
        part.is_renewed = true;
        // What may have been applied, without anybody being able to say so, must not be applied twice.
        let (sent, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut part.in_flight).into_iter().partition(|batch| batch.sent.is_some());
        part.clear();
        part.in_flight = waiting;
        let counts =
            |batch: &Frozen| batch.deltas.iter().any(|delta| matches!(delta, Delta::Add(..)));
        self.totals.gaps += u64::from(sent.iter().any(counts));
        // What is removed twice is removed.
        for item in sent.into_iter().flat_map(|batch| batch.items) {
            if matches!(item, Item::Remove { .. } | Item::Drop { .. }) {
                self.again.push((shard, item));
            }
        }
        for rows in self.families.iter_mut().flatten().filter(|rows| rows.shard == Some(shard)) {
            rows.settle();
            rows.described = Described::No;
        }
    }

    fn tell_again(&mut self, shard: usize) {
        for rows in self.families.iter_mut().flatten().filter(|rows| rows.shard == Some(shard)) {
            rows.tell_again();
        }
    }

    /// Takes out of a batch what the store would not have.
    fn refuse(
        &mut self,
        shard: usize,
        answer: &Answer<'_>,
        place: usize,
        receipt: &Receipt,
        refusals: &mut Vec<String>,
    ) -> Next {
        let is_about = |(change, _): &(usize, Refusal)| answer.sent.item(place, *change).is_some();
        if !receipt.refused.iter().any(is_about) {
            // It makes no sense, and is the same as no answer.
            return Next::GoOn;
        }
        let Some(batch) = self.shards[shard].in_flight.pop_front() else { return Next::GoOn };
        let mut next = Next::GoOn;
        let mut items = Vec::new();
        for (change, why) in &receipt.refused {
            let Some(item) = answer.sent.item(place, *change) else { continue };
            if items.contains(&item) {
                continue;
            }
            items.push(item);
            self.totals.refused += 1;
            let family = match &batch.items[item] {
                Item::Describe { family } => Some(*family),
                Item::Series { at, .. } => Some(at.family),
                Item::Remove { family, .. } | Item::Drop { family } => {
                    if let Refusal::Other(_) = why {
                        refusals.push(format!("removing from {family}: {why}"));
                        self.again.push((shard, batch.items[item].clone()));
                    }
                    None
                }
            };
            let rows = family.and_then(|family| self.families[family as usize].as_mut());
            let Some(rows) = rows else { continue };
            let name = &rows.desc.identity.name;
            let shown =
                description::display(&rows.desc.identity, answer.sent.labels(place, *change));
            match why {
                Refusal::Conflict { identity } => {
                    rows.described = Described::Conflict;
                    refusals.push(format!("{shown}: {why}"));
                    if let Some(there) = description::read_identity(name, identity) {
                        self.known.insert(name.clone(), there);
                    }
                }
                Refusal::NotDescribed => {
                    rows.described = Described::No;
                    next = Next::LookAgain;
                }
                Refusal::Other(_) => {
                    refusals.push(format!("{shown}: {why}"));
                    if let Item::Describe { .. } = batch.items[item] {
                        rows.described = Described::No;
                    }
                }
            }
        }
        let Self { families, totals, .. } = self;
        let left = batch.split(&items, |item, deltas| {
            if let Item::Series { at, .. } = item
                && let Some(rows) = &mut families[at.family as usize]
            {
                let is_here = rows.row(at.row).is_some_and(|row| row.unique == at.unique);
                // There is nothing any more that it could be put back to.
                totals.gaps += u64::from(!is_here && !deltas.is_empty());
                rows.put_back_touch(at.row, at.unique);
                for delta in deltas {
                    rows.put_back(at.row, at.unique, delta);
                }
            }
        });
        self.shards[shard].send_instead(left);
        next
    }

    /// What others removed counts no more, except for what the store cannot have had by then: what is
    /// in batches that wait, or were sent for the first time now, from the one numbered `first_new` on.
    /// What was sent before, nobody knows when it arrived: it must not count twice.
    fn forget_removed(&mut self, shard: usize, removed: &[u32], first_new: Option<u64>) {
        if removed.is_empty() {
            return;
        }
        let removed: HashSet<u32> = removed.iter().copied().collect();
        let Self { families, shards, .. } = self;
        let is_later = |batch: &&Frozen| {
            batch.sent.is_none() || first_new.is_some_and(|first| batch.number >= first)
        };
        let later = shards[shard].in_flight.iter().filter(is_later).flat_map(Frozen::series);
        let mut pending: HashMap<(u32, u32), Vec<&Delta>> = HashMap::new();
        for (at, deltas) in later {
            let rows = families[at.family as usize].as_ref();
            let row = rows.and_then(|rows| rows.row(at.row));
            if row.is_some_and(|row| row.unique == at.unique && removed.contains(&row.series)) {
                pending.entry((at.family, at.row)).or_default().extend(deltas);
            }
        }
        for (family, rows) in (0..).zip(families) {
            let Some(rows) = rows.as_mut().filter(|rows| rows.shard == Some(shard)) else {
                continue;
            };
            let places: Vec<u32> = (0..)
                .zip(rows.rows())
                .filter(|(_, row)| row.unique != 0 && removed.contains(&row.series))
                .map(|(place, _)| place)
                .collect();
            for place in places {
                let later = pending.get(&(family, place)).map_or(&[][..], |deltas| deltas);
                rows.forget_floor(place, later);
            }
        }
    }
}

impl Next {
    pub(super) fn max(self, other: Self) -> Self {
        if other == Self::LookAgain { other } else { self }
    }
}
