//! What a client knows of a shard, and how it learns it.

use crate::connection::Connection;
use crate::dictionary::Dictionary;
use crate::errors::{error, makes_no_sense};
use crate::layout::{self, Keys, Reference, header_cell};
use crate::places::Places;
use crate::scripts::{self, Script, array, bytes, int};
use pytheus_core::write_behind::{Batch, ClientId, Position, Shape};
use pytheus_core::{BackendError, BackendErrorKind};
use redis::{Cmd, Pipeline, Value};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So many entries of a dictionary are read at once.
const PAGE: usize = 1000;
/// So many names, families or entries are changed by one call of a script.
pub(crate) const AT_ONCE: usize = 500;

/// What is known of a family that this client names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Its number.
    Is(u32),
    /// It is not there, not the one that was described, or another one.
    Gone,
}

/// What is known of a client that sends.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// The first cell of its record.
    pub(crate) record: Option<u32>,
    /// Whether it has numbers that vanish with it, and numbers that stay.
    pub(crate) live: bool,
    pub(crate) kept: bool,
    /// Whether some of them were lost.
    pub(crate) lost: bool,
}

/// A name to be entered into the dictionary.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Series { name: Vec<u8>, created_ms: u64, shape: Shape },
    Rare { of: Reference, is_float: bool, is_set: bool },
}

/// What a script says before it does anything.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The batch does not follow what is there.
    Held(Position),
    /// The dictionary is not what the client thinks it is.
    Stale,
    /// Done.
    Done(Vec<Value>),
}

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) keys: Keys,
    pub(crate) number: u32,
    shards: u32,
    /// After how long series expire that nobody changes.
    pub(crate) expiry: Option<Duration>,
    pub(crate) opened: Instant,
    /// The entry at which to look next whether it has expired.
    pub(crate) next_to_expire: u32,
    /// 0 if nothing is known of the shard.
    pub(crate) incarnation: u64,
    pub(crate) generation: u64,
    /// What tells this generation from others of the same number.
    stamp: u64,
    /// Of the families, as the header had it last.
    pub(crate) version: u64,
    pub(crate) dictionary: Dictionary,
    pub(crate) families: HashMap<Box<str>, Known>,
    pub(crate) members: HashMap<ClientId, Member>,
    /// Whether the user is known to have all it takes.
    is_permitted: bool,
    /// Whether places are to be looked at again, because entries or families have changed.
    has_changed: bool,
    /// Whether it could not be reached when a lease was to be renewed last.
    pub(crate) is_away: bool,
    /// Series that others removed, by their numbers, until somebody is told.
    pub(crate) removed: Vec<u32>,
    pub(crate) described: Described,
}

/// All families with their descriptions, for who reads.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// The version of the families that was read.
    pub(crate) version: Option<u64>,
    pub(crate) families: HashMap<u32, Family>,
}

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: Box<str>,
    pub(crate) identity: Vec<u8>,
    pub(crate) details: Vec<u8>,
}

impl Shard {
    pub(crate) fn new(
        key_prefix: &str,
        number: u32,
        shards: u32,
        expiry: Option<Duration>,
    ) -> Self {
        Self {
            keys: Keys::new(key_prefix, number),
            number,
            shards,
            expiry,
            opened: Instant::now(),
            next_to_expire: 0,
            incarnation: 0,
            generation: 0,
            stamp: 0,
            version: 0,
            dictionary: Dictionary::default(),
            families: HashMap::new(),
            members: HashMap::new(),
            is_permitted: false,
            has_changed: false,
            is_away: false,
            removed: Vec::new(),
            described: Described::default(),
        }
    }

    /// Forgets all, because it is lost there.
    pub(crate) fn reset(&mut self, places: &mut Places, incarnation: u64) {
        self.incarnation = incarnation;
        self.forget_all_places(places);
        self.families.clear();
        for member in self.members.values_mut() {
            let lost = member.lost || member.record.is_some();
            *member = Member { lost, ..Member::default() };
        }
        self.described = Described::default();
        self.forget_dictionary();
    }

