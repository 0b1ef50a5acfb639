//! How batches are applied: what they name is found or entered, then each is one call of a script.

use crate::connection::Connection;
use crate::errors::{makes_no_sense, server_error};
use crate::layout::{self, Entry};
use crate::places::{Place, Places};
use crate::plan::{Missing, Other, Plan, Pointless, What, offset};
use crate::scripts::{self, bytes, int};
use crate::shard::{AT_ONCE, Answer, Known, Member, Shard};
use pytheus_core::BackendError;
use pytheus_core::write_behind::{Amount, Batch, Change, Position, Receipt, Refusal, Series};
use redis::{Cmd, Pipeline, RedisWrite, ToRedisArgs, ToSingleRedisArg, Value};
use std::time::Duration;

/// So often it is tried to find series that others remove meanwhile.
const TRIES: usize = 64;

/// What is there, or what was done.
enum Outcome {
    /// This many batches were applied.
    Applied(usize),
    /// The batches do not follow what is there.
    Held(Position),
    /// Something of the first batch was refused, so nothing of it was applied.
    Refused(Vec<(usize, Refusal)>),
}

impl Shard {
    /// Applies batches of this shard, each of which follows the one before.
    pub(crate) fn apply_all(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        lease: Duration,
        batches: &[Batch<'_>],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), BackendError> {
        self.try_permission(connection)?;
        let mut next = 0;
        let mut prepared = None;
        let mut tries = 0;
        while let Some(batch) = batches.get(next) {
            tries += 1;
            if tries > TRIES + batches.len() {
                return Err(self.too_restless());
            }
            let mut outcome = self.meet(connection, places, batch)?;
            if outcome.is_none() && prepared != Some(next) {
                outcome = self.prepare(connection, places, batch)?;
                prepared = Some(next);
            }
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => {
                    let together = batches[next + 1..].iter().take_while(|b| !is_structural(b));
                    let batches = &batches[next..next + 1 + together.count()];
                    self.send(connection, places, lease, batches, receipts)?
                }
            };
            let at = receipts.len();
            let holds = match outcome {
                Outcome::Applied(count) => {
                    next += count;
                    continue;
                }
                Outcome::Held(holds) => holds,
                Outcome::Refused(refused) => {
                    let mut receipt = Receipt::new(batch.follows);
                    receipt.refused = refused;
                    receipts.push(receipt);
                    next += 1;
                    batch.follows
                }
            };
            receipts.extend(batches[next..].iter().map(|_| Receipt::new(holds)));
            // Nothing from this one on was applied.
            receipts[at].removed = std::mem::take(&mut self.removed);
            break;
        }
        Ok(())
    }

    /// Sees that the shard is there and known. `Some` if the batch does not follow what is there.
    fn meet(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        batch: &Batch<'_>,
    ) -> Result<Option<Outcome>, BackendError> {
        for _ in 0..TRIES {
            if self.is_known() && self.incarnation == batch.follows.incarnation {
                return Ok(None);
            }
            if let Some(holds) = self.ask(connection, places, batch)? {
                return Ok(Some(Outcome::Held(holds)));
            }
            self.sync(connection, places)?;
        }
        Err(self.too_restless())
    }

    /// What is there, if the batch does not follow it. Makes the shard if it is not there.
    fn ask(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        batch: &Batch<'_>,
    ) -> Result<Option<Position>, BackendError> {
        let call = self.call_for(&scripts::DESCRIBE, batch, None);
        let answer = scripts::run(connection, &self.keys, &scripts::DESCRIBE, call)?;
        Ok(match self.answer(places, batch.client.id, answer)? {
            Answer::Held(holds) => Some(holds),
            Answer::Stale | Answer::Done(_) => None,
        })
    }

