//! Batches as a store is given them: built while the ledger is locked, sent while it is not.

use super::batches::{Frozen, Item, Ref};
use super::description;
use super::ledger::{Ledger, shared_key};
use super::rows::{Delta, Described};
use super::store::{Batch, Change, Client, Owner, Position, Receipt, Series, Shape};
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// Batches that are on their way to one shard.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Number, and which of the changes.
    batches: Vec<(u64, Range<usize>)>,
    /// The number of the first that was never sent before.
    first_new: Option<u64>,
    changes: Vec<Spec>,
    /// To which item of its batch a change belongs.
    items: Vec<u32>,
    text: String,
    bytes: Vec<u8>,
    /// When they were put together.
    started: Duration,
}

enum Spec {
    Describe { family: Range<usize>, identity: Range<usize>, details: Range<usize>, replace: bool },
    Drop { family: Range<usize> },
    Remove(SeriesSpec),
    Touch(SeriesSpec),
    Delta(SeriesSpec, Delta),
}

#[derive(Clone)]
struct SeriesSpec {
    id: u32,
    family: Range<usize>,
    identity: Range<usize>,
    labels: Range<usize>,
    shape: Shape,
    created: SystemTime,
    owner: Owner,
}

impl Outgoing {
    /// The number of the batch at `place`.
    pub(super) fn number(&self, place: usize) -> Option<u64> {
        self.batches.get(place).map(|(number, _)| *number)
    }

    /// The number of the first batch that was never sent before; all behind it were not, either.
    pub(super) fn first_new(&self) -> Option<u64> {
        self.first_new
    }

    /// The number of the last batch.
    pub(super) fn last_number(&self) -> Option<u64> {
        self.batches.last().map(|(number, _)| *number)
    }

    /// How long it took from then on.
    pub(super) fn took(&self, now: Duration) -> Duration {
        now.saturating_sub(self.started)
    }

    /// To which item of its batch, the one at `place`, the change at `change` belongs.
    pub(super) fn item(&self, place: usize, change: usize) -> Option<usize> {
        let (_, changes) = self.batches.get(place)?;
        let at = changes.start.checked_add(change).filter(|at| *at < changes.end)?;
        Some(self.items[at] as usize)
    }

    /// The labels of the series that such a change is about, as all processes write them.
    pub(super) fn labels(&self, place: usize, change: usize) -> Option<&str> {
        let (_, changes) = self.batches.get(place)?;
        let at = changes.start.checked_add(change).filter(|at| *at < changes.end)?;
        match &self.changes[at] {
            Spec::Remove(spec) | Spec::Touch(spec) | Spec::Delta(spec, _) => {
                Some(&self.text[spec.labels.clone()])
            }
            Spec::Describe { .. } | Spec::Drop { .. } => None,
        }
    }

