//! Against real servers.

mod cluster;
mod errors;
mod fake;
mod login;
mod outage;
mod replies;
mod sentinel;
#[cfg(feature = "tls")]
mod tls;

use super::Connection;
use crate::RedisConfig;
use pytheus_core::BackendError;
use redis::{Pipeline, ServerError, Value};
use std::time::Duration;

/// Where a test waits for it to pass. Long enough for a server that runs to answer in time.
const TIMEOUT: Duration = Duration::from_millis(500);
/// [`TIMEOUT`] as an option.
const IMPATIENT: &str = "timeout = '500ms'";
/// Where it is not to pass, on a busy machine.
const PATIENT: Duration = Duration::from_secs(10);

/// A connection that nobody has opened yet.
fn connection(url: &str, options: &str) -> Connection {
    let config: RedisConfig = toml::from_str(options).expect(options);
    let timeout = if options.contains("timeout") { config.timeout } else { PATIENT };
    let config = RedisConfig { timeout, ..config };
    Connection::new(config.locate(url).unwrap())
}

fn open(url: &str, options: &str) -> Result<Connection, BackendError> {
    Connection::open(connection(url, options).target)
}

/// The commands of `lines`, their words apart.
fn pipeline(lines: &[&str]) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for line in lines {
        let mut words = line.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        pipeline.add_command(command);
    }
    pipeline
}

impl Connection {
    /// The answers to `lines`, which concern the key `k`.
    fn ask(&mut self, lines: &[&str]) -> Result<Vec<Value>, BackendError> {
        self.send(b"k", &pipeline(lines))
    }
}

/// The error that stands in the place of an answer.
#[track_caller]
fn refused(answer: &Value) -> &ServerError {
    match answer {
        Value::ServerError(error) => error,
        answer => panic!("not refused: {answer:?}"),
    }
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}