    /// Removes, drops and describes. `Some` if the batch does not follow what is there.
    fn prepare(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        batch: &Batch<'_>,
    ) -> Result<Option<Outcome>, BackendError> {
        if !is_structural(batch) {
            return Ok(None);
        }
        let pointless = Pointless::of(batch.changes);
        let changes = || batch.changes.iter().enumerate();
        let mut dropped: Vec<&str> = Vec::new();
        let mut removed = Vec::new();
        let mut described = Vec::new();
        for (index, change) in
            changes().filter(|(index, change)| !pointless.contains(*index, change))
        {
            match change {
                Change::Drop { family } => dropped.push(family),
                Change::Remove { series } => removed.push(series),
                Change::Describe { .. } => described.push(index),
                _ => {}
            }
        }
        let unknown: Vec<&str> = removed
            .iter()
            .map(|series| series.family)
            .filter(|family| !self.families.contains_key(*family))
            .collect();
        if !unknown.is_empty() {
            self.find_families(connection, &unknown)?;
        }
        let mut steps: Vec<Step<'_>> = dropped.iter().map(|family| Step::Drop(family)).collect();
        steps.extend(removed.iter().map(|series| Step::Remove(series)));
        steps.extend(described.iter().map(|index| Step::Describe(*index)));
        let mut refused = Vec::new();
        for steps in steps.chunks(AT_ONCE) {
            if let Some(holds) = self.step(connection, places, batch, steps, &mut refused)? {
                return Ok(Some(Outcome::Held(holds)));
            }
        }
        Ok((!refused.is_empty()).then_some(Outcome::Refused(refused)))
    }