    /// Has `send` called with the batches.
    pub(super) async fn send<R>(
        &self,
        client: &Client,
        shard: u32,
        position: Position,
        now: Duration,
        send: impl AsyncFnOnce(&[Batch<'_>]) -> R,
    ) -> R {
        let changes: Vec<Change<'_>> =
            self.changes.iter().map(|spec| self.change(spec, now)).collect();
        let mut follows = position;
        let batches: Vec<_> = self
            .batches
            .iter()
            .map(|(number, range)| {
                let changes = &changes[range.clone()];
                let batch = Batch { client, shard, follows, number: *number, changes };
                follows.number = *number;
                batch
            })
            .collect();
        send(&batches).await
    }

    fn change<'a>(&'a self, spec: &'a Spec, now: Duration) -> Change<'a> {
        let text = |range: &Range<usize>| &self.text[range.clone()];
        let bytes = |range: &Range<usize>| &self.bytes[range.clone()];
        let series = |spec: &SeriesSpec| Series {
            id: spec.id,
            family: &self.text[spec.family.clone()],
            identity: &self.bytes[spec.identity.clone()],
            labels: &self.text[spec.labels.clone()],
            shape: spec.shape,
            created: spec.created,
        };
        match spec {
            Spec::Describe { family, identity, details, replace } => Change::Describe {
                family: text(family),
                identity: bytes(identity),
                details: bytes(details),
                replace: *replace,
            },
            Spec::Drop { family } => Change::Drop { family: text(family) },
            Spec::Remove(spec) => Change::Remove { series: series(spec) },
            Spec::Touch(spec) => Change::Touch { series: series(spec) },
            Spec::Delta(spec, delta) => {
                let series = series(spec);
                match delta {
                    Delta::Add(field, amount) => {
                        Change::Add { series, field: *field, amount: *amount }
                    }
                    Delta::Set(field, value, at) => Change::Set {
                        series,
                        field: *field,
                        owner: spec.owner,
                        value: *value,
                        age: now.saturating_sub(*at),
                    },
                    Delta::Note(field, text) => Change::Note { series, field: *field, text },
                }
            }
        }
    }

    fn push_text(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

impl Ledger {
    /// The first batches that wait for a shard, at most so many.
    pub(super) fn outgoing(&mut self, shard: usize, most: usize, now: Duration) -> Outgoing {
        let mut outgoing = Outgoing { started: now, ..Outgoing::default() };
        let mut key = Vec::new();
        let mut batches = std::mem::take(&mut self.shards[shard].in_flight);
        for batch in batches.iter_mut().take(most) {
            if batch.sent.is_none() {
                outgoing.first_new.get_or_insert(batch.number);
            }
            batch.sent.get_or_insert(now);
            let first = outgoing.changes.len();
            self.write(batch, &mut outgoing, &mut key);
            outgoing.batches.push((batch.number, first..outgoing.changes.len()));
        }
        self.shards[shard].in_flight = batches;
        outgoing
    }

    fn write(&self, batch: &Frozen, outgoing: &mut Outgoing, key: &mut Vec<u8>) {
        let mut deltas = &batch.deltas[..];
        // Most series of a batch are of one family.
        let mut last = None;
        for (place, item) in batch.items.iter().enumerate() {
            let before = outgoing.changes.len();
            match item {
                Item::Describe { family } => self.write_description(*family, outgoing),
                Item::Drop { family } => {
                    let family = outgoing.push_text(family);
                    outgoing.changes.push(Spec::Drop { family });
                }
                Item::Remove { family, labels, shape, series } => {
                    let spec = SeriesSpec {
                        id: *series,
                        family: outgoing.push_text(family),
                        // Whoever described it, the series goes.
                        identity: 0..0,
                        labels: outgoing.push_text(labels),
                        shape: *shape,
                        created: SystemTime::UNIX_EPOCH,
                        owner: Owner::Everyone,
                    };
                    outgoing.changes.push(Spec::Remove(spec));
                }
                Item::Series { at, deltas: count } => {
                    let (these, rest) = deltas.split_at(*count as usize);
                    deltas = rest;
                    if let Some(spec) = self.series_spec(*at, outgoing, &mut last, key) {
                        if these.is_empty() {
                            outgoing.changes.push(Spec::Touch(spec));
                        } else {
                            let specs =
                                these.iter().map(|delta| Spec::Delta(spec.clone(), delta.clone()));
                            outgoing.changes.extend(specs);
                        }
                    }
                }
            }
            let changes = outgoing.changes.len() - before;
            outgoing.items.extend(std::iter::repeat_n(place as u32, changes));
        }
    }

    fn write_description(&self, family: u32, outgoing: &mut Outgoing) {
        let Some(rows) = &self.families[family as usize] else { return };
        let name = &rows.desc.identity.name;
        let declared = rows.desc.identity.label_names.clone().unwrap_or_default();
        // The first registrant's order is the family's.
        let order = match self.known.get(name).and_then(|known| known.label_names.clone()) {
            Some(order) if order.len() == declared.len() => order,
            _ => declared,
        };
        let family = outgoing.push_text(name);
        let identity = outgoing.push_bytes(&description::identity(&rows.desc));
        let details = outgoing.push_bytes(&description::details(&rows.desc, &order));
        let replace = rows.replace;
        outgoing.changes.push(Spec::Describe { family, identity, details, replace });
    }

    /// What a store needs to know of a series; `None` if somebody removed it.
    fn series_spec(
        &self,
        at: Ref,
        outgoing: &mut Outgoing,
        last: &mut Option<(u32, Range<usize>, Range<usize>)>,
        key: &mut Vec<u8>,
    ) -> Option<SeriesSpec> {
        let rows = self.families[at.family as usize].as_ref()?;
        let row = rows.row(at.row).filter(|row| row.unique == at.unique);
        let here = row.and_then(|row| {
            let created = rows.family.labels_of(row.at, at.unique, key)?;
            Some((row.series, created))
        });
        let (id, created, labels) = match here {
            Some((series, created)) => {
                let text = str::from_utf8(key).ok()?;
                let labels = match &rows.sorting {
                    None => outgoing.push_text(text),
                    Some(_) => outgoing.push_text(&shared_key(rows, text)),
                };
                (series, created, labels)
            }
            None => {
                let gone = self.departed.get(&at.unique)?;
                let (labels, created) = gone.labels.as_ref()?;
                (gone.series, *created, outgoing.push_text(labels))
            }
        };
        if last.as_ref().is_none_or(|(family, ..)| *family != at.family) {
            let name = outgoing.push_text(&rows.desc.identity.name);
            let identity = outgoing.push_bytes(&description::identity(&rows.desc));
            *last = Some((at.family, name, identity));
        }
        let (_, family, identity) = last.clone()?;
        let (shape, owner) = (rows.shape, rows.owner);
        Some(SeriesSpec { id, family, identity, labels, shape, created, owner })
    }

    /// Whether everything that was frozen for a shard is acknowledged.
    pub(super) fn is_idle(&self, shard: usize) -> bool {
        self.shards[shard].in_flight.is_empty()
    }

    /// Marks a family as described, once that is acknowledged.
    pub(super) fn described(&mut self, family: u32) {
        if let Some(Some(rows)) = self.families.get_mut(family as usize)
            && rows.described == Described::Sent
        {
            rows.described = Described::Yes;
            // Once is what was asked for.
            rows.replace = false;
            self.replacing.remove(&rows.desc.identity.name);
            self.known.insert(rows.desc.identity.name.clone(), rows.desc.identity.clone());
        }
    }
}

/// The receipts that came for batches that were sent.
pub(super) struct Answer<'a> {
    pub(super) sent: &'a Outgoing,
    pub(super) receipts: &'a [Receipt],
    pub(super) now: Duration,
}
