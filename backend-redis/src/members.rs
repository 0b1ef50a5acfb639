//! How clients are kept and forgotten.

use crate::connection::Connection;
use crate::layout::{self, Entry, owner};
use crate::plan::offset;
use crate::scripts::{self, int};
use crate::shard::{AT_ONCE, Shard};
use pytheus_core::BackendError;
use pytheus_core::write_behind::ClientId;
use redis::{Cmd, Pipeline, Value};
use std::time::Duration;

impl Shard {
    /// Makes the shard if it is not there. `Some` if the server answered with something else than that
    /// it is there now.
    pub(crate) fn make(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Option<Value>, BackendError> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(self.call_to_make());
        let mut reply = connection.send(self.keys.cells().as_bytes(), &pipeline)?.pop();
        if reply.as_ref().is_some_and(scripts::is_unknown) {
            let whole = scripts::first_in_full(&pipeline, &scripts::DESCRIBE);
            reply = connection.send(self.keys.cells().as_bytes(), &whole)?.pop();
        }
        match reply {
            Some(Value::Array(_)) => Ok(None),
            other => Ok(other.or(Some(Value::Nil))),
        }
    }

    /// Names some entries that may have expired; whether there are more.
    pub(crate) fn put_expiring(&mut self, call: &mut Cmd) -> bool {
        let from = self.next_to_expire;
        let entries = self.dictionary.entries().iter().enumerate().skip(from as usize);
        let mut named = 0;
        self.next_to_expire = 0;
        for (number, entry) in entries {
            if named == AT_ONCE {
                self.next_to_expire = number as u32;
                break;
            }
            let Entry::Series { expiry: expiry @ 1.., .. } = entry else { continue };
            let (cell, cells) = entry.run();
            let tag = self.dictionary.tag(number as u32).unwrap_or_default();
            call.arg(format!("E{number}:{}:{expiry}", offset(cell + cells - 1)));
            call.arg(layout::free_entry(cell, cells, tag));
            named += 1;
        }
        self.next_to_expire != 0
    }

    /// Renews the lease of what belongs to a client; whether all of it is there.
    pub(crate) fn refresh(
        &mut self,
        connection: &mut Connection,
        client: ClientId,
        lease: Duration,
    ) -> Result<bool, BackendError> {
        let Some(member) = self.members.get(&client) else { return Ok(true) };
        let was_lost = member.lost;
        let Some(record) = member.record else {
            self.members.entry(client).or_default().lost = false;
            return Ok(!was_lost);
        };
        let flag = |is_there| if is_there { "1" } else { "0" };
        let (live, kept) = (flag(member.live), flag(member.kept));
        let mut call: Cmd = self.look(&scripts::REFRESH, Some(&owner(client)));
        call.arg(&client.0.to_be_bytes()).arg(record).arg(&self.incarnation.to_be_bytes());
        call.arg(lease.as_millis().max(1) as u64).arg(live).arg(kept);
        let answer = scripts::run(connection, &self.keys, &scripts::REFRESH, call)?;
        let all = int(answer.first())? == 1;
        let member = self.members.entry(client).or_default();
        member.lost = false;
        if !all {
            // What is missing is not missed again.
            (member.live, member.kept, member.record) = (false, false, None);
        }
        Ok(all && !was_lost)
    }

    /// Drops what belongs to a client alone, but for what stays.
    pub(crate) fn forget(
        &mut self,
        connection: &mut Connection,
        client: ClientId,
    ) -> Result<(), BackendError> {
        let owner = owner(client);
        let mut call = self.look(&scripts::FORGET, Some(&owner));
        call.arg(&client.0.to_be_bytes());
        match self.members.get(&client).and_then(|member| member.record) {
            Some(record) => call.arg(record),
            None => call.arg(""),
        };
        call.arg(&owner);
        scripts::run(connection, &self.keys, &scripts::FORGET, call)?;
        self.members.remove(&client);
        Ok(())
    }
}