    fn forget_dictionary(&mut self) {
        self.dictionary = Dictionary::new(self.dictionary.keeps_labels());
        (self.generation, self.stamp) = (0, 0);
        self.has_changed = true;
    }

    /// A call that does not make the shard if it is not there.
    pub(crate) fn look(&self, script: &Script, owner: Option<&str>) -> Cmd {
        let mut call = scripts::call(script, &self.keys, owner);
        call.arg(self.shards).arg("");
        call
    }

    /// A call that does something for a client if `batch` follows what is there.
    pub(crate) fn call_for(&self, script: &Script, batch: &Batch<'_>, owner: Option<&str>) -> Cmd {
        let mut call = scripts::call(script, &self.keys, owner);
        let id = batch.client.id;
        call.arg(self.shards).arg(&fresh().to_be_bytes()).arg(&id.0.to_be_bytes());
        match self.members.get(&id).and_then(|member| member.record) {
            Some(record) => call.arg(record),
            None => call.arg(""),
        };
        call.arg(&batch.follows.incarnation.to_be_bytes());
        call.arg(&batch.follows.number.to_be_bytes());
        self.put_known(&mut call);
        call
    }

    /// What is known of the dictionary.
    pub(crate) fn put_known(&self, call: &mut Cmd) {
        let (generation, stamp) = (self.generation.to_be_bytes(), self.stamp.to_be_bytes());
        call.arg([generation, stamp].concat()).arg(self.dictionary.len());
        call.arg(&self.dictionary.last_tag().to_be_bytes());
    }

    /// A call for nobody, which makes the shard if it is not there.
    pub(crate) fn call_to_make(&self) -> Cmd {
        let mut call = scripts::call(&scripts::DESCRIBE, &self.keys, None);
        call.arg(self.shards).arg(&fresh().to_be_bytes()).arg(&[0; 16]).arg("");
        call.arg(&[0; 8]).arg(&[0; 8]);
        self.put_known(&mut call);
        call
    }

    /// Makes the dictionary remember labels, which means to read it again.
    pub(crate) fn remember_labels(&mut self) {
        self.dictionary = Dictionary::new(true);
        (self.generation, self.stamp) = (0, 0);
        self.has_changed = true;
    }

    /// What the beginning of the answer to such a call means.
    pub(crate) fn answer(
        &mut self,
        places: &mut Places,
        client: ClientId,
        answer: Vec<Value>,
    ) -> Result<Answer, BackendError> {
        match int(answer.first())? {
            0 => {
                let number = |at| {
                    layout::be(bytes(answer.get(at))?).ok_or_else(|| makes_no_sense("a record"))
                };
                let holds = Position { incarnation: number(1)?, number: number(2)? };
                if self.incarnation != holds.incarnation {
                    self.reset(places, holds.incarnation);
                }
                let member = self.members.entry(client).or_default();
                member.record = u32::try_from(int(answer.get(3))?).ok();
                Ok(Answer::Held(holds))
            }
            1 => Ok(Answer::Stale),
            _ => Ok(Answer::Done(answer)),
        }
    }

    /// Learns what is new in the dictionary. The incarnation is 0 afterwards if the shard is not there.
    pub(crate) fn sync(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
    ) -> Result<(), BackendError> {
        let (mut to_verify, mut another_past) = (false, false);
        loop {
            let mut call = self.look(&scripts::SYNC, None);
            call.arg(&self.incarnation.to_be_bytes()).arg(self.generation);
            call.arg(self.dictionary.len()).arg(PAGE).arg(&self.stamp.to_be_bytes());
            call.arg(&self.dictionary.last_tag().to_be_bytes());
            let answer = scripts::run(connection, &self.keys, &scripts::SYNC, call)?;
            match int(answer.first())? {
                0 => {
                    self.reset(places, 0);
                    return Ok(());
                }
                1 => {
                    let head = bytes(answer.get(1))?;
                    let incarnation = header_cell(head, 1);
                    if incarnation == self.incarnation {
                        to_verify = true;
                        another_past |= int(answer.get(2))? == 1;
                        self.forget_dictionary();
                    } else {
                        self.reset(places, incarnation);
                    }
                    self.generation = header_cell(head, layout::GENERATION);
                    self.stamp = header_cell(head, layout::STAMP);
                }
                _ => {
                    if self.learn(&answer)? {
                        break;
                    }
                }
            }
        }
        if to_verify {
            self.verify_families(connection)?;
        }
        if std::mem::take(&mut self.has_changed) {
            self.look_at_places(places, another_past);
        }
        Ok(())
    }