    fn step(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        batch: &Batch<'_>,
        steps: &[Step<'_>],
        refused: &mut Vec<(usize, Refusal)>,
    ) -> Result<Option<Position>, BackendError> {
        for _ in 0..TRIES {
            let mut call = self.call_for(&scripts::DESCRIBE, batch, None);
            for step in steps {
                self.put_step(&mut call, batch, *step);
            }
            let answer = scripts::run(connection, &self.keys, &scripts::DESCRIBE, call)?;
            let answer = match self.answer(places, batch.client.id, answer)? {
                Answer::Held(holds) => return Ok(Some(holds)),
                Answer::Stale => {
                    self.sync(connection, places)?;
                    continue;
                }
                Answer::Done(answer) => answer,
            };
            self.take_steps(places, batch, steps, &answer[1..], refused)?;
            self.sync(connection, places)?;
            return Ok(None);
        }
        Err(self.too_restless())
    }

    /// What is known after steps were done.
    fn take_steps(
        &mut self,
        places: &mut Places,
        batch: &Batch<'_>,
        steps: &[Step<'_>],
        answers: &[Value],
        refused: &mut Vec<(usize, Refusal)>,
    ) -> Result<(), BackendError> {
        let mut answers = answers.iter();
        for step in steps {
            let (family, known) = match *step {
                Step::Remove(series) => {
                    if let Some(place) = places.get_mut(series.id as usize) {
                        *place = Place::default();
                    }
                    continue;
                }
                Step::Drop(family) => (family, Known::Gone),
                Step::Describe(index) => {
                    let known = match answers.next() {
                        Some(Value::Int(id)) => Known::Is(u32::try_from(*id).unwrap_or_default()),
                        identity => {
                            let identity = bytes(identity)?.to_vec();
                            refused.push((index, Refusal::Conflict { identity }));
                            Known::Gone
                        }
                    };
                    (batch.changes[index].family(), known)
                }
            };
            let before = self.families.insert(family.into(), known);
            if let Some(Known::Is(id)) = before
                && before != Some(known)
            {
                self.forget_places(places, id);
            }
        }
        Ok(())
    }

    fn put_step(&self, call: &mut Cmd, batch: &Batch<'_>, step: Step<'_>) {
        match step {
            Step::Drop(family) => {
                call.arg("D").arg(family).arg("").arg("").arg("");
            }
            Step::Remove(series) => {
                let Some(Known::Is(family)) = self.families.get(series.family) else { return };
                let mut name = Vec::new();
                layout::series_name(&mut name, *family, series.labels);
                let Some(entry) = self.dictionary.find(&name) else { return };
                let Some((cell, cells)) = self.dictionary.get(entry).map(Entry::run) else {
                    return;
                };
                let tag = self.dictionary.tag(entry).unwrap_or_default();
                let free = layout::free_entry(cell, cells, tag);
                call.arg("R").arg(entry).arg(free).arg("").arg("");
            }
            Step::Describe(index) => {
                if let Change::Describe { family, identity, details, replace } =
                    batch.changes[index]
                {
                    call.arg("C").arg(family).arg(identity).arg(details);
                    call.arg(if replace { "1" } else { "0" });
                }
            }
        }
    }

    /// Sends batches of which all but the first only change numbers and texts.
    fn send(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        lease: Duration,
        batches: &[Batch<'_>],
        receipts: &mut Vec<Receipt>,
    ) -> Result<Outcome, BackendError> {
        let mut plans = match self.plan(connection, places, batches)? {
            Ok(plans) => plans,
            Err(holds) => return Ok(Outcome::Held(holds)),
        };
        let fine = plans.iter().take_while(|plan| plan.refused.is_empty()).count();
        if fine == 0 && !plans.is_empty() {
            // It may have been applied before something happened to its series.
            let holds = self.ask(connection, places, &batches[0])?;
            let refused = plans.swap_remove(0).refused;
            return Ok(holds.map_or(Outcome::Refused(refused), Outcome::Held));
        }
        plans.truncate(fine);
        // What is found to be removed from here on was so after these were applied.
        let (first, removed) = (receipts.len(), self.removed.len());
        let mut pipeline = Pipeline::with_capacity(plans.len());
        for (batch, plan) in batches.iter().zip(&plans) {
            pipeline.add_command(self.command(batch, plan, lease));
        }
        let mut replies = connection.send(self.keys.cells().as_bytes(), &pipeline)?;
        if replies.first().is_some_and(scripts::is_unknown) {
            let first = scripts::first_in_full(&pipeline, &scripts::APPLY);
            replies = connection.send(self.keys.cells().as_bytes(), &first)?;
        }
        let mut applied = 0;
        for ((batch, plan), reply) in batches.iter().zip(plans).zip(replies) {
            let answer = match reply {
                Value::Array(answer) => answer,
                // The slot went elsewhere meanwhile.
                unknown if scripts::is_unknown(&unknown) && applied > 0 => break,
                Value::ServerError(e) => return Err(server_error(connection, &self.keys, &e)),
                other => return Err(makes_no_sense(&format!("a script answered {other:?}"))),
            };
            match self.answer(places, batch.client.id, answer)? {
                Answer::Held(holds) if applied == 0 => return Ok(Outcome::Held(holds)),
                // Those before were applied; the next call says what is there now.
                Answer::Held(_) => break,
                Answer::Stale => {
                    self.sync(connection, places)?;
                    break;
                }
                Answer::Done(answer) => {
                    if int(answer.first())? == 4 {
                        if applied > 0 {
                            break;
                        }
                        return Ok(Outcome::Refused(refusals(&plan, &answer[1..])?));
                    }
                    receipts.push(self.receipt(batch, &plan, &answer)?);
                    applied += 1;
                }
            }
        }
        if let Some(receipt) = receipts.get_mut(first) {
            receipt.removed.extend(self.removed.drain(..removed));
        }
        Ok(Outcome::Applied(applied))
    }

    /// Finds the cells of the batches, having entered what was not there. `Err` if the first batch does
    /// not follow what is there.
    fn plan<'a>(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        batches: &[Batch<'a>],
    ) -> Result<Result<Vec<Plan<'a>>, Position>, BackendError> {
        for _ in 0..TRIES {
            let mut missing = Missing::default();
            let plans =
                batches.iter().map(|batch| Plan::make(self, places, batch, &mut missing)).collect();
            if missing.is_empty() {
                return Ok(Ok(plans));
            }
            if !missing.families.is_empty() {
                self.find_families(connection, &missing.families)?;
                for family in missing.families {
                    self.families.entry(family.into()).or_insert(Known::Gone);
                }
            }
            if let Some(holds) = self.register(connection, places, &batches[0], &missing.names)? {
                return Ok(Err(holds));
            }
            if self.incarnation != batches[0].follows.incarnation {
                return Ok(Ok(Vec::new()));
            }
        }
        Err(self.too_restless())
    }

    /// The call that applies a batch.
    fn command(&self, batch: &Batch<'_>, plan: &Plan<'_>, lease: Duration) -> Cmd {
        let owner = batch.client.id.to_string();
        let mut call = self.call_for(&scripts::APPLY, batch, Some(&owner));
        call.arg(batch.number);
        call.arg(plan.ints.len()).arg(plan.floats.len()).arg(plan.others.len());
        let groups = plan.groups.iter().flat_map(|g| [g.ints, g.floats]);
        call.arg(groups.flat_map(u16::to_be_bytes).collect::<Vec<u8>>());
        let member = self.members.get(&batch.client.id);
        let has = |which: fn(&Member) -> bool| if member.is_some_and(which) { "1" } else { "0" };
        call.arg(lease.as_millis().max(1) as u64);
        call.arg([has(|member| member.live), has(|member| member.kept)].concat());
        call.arg(&batch.client.name).arg(&owner);
        for (cell, amount) in &plan.ints {
            call.arg(Cell(*cell)).arg(*amount);
        }
        for (cell, amount) in &plan.floats {
            let first = offset(*cell);
            call.arg(first).arg(first + 7).arg(&amount.to_be_bytes());
        }
        for other in &plan.others {
            put_other(&mut call, other);
        }
        call
    }

