//! How the servers are reached.
//!
//! Commands, their encoding and the answers are those of the `redis` crate; sockets and waiting are
//! our own. Its connections wait for every answer of a pipeline anew after one has not come, look for
//! TLS settings of the process that may not be there, and keep from us why a login was refused.
//!
//! - [`socket`] waits no longer than until a deadline; [`stream`] puts TLS on it where asked to.
//! - [`link`] is one connection, which ends with the first thing that goes wrong.
//! - [`pipeline`] sorts the answers of several commands.
//! - [`sentinel`] and [`cluster`] find out which server to talk to.
//! - [`errors`] says what went wrong.

mod cluster;
mod errors;
mod link;
mod name;
mod pipeline;
mod sentinel;
mod slots;
mod socket;
mod stream;
mod tls;

#[cfg(test)]
mod tests;

pub(crate) use errors::name_and_key;
pub(crate) use tls::Tls;

use crate::config::{Address, Servers, Target};
use cluster::Cluster;
use errors::Advice;
use link::Link;
use pytheus_core::{BackendError, BackendErrorKind};
use redis::{Pipeline, ServerError, Value};
use sentinel::Sentinels;
use std::time::{Duration, Instant};

/// Connections to as many of the servers as are needed, made when they are needed.
#[derive(Debug)]
pub(crate) struct Connection {
    target: Target,
    route: Route,
    /// The server that answered last.
    answered: Option<Address>,
}

#[derive(Debug)]
enum Route {
    Single { address: Address, link: Option<Link> },
    Master { sentinels: Sentinels, link: Option<Link> },
    Cluster(Cluster),
}

impl Connection {
    /// Nothing is connected yet: the first [`send`](Self::send) does that.
    pub(crate) fn new(target: Target) -> Self {
        let route = match target.servers.clone() {
            Servers::Single(address) => Route::Single { address, link: None },
            Servers::Sentinels { sentinels, master, login } => {
                Route::Master { sentinels: Sentinels::new(sentinels, master, login), link: None }
            }
            Servers::Cluster(seeds) => Route::Cluster(Cluster::new(seeds)),
        };
        Self { target, route, answered: None }
    }

    /// Connects, or says why that is not possible.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub(crate) fn open(target: Target) -> Result<Self, BackendError> {
        let mut connection = Self::new(target);
        match &mut connection.route {
            Route::Single { address, link } => {
                *link = Some(open(address, &connection.target)?);
            }
            Route::Master { sentinels, link } => {
                *link = Some(sentinels.connect(&connection.target)?);
            }
            Route::Cluster(cluster) => cluster.connect(&connection.target)?,
        }
        Ok(connection)
    }

    /// Sends the commands in one go to the node that is master of the slot of `key`, and returns one
    /// answer for each, in order. A transaction ([`Pipeline::atomic`]) is sent as one.
    ///
    /// A command that is refused has a [`Value::ServerError`] in its place, which does not hide the
    /// answers to the others; see [`server_error`](Self::server_error). Of a transaction in which one
    /// is refused nothing is done, and the others have `EXECABORT`.
    ///
    /// In a cluster, commands that meet a slot on its way are sent on, except for those without a key:
    /// a script that was loaded by the same pipeline may be unknown where its call is sent on to, so
    /// that the answer is `NOSCRIPT`. `EVAL` brings its script along.
    ///
    /// # Errors
    ///
    /// Whatever kept the answers from coming: none is known then, and the commands may have been
    /// carried out or not. The connection is given up, and the next `send` connects anew.
    /// Finding the server takes at most five times the time-out; connecting, sending and each answer
    /// take one each, and again wherever commands are sent on to.
    pub(crate) fn send(
        &mut self,
        key: &[u8],
        commands: &Pipeline,
    ) -> Result<Vec<Value>, BackendError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let target = &self.target;
        let sent = match &mut self.route {
            Route::Single { address, link } => send_to(link, commands, || open(address, target)),
            Route::Master { sentinels, link } => {
                send_to(link, commands, || sentinels.connect(target))
            }
            Route::Cluster(cluster) => cluster.send(target, key, commands),
        };
        let (address, answers) = sent.map_err(|error| errors::of_commands(error, key, commands))?;
        self.answered = Some(address);
        if answers.iter().any(is_elsewhere) {
            self.look_elsewhere();
        }
        Ok(answers)
    }

    /// What an error in the place of an answer means. `about` says what was asked for, such as
    /// `key "pytheus:families"`.
    pub(crate) fn server_error(&self, about: &str, error: &ServerError) -> BackendError {
        let advice = Advice::new(&self.target);
        match &self.answered {
            Some(address) => errors::server_error(address, about, error, advice),
            None => errors::server_error(&"the server", about, error, advice),
        }
    }

    /// Whether keys have to be in the same slot to be used by one script or transaction.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.route, Route::Cluster(_))
    }

    /// The server is no longer, or not yet, the one to talk to: the next `send` finds that out anew.
    fn look_elsewhere(&mut self) {
        match &mut self.route {
            Route::Single { link, .. } | Route::Master { link, .. } => *link = None,
            Route::Cluster(cluster) => cluster.doubt(),
        }
    }
}

fn open(address: &Address, target: &Target) -> Result<Link, BackendError> {
    Link::open(address, target, &target.login, target.db, target.deadline())
}

/// Sends over the connection there is, if it is still good, or over a new one.
fn send_to(
    link: &mut Option<Link>,
    commands: &Pipeline,
    connect: impl FnOnce() -> Result<Link, BackendError>,
) -> Result<(Address, Vec<Value>), BackendError> {
    let good = link.take().and_then(Link::if_quiet);
    let all: Vec<usize> = (0..commands.len()).collect();
    let (good, answers) =
        pipeline::exchange(good.map_or_else(connect, Ok)?, commands, &all, false)?;
    let address = good.address().clone();
    *link = Some(good);
    Ok((address, answers))
}

fn is_elsewhere(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if errors::is_elsewhere(error))
}

/// Several servers, asked one after the other until one helps.
struct Attempts {
    begun: Instant,
    length: Duration,
    errors: Vec<BackendError>,
}

impl Attempts {
    /// So that two servers that do not answer leave time for a third.
    const TIMEOUTS: u32 = 3;

    fn new(target: &Target) -> Self {
        let length = Self::TIMEOUTS * target.timeout;
        Self { begun: Instant::now(), length, errors: Vec::new() }
    }

    /// One more did not help. Whether there is time for another.
    fn failed(&mut self, error: BackendError) -> bool {
        self.errors.push(error);
        self.begun.elapsed() < self.length
    }

    /// What all of them said. Trying again may help if it may help with one of them.
    fn into_error(self) -> BackendError {
        let passing = |error: &BackendError| {
            matches!(error.kind, BackendErrorKind::Unavailable | BackendErrorKind::TimedOut)
        };
        let mut messages: Vec<_> = self.errors.iter().map(|error| error.message.clone()).collect();
        messages.dedup();
        let telling = self.errors.iter().find(|error| passing(error)).or(self.errors.last());
        let kind = telling.map_or(BackendErrorKind::Unavailable, |error| error.kind);
        errors::new(kind, messages.join("; "))
    }
}

/// An answer that is text.
fn text(answer: &Value) -> Option<String> {
    match answer {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
