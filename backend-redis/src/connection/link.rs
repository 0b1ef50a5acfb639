//! One connection to one server.

use super::errors::{self, Advice};
use super::stream::Stream;
use crate::config::{Address, Login, Target};
use pytheus_core::{BackendError, BackendErrorKind};
use redis::{Cmd, Parser, Value};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// A connection that is logged in and has no answers outstanding.
///
/// [`exchange`](Self::exchange) takes it and gives it back only if every answer came: what comes late
/// comes to nobody, and is never taken for the answer to the next command.
pub(super) struct Link {
    stream: Stream,
    parser: Parser,
    address: Address,
    timeout: Duration,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Link").field(&self.address).finish()
    }
}

impl Link {
    /// Connects, logs in and chooses the database, all until the deadline, which is a time-out away.
    pub(super) fn open(
        address: &Address,
        target: &Target,
        login: &Login,
        db: u32,
        deadline: Instant,
    ) -> Result<Self, BackendError> {
        let timeout = target.timeout;
        let failed = |error| errors::not_connected(address, timeout, error);
        let stream = Stream::connect(address, target, deadline).map_err(failed)?;
        let link = Self { stream, parser: Parser::new(), address: address.clone(), timeout };
        link.log_in(target, login, db, deadline)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The connection, if the server has neither closed it nor said anything unasked.
    pub(super) fn if_quiet(mut self) -> Option<Self> {
        // The parser may have read more than it was asked for.
        let mut nothing = Nothing { asked: false };
        let read_ahead = self.parser.parse_value(&mut nothing).is_ok() || !nothing.asked;
        (!read_ahead && self.stream.is_quiet()).then_some(self)
    }

    /// Sends `request` and waits for its answers; for each no longer than the time-out.
    pub(super) fn exchange(
        self,
        request: &[u8],
        answers: usize,
    ) -> Result<(Self, Vec<Value>), BackendError> {
        let timeout = self.timeout;
        self.exchange_until(request, answers, || Instant::now() + timeout, errors::lost)
    }

    /// One command and its answer, where an error is an error, until the deadline.
    pub(super) fn ask(
        self,
        command: &Cmd,
        advice: Advice<'_>,
        deadline: Instant,
    ) -> Result<(Self, Value), BackendError> {
        let request = command.get_packed_command();
        let (link, mut answers) = self.exchange_until(&request, 1, || deadline, errors::lost)?;
        match answers.pop() {
            Some(Value::ServerError(error)) => Err(errors::server_error(
                &link.address,
                &format!("answer to {}", command_name(command)),
                &error,
                advice,
            )),
            answer => Ok((link, answer.unwrap_or(Value::Nil))),
        }
    }

    fn exchange_until(
        mut self,
        request: &[u8],
        answers: usize,
        deadline: impl Fn() -> Instant,
        lost: fn(&Address, Duration, io::Error) -> BackendError,
    ) -> Result<(Self, Vec<Value>), BackendError> {
        let lost = |error| lost(&self.address, self.timeout, error);
        self.stream.set_deadline(deadline());
        self.stream.write_all(request).and_then(|()| self.stream.flush()).map_err(lost)?;
        let mut values = Vec::with_capacity(answers);
        for _ in 0..answers {
            self.stream.set_deadline(deadline());
            let mut reader = Reader { stream: &mut self.stream, failed: None };
            match self.parser.parse_value(&mut reader) {
                Ok(value) => values.push(value),
                Err(_) => match reader.failed {
                    Some(error) => return Err(lost(error)),
                    None => return Err(errors::not_redis(&self.address)),
                },
            }
        }
        Ok((self, values))
    }

    fn log_in(
        self,
        target: &Target,
        login: &Login,
        db: u32,
        deadline: Instant,
    ) -> Result<Self, BackendError> {
        let password = login
            .password
            .read()
            .map_err(|message| errors::new(BackendErrorKind::Denied, message))?;
        let mut requests = Vec::new();
        if let Some(password) = &password {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = &login.user {
                auth.arg(user);
            }
            auth.arg(password.reveal());
            requests.push((Step::LogIn, auth));
        }
        if db != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(db);
            requests.push((Step::Choose, select));
        }
        let mut name = redis::cmd("CLIENT");
        name.arg("SETNAME").arg(super::name::client_name(target));
        requests.push((Step::Name, name));

        let packed: Vec<u8> =
            requests.iter().flat_map(|(_, command)| command.get_packed_command()).collect();
        let (link, answers) =
            self.exchange_until(&packed, requests.len(), || deadline, errors::lost_at_login)?;
        for ((step, _), answer) in requests.iter().zip(answers) {
            let Value::ServerError(error) = answer else { continue };
            let said = errors::said(&error);
            match step {
                Step::LogIn => {
                    let said = match &password {
                        // It repeats the arguments, or a part of them.
                        Some(_) if said.contains("unknown command") => {
                            "ERR unknown command 'AUTH'".to_owned()
                        }
                        Some(secret) if !secret.reveal().is_empty() => {
                            said.replace(secret.reveal(), "***")
                        }
                        _ => said,
                    };
                    return Err(errors::login_refused(&link.address, login, &said));
                }
                Step::Choose => return Err(errors::database_refused(&link.address, db, &error)),
                Step::Name if error.code() == "NOAUTH" => {
                    return Err(errors::login_needed(&link.address));
                }
                // Only whoever reads `CLIENT LIST` misses the name.
                Step::Name => {}
            }
        }
        Ok(link)
    }
}

/// What is done before a connection can be used.
enum Step {
    LogIn,
    Choose,
    Name,
}

/// The first two words at most: what comes behind may be long.
fn command_name(command: &Cmd) -> String {
    let words = command.args_iter().take(2).filter_map(|argument| match argument {
        redis::Arg::Simple(word) => Some(String::from_utf8_lossy(word).into_owned()),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Has nothing to read, and knows whether it was asked to.
struct Nothing {
    asked: bool,
}

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.asked = true;
        Err(ErrorKind::WouldBlock.into())
    }
}

/// Keeps the error of the stream: behind the parser it is no longer to be had.
struct Reader<'a> {
    stream: &'a mut Stream,
    failed: Option<io::Error>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let error = match self.stream.read(buffer) {
            Ok(0) if !buffer.is_empty() => ErrorKind::UnexpectedEof.into(),
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let kind = error.kind();
        self.failed = Some(error);
        Err(kind.into())
    }
}