    fn receipt(
        &mut self,
        batch: &Batch<'_>,
        plan: &Plan<'_>,
        answer: &[Value],
    ) -> Result<Receipt, BackendError> {
        let member = self.members.entry(batch.client.id).or_default();
        member.record = u32::try_from(int(answer.get(1))?).ok();
        member.lost |= int(answer.get(2))? == 1;
        member.live |= plan.has_live;
        member.kept |= plan.has_kept;
        Ok(Receipt::new(Position { number: batch.number, ..batch.follows }))
    }
}

/// Which changes a script refused.
fn refusals(plan: &Plan<'_>, answer: &[Value]) -> Result<Vec<(usize, Refusal)>, BackendError> {
    let mut refused = Vec::new();
    for pair in answer.chunks_exact(2) {
        let group = plan.groups.get((int(pair.first())? as usize).wrapping_sub(1));
        let group = group.ok_or_else(|| makes_no_sense("a refusal of nothing"))?;
        let why = if int(pair.get(1))? == 1 {
            "an integer would pass the limits of 64 bits"
        } else {
            "a float would not be finite any more"
        };
        refused.push((group.change, Refusal::Other(why.into())));
    }
    refused.sort_by_key(|(index, _)| *index);
    Ok(refused)
}

/// A cell, as `BITFIELD` calls it.
struct Cell(u32);

impl ToRedisArgs for Cell {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut text = [b'#'; 11];
        let (mut at, mut rest) = (text.len(), self.0);
        loop {
            at -= 1;
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        text[at - 1] = b'#';
        out.write_arg(&text[at - 1..]);
    }
}

impl ToSingleRedisArg for Cell {}

/// A step before the numbers.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Drop(&'a str),
    Remove(&'a Series<'a>),
    /// The index of the change.
    Describe(usize),
}

/// Whether a batch does more than change numbers and texts of series.
fn is_structural(batch: &Batch<'_>) -> bool {
    batch.changes.iter().any(|change| {
        matches!(change, Change::Describe { .. } | Change::Remove { .. } | Change::Drop { .. })
    })
}

fn put_other(call: &mut Cmd, other: &Other<'_>) {
    let group = other.group + 1;
    match &other.what {
        What::AddInt { cell, amount } => {
            call.arg("I").arg(group).arg(offset(*cell)).arg(*amount).arg("");
        }
        What::AddFloat { cell, amount } => {
            call.arg("F").arg(group).arg(offset(*cell)).arg(&amount.to_be_bytes()).arg("");
        }
        What::Set { cell, value, age_ms } => {
            let (_, value) = raw(*value);
            call.arg("S").arg(group).arg(offset(*cell)).arg(&value).arg(*age_ms);
        }
        What::Own { live, of, value, age_ms } => {
            let (kind, value) = raw(*value);
            let mut field = Vec::with_capacity(8);
            layout::put_reference(&mut field, *of);
            let mut bytes = vec![kind];
            bytes.extend_from_slice(&value);
            call.arg(if *live { "L" } else { "K" }).arg(group).arg(field).arg(bytes).arg(*age_ms);
        }
        What::Touch { cell } => {
            call.arg("T").arg(group).arg(offset(*cell)).arg("").arg("");
        }
        What::Note { of, text } => {
            let mut field = Vec::with_capacity(8);
            layout::put_reference(&mut field, *of);
            call.arg("N").arg(group).arg(field).arg(*text).arg("");
        }
    }
}

/// A number as it is stored, and what it is.
fn raw(value: Amount) -> (u8, [u8; 8]) {
    match value {
        Amount::Int(n) => (b'i', n.to_be_bytes()),
        Amount::Float(n) => (b'f', n.to_be_bytes()),
    }
}