    /// Sees, once, that the user has all it takes.
    pub(crate) fn try_permission(
        &mut self,
        connection: &mut Connection,
    ) -> Result<(), BackendError> {
        if !self.is_permitted {
            let call = scripts::call(&scripts::PROBE, &self.keys, None);
            scripts::run(connection, &self.keys, &scripts::PROBE, call)?;
            self.is_permitted = true;
        }
        Ok(())
    }

    /// Tries all it takes again, after the user was found to lack something.
    pub(crate) fn name_what_is_denied(
        &mut self,
        connection: &mut Connection,
    ) -> Result<(), BackendError> {
        self.is_permitted = false;
        self.try_permission(connection)
    }

    /// Whether places and dictionary are what they were when the shard was last looked at.
    pub(crate) fn is_known(&self) -> bool {
        self.incarnation != 0 && !self.has_changed
    }

    /// A page of news; whether it is the last one.
    fn learn(&mut self, answer: &[Value]) -> Result<bool, BackendError> {
        let head = bytes(answer.get(1))?;
        self.version = header_cell(head, layout::VERSION);
        let changed = array(answer.get(3))?;
        for pair in changed.chunks_exact(2) {
            let what = bytes(pair.first())?;
            let parts = what.split_first().and_then(|(kind, number)| {
                let number: u32 = std::str::from_utf8(number).ok()?.parse().ok()?;
                Some((*kind, number))
            });
            let (kind, number) = parts.ok_or_else(|| {
                makes_no_sense(&format!("a change in {:?}", self.keys.fixed()[6]))
            })?;
            if kind == b'e' {
                let entry = bytes(pair.get(1))?;
                self.dictionary.replace(number, entry).ok_or_else(|| self.bad_entry(number))?;
            } else if kind == b'f' {
                for known in self.families.values_mut().filter(|known| **known == Known::Is(number))
                {
                    *known = Known::Gone;
                }
            }
        }
        if !changed.is_empty() {
            self.has_changed = true;
        }
        self.generation = int(answer.get(2))? as u64;
        let stamp = layout::be(bytes(answer.get(5))?);
        self.stamp = stamp.ok_or_else(|| makes_no_sense("a stamp"))?;
        self.extend(array(answer.get(4))?)?;
        Ok(self.generation == header_cell(head, layout::GENERATION)
            && u64::from(self.dictionary.len()) >= header_cell(head, layout::LENGTH))
    }

    fn extend(&mut self, tail: &[Value]) -> Result<(), BackendError> {
        for entry in tail {
            let number = self.dictionary.len();
            self.dictionary.push(bytes(Some(entry))?).ok_or_else(|| self.bad_entry(number))?;
        }
        Ok(())
    }

    fn bad_entry(&self, number: u32) -> BackendError {
        makes_no_sense(&format!("entry {number} of {:?}", self.keys.fixed()[1]))
    }

    /// Asks for the numbers of families that are not known. What is not there stays unknown.
    pub(crate) fn find_families(
        &mut self,
        connection: &mut Connection,
        names: &[&str],
    ) -> Result<(), BackendError> {
        for (name, id) in self.ask_for_families(connection, names)? {
            if let Some(id) = id {
                self.families.insert(name.into(), Known::Is(id));
            }
        }
        Ok(())
    }

