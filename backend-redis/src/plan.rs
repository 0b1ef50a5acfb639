//! What a batch means in cells: the changes of the batch, each with the cells it is about.

use crate::layout::{self, CELL, Entry, Reference};
use crate::places::{Place, Places};
use crate::shard::{Known, Shard, Wanted};
use pytheus_core::write_behind::{Amount, Batch, Change, Owner, RARE, Refusal, Series, Shape};
use std::collections::HashMap;
use std::collections::HashSet;

/// A batch, ready to be sent, if nothing is missing.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// Cells and what is added to them.
    pub(crate) ints: Vec<(u32, i64)>,
    pub(crate) floats: Vec<(u32, f64)>,
    pub(crate) others: Vec<Other<'a>>,
    pub(crate) groups: Vec<Group>,
    pub(crate) refused: Vec<(usize, Refusal)>,
    /// Whether there are numbers of the client alone: those that vanish with it, those that stay.
    pub(crate) has_live: bool,
    pub(crate) has_kept: bool,
}

/// What a plan lacks.
#[derive(Debug, Default)]
pub(crate) struct Missing<'a> {
    pub(crate) families: Vec<&'a str>,
    pub(crate) names: Vec<Wanted>,
    seen: HashSet<Vec<u8>>,
}

/// The changes of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// The index of the first of them.
    pub(crate) change: usize,
    pub(crate) ints: u16,
    pub(crate) floats: u16,
}

/// A change that is not just added to a cell.
#[derive(Debug)]
pub(crate) struct Other<'a> {
    pub(crate) group: usize,
    pub(crate) what: What<'a>,
}

#[derive(Debug)]
pub(crate) enum What<'a> {
    AddInt { cell: u32, amount: i64 },
    AddFloat { cell: u32, amount: f64 },
    Set { cell: u32, value: Amount, age_ms: u64 },
    Own { live: bool, of: Reference, value: Amount, age_ms: u64 },
    Note { of: Reference, text: &'a [u8] },
    Touch { cell: u32 },
}

/// Changes that a later one of the same batch makes pointless: those of a series or family before it is
/// removed.
#[derive(Debug, Default)]
pub(crate) struct Pointless<'a> {
    /// Where each is dropped or removed last.
    families: HashMap<&'a str, usize>,
    series: HashMap<u32, usize>,
}

impl<'a> Pointless<'a> {
    pub(crate) fn of(changes: &[Change<'a>]) -> Self {
        let mut pointless = Self::default();
        for (index, change) in changes.iter().enumerate() {
            match change {
                Change::Drop { family } => drop(pointless.families.insert(family, index)),
                Change::Remove { series } => drop(pointless.series.insert(series.id, index)),
                _ => {}
            }
        }
        pointless
    }

    pub(crate) fn contains(&self, index: usize, change: &Change<'_>) -> bool {
        let is_before = |end: Option<&usize>| end.is_some_and(|end| *end > index);
        (!self.families.is_empty() && is_before(self.families.get(change.family())))
            || (!self.series.is_empty()
                && change.series().is_some_and(|s| is_before(self.series.get(&s.id))))
    }
}

impl<'a> Plan<'a> {
    /// Finds the cells of a batch. What is not found is added to `missing`, and the plan is of no use.
    pub(crate) fn make(
        shard: &Shard,
        places: &mut Places,
        batch: &Batch<'a>,
        missing: &mut Missing<'a>,
    ) -> Self {
        let mut plan = Plan::default();
        plan.ints.reserve(batch.changes.len());
        let pointless = Pointless::of(batch.changes);
        let mut group_of = None;
        for (index, change) in batch.changes.iter().enumerate() {
            let Some(series) = change.series() else { continue };
            if matches!(change, Change::Remove { .. }) || pointless.contains(index, change) {
                continue;
            }
            if group_of != Some(series.id) {
                group_of = Some(series.id);
                plan.groups.push(Group { change: index, ints: 0, floats: 0 });
            } else if plan.group_is_refused() {
                continue;
            }
            match place(shard, places, series, missing) {
                Ok(Some(place)) => {
                    if plan.groups.last().is_some_and(|g| g.change == index)
                        && shard.touch(places, series.id)
                    {
                        let what =
                            What::Touch { cell: place.cell + layout::cells_of(series.shape) };
                        plan.others.push(Other { group: plan.groups.len() - 1, what });
                    }
                    if let Err(why) = plan.add(shard, place, series, change, missing) {
                        plan.refuse(index, why);
                    }
                }
                Ok(None) => {}
                Err(why) => plan.refuse(index, why),
            }
        }
        plan
    }

    /// Notes so many more integers and floats of the series that was named last.
    fn count(&mut self, ints: u16, floats: u16) {
        if let Some(last) = self.groups.last_mut() {
            last.ints += ints;
            last.floats += floats;
        }
    }

    fn group_is_refused(&self) -> bool {
        let refused = self.refused.last().map(|(index, _)| *index);
        refused.is_some_and(|index| self.groups.last().is_some_and(|g| index >= g.change))
    }

    /// Nothing of the batch is going to be applied.
    fn refuse(&mut self, index: usize, why: Refusal) {
        self.refused.push((index, why));
    }