    fn ask_for_families<'a>(
        &self,
        connection: &mut Connection,
        names: &[&'a str],
    ) -> Result<Vec<(&'a str, Option<u32>)>, BackendError> {
        let mut found = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let mut pipeline = Pipeline::new();
            pipeline.cmd("HMGET").arg(self.keys.families()).arg(names);
            let replies = scripts::plain(connection, &self.keys, &pipeline)?;
            for (name, value) in names.iter().zip(array(replies.first())?) {
                let id = match value {
                    Value::BulkString(bytes) => {
                        bytes.first_chunk::<4>().map(|id| u32::from_be_bytes(*id))
                    }
                    _ => None,
                };
                found.push((*name, id));
            }
        }
        Ok(found)
    }

    /// Sees which families are still those that were known, when it is not known what has changed.
    fn verify_families(&mut self, connection: &mut Connection) -> Result<(), BackendError> {
        let names: Vec<Box<str>> = self.families.keys().cloned().collect();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        for (name, id) in self.ask_for_families(connection, &names)? {
            if let Some(known) = self.families.get_mut(name)
                && id.map(Known::Is) != Some(*known)
            {
                *known = Known::Gone;
            }
        }
        Ok(())
    }

    /// Enters names into the dictionary. `Some` if the batch does not follow what is there.
    pub(crate) fn register(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        batch: &Batch<'_>,
        wanted: &[Wanted],
    ) -> Result<Option<Position>, BackendError> {
        let expiry =
            self.expiry.map_or(0, |expiry| expiry.as_secs().clamp(1, u32::MAX.into()) as u32);
        for wanted in wanted.chunks(AT_ONCE) {
            let mut call = self.call_for(&scripts::REGISTER, batch, None);
            let mut reused = Vec::new();
            for wanted in wanted {
                let (mut before, mut name) = (Vec::with_capacity(16), Vec::new());
                let cells = match wanted {
                    Wanted::Series { shape, .. } => {
                        layout::cells_of(*shape) + u32::from(expiry > 0)
                    }
                    Wanted::Rare { is_set, .. } => layout::cells_of_field(*is_set),
                };
                let free = self.dictionary.take_free(cells);
                reused.extend(free.map(|(entry, _)| entry));
                let name = match wanted {
                    Wanted::Series { name, created_ms, shape } => {
                        // Random: after a fail-over somebody else may use the same entry again.
                        let birth = if free.is_some() { fresh() >> 32 | 1 } else { 0 };
                        layout::before_series(&mut before, *created_ms, *shape, expiry, birth);
                        name
                    }
                    Wanted::Rare { of, is_float, is_set } => {
                        layout::before_rare(&mut before, *is_float, *is_set);
                        layout::rare_name(&mut name, *of);
                        &name
                    }
                };
                match free {
                    Some((entry, cell)) => {
                        let tag = self.dictionary.tag(entry).unwrap_or_default();
                        call.arg(entry).arg(cell).arg(&tag.to_be_bytes())
                    }
                    None => call.arg("").arg("").arg(""),
                };
                call.arg(cells).arg(&before).arg(name);
            }
            let answer = scripts::run(connection, &self.keys, &scripts::REGISTER, call)?;
            match self.answer(places, batch.client.id, answer)? {
                Answer::Held(holds) => return Ok(Some(holds)),
                Answer::Done(answer) if reused.is_empty() && int(answer.first())? == 2 => {
                    self.extend(array(answer.get(1))?)?;
                }
                Answer::Stale | Answer::Done(_) => {
                    self.sync(connection, places)?;
                    self.dictionary.offer(&reused);
                    // Whoever asked sees what is still missing, and with which numbers now.
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Whether the dictionary changed so often that it is not worth another try.
    pub(crate) fn too_restless(&self) -> BackendError {
        let message = format!(
            "series of {:?} are removed faster than they can be found; it is tried again",
            self.keys.cells()
        );
        error(BackendErrorKind::Unavailable, message)
    }
}

/// A number that nobody drew before: for a life of a shard that begins now, or a change of the dictionary.
pub(crate) fn fresh() -> u64 {
    (ClientId::random().0 as u64 >> 1).max(1)
}