    fn add(
        &mut self,
        shard: &Shard,
        place: Place,
        series: &Series<'a>,
        change: &Change<'a>,
        missing: &mut Missing<'a>,
    ) -> Result<(), Refusal> {
        let group = self.groups.len() - 1;
        let shape = series.shape;
        let mut other = |what| self.others.push(Other { group, what });
        match *change {
            Change::Add { field, amount, .. } => {
                let Some(cell) = cell(shard, place, shape, field, amount, missing)? else {
                    return Ok(());
                };
                match amount {
                    Amount::Int(amount) if shape.is_set => other(What::AddInt { cell, amount }),
                    Amount::Float(amount) if shape.is_set => other(What::AddFloat { cell, amount }),
                    // What cannot be taken back at once is added in halves.
                    Amount::Int(i64::MIN) => {
                        self.ints.extend([(cell, i64::MIN / 2); 2]);
                        self.count(2, 0);
                    }
                    Amount::Int(amount) => {
                        self.ints.push((cell, amount));
                        self.count(1, 0);
                    }
                    Amount::Float(amount) if !amount.is_finite() => {
                        return Err(Refusal::Other(format!("{amount} cannot be added")));
                    }
                    Amount::Float(amount) => {
                        self.floats.push((cell, amount));
                        self.count(0, 1);
                    }
                }
            }
            Change::Set { field, owner: Owner::Everyone, value, age, .. } => {
                if !shape.is_set {
                    return Err(Refusal::Other(
                        "the family is not one whose numbers are set".into(),
                    ));
                }
                if let Some(cell) = cell(shard, place, shape, field, value, missing)? {
                    other(What::Set { cell, value, age_ms: age.as_millis() as u64 });
                }
            }
            Change::Set { field, owner, value, age, .. } => {
                let live = owner == Owner::LiveClient;
                let of = shard.reference(place, field);
                other(What::Own { live, of, value, age_ms: age.as_millis() as u64 });
                self.has_live |= live;
                self.has_kept |= !live;
            }
            Change::Note { field, text, .. } => {
                let of = shard.reference(place, field);
                other(What::Note { of, text });
            }
            _ => {}
        }
        Ok(())
    }
}

/// Where a series is; `None` if it is noted as missing.
fn place<'a>(
    shard: &Shard,
    places: &mut Places,
    series: &Series<'a>,
    missing: &mut Missing<'a>,
) -> Result<Option<Place>, Refusal> {
    if let Some(place) = shard.place(places, series.id) {
        return Ok(Some(place));
    }
    let family = match shard.families.get(series.family) {
        Some(Known::Is(family)) => *family,
        Some(Known::Gone) => return Err(Refusal::NotDescribed),
        None => {
            if !missing.families.contains(&series.family) {
                missing.families.push(series.family);
            }
            return Ok(None);
        }
    };
    let mut name = Vec::with_capacity(series.labels.len() + 6);
    layout::series_name(&mut name, family, series.labels);
    let Some(entry) = shard.dictionary.find(&name) else {
        if missing.seen.insert(name.clone()) {
            let created_ms = layout::milliseconds(series.created);
            missing.names.push(Wanted::Series { name, created_ms, shape: series.shape });
        }
        return Ok(None);
    };
    let Some(Entry::Series { shape, .. }) = shard.dictionary.get(entry) else {
        return Ok(None);
    };
    if *shape != series.shape {
        let why = format!("the series is there with {shape:?}, not {:?}", series.shape);
        return Err(Refusal::Other(why));
    }
    Ok(shard.remember(places, series.id, entry))
}

/// The cell of a field; `None` if it is noted as missing.
fn cell(
    shard: &Shard,
    place: Place,
    shape: Shape,
    field: u32,
    amount: Amount,
    missing: &mut Missing<'_>,
) -> Result<Option<u32>, Refusal> {
    let asked_float = matches!(amount, Amount::Float(_));
    let (cell, is_float) = if field < shape.usual() {
        let cell = place.cell + field * layout::cells_of_field(shape.is_set);
        (cell, !shape.is_int(field))
    } else if field < RARE {
        let why = format!("field {field} is none of the {} of the series", shape.usual());
        return Err(Refusal::Other(why));
    } else {
        let of = shard.reference(place, field);
        let mut name = Vec::with_capacity(12);
        layout::rare_name(&mut name, of);
        let found = shard.dictionary.find(&name).and_then(|entry| shard.dictionary.get(entry));
        let Some(Entry::Rare { cell, is_float, .. }) = found else {
            if missing.seen.insert(name) {
                let is_set = shape.is_set;
                missing.names.push(Wanted::Rare { of, is_float: asked_float, is_set });
            }
            return Ok(None);
        };
        (*cell, *is_float)
    };
    if is_float == asked_float {
        Ok(Some(cell))
    } else {
        let (is, asked) =
            if is_float { ("a float", "an integer") } else { ("an integer", "a float") };
        Err(Refusal::Other(format!("field {field} is {is}, not {asked}")))
    }
}

impl Missing<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.families.is_empty() && self.names.is_empty()
    }
}

/// The first byte of a cell.
pub(crate) fn offset(cell: u32) -> u64 {
    u64::from(cell) * CELL
}
