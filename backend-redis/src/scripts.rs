//! The scripts, and how they are called.

use crate::connection::Connection;
use crate::errors::{makes_no_sense, server_error};
use crate::layout::Keys;
use pytheus_core::BackendError;
use redis::{Cmd, Pipeline, ServerErrorKind, Value};
use std::sync::LazyLock;

/// A script and what the server calls it.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            Script::new(concat!(
                include_str!("scripts/prelude.lua"),
                include_str!(concat!("scripts/", $file))
            ))
        })
    };
}

pub(crate) static APPLY: LazyLock<Script> = script!("apply.lua");
pub(crate) static DESCRIBE: LazyLock<Script> = script!("describe.lua");
pub(crate) static REGISTER: LazyLock<Script> = script!("register.lua");
pub(crate) static SYNC: LazyLock<Script> = script!("sync.lua");
pub(crate) static READ: LazyLock<Script> = script!("read.lua");
pub(crate) static REFRESH: LazyLock<Script> = script!("refresh.lua");
pub(crate) static FORGET: LazyLock<Script> = script!("forget.lua");
pub(crate) static PROBE: LazyLock<Script> = script!("probe.lua");
pub(crate) static SWEEP: LazyLock<Script> = script!("sweep.lua");

/// A call of a script, to be given its arguments. With an owner the script gets its keys, too.
pub(crate) fn call(script: &Script, keys: &Keys, owner: Option<&str>) -> Cmd {
    let mut cmd = redis::cmd("EVALSHA");
    cmd.arg(&script.hash).arg(keys.fixed().len() + if owner.is_some() { 2 } else { 0 });
    cmd.arg(keys.fixed());
    if let Some(owner) = owner {
        cmd.arg(keys.of_client("kept", owner)).arg(keys.of_client("live", owner));
    }
    cmd
}

/// Runs one call and returns its answer.
pub(crate) fn run(
    connection: &mut Connection,
    keys: &Keys,
    script: &Script,
    call: Cmd,
) -> Result<Vec<Value>, BackendError> {
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.add_command(call);
    for _ in 0..3 {
        let reply = connection.send(keys.cells().as_bytes(), &pipeline)?.pop();
        match reply {
            Some(Value::ServerError(e)) if e.kind() == Some(ServerErrorKind::NoScript) => {
                load(connection, keys, script)?;
            }
            Some(Value::ServerError(e)) => return Err(server_error(&e)),
            Some(Value::Array(answer)) => return Ok(answer),
            other => return Err(makes_no_sense(&format!("a script answered {other:?}"))),
        }
    }
    Err(makes_no_sense("the server forgets scripts as soon as they are loaded"))
}

/// Makes a script known to the server.
pub(crate) fn load(
    connection: &mut Connection,
    keys: &Keys,
    script: &Script,
) -> Result<(), BackendError> {
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.cmd("SCRIPT").arg("LOAD").arg(script.text);
    plain(connection, keys, &pipeline).map(drop)
}

/// Sends commands of which none may be answered with an error.
pub(crate) fn plain(
    connection: &mut Connection,
    keys: &Keys,
    pipeline: &Pipeline,
) -> Result<Vec<Value>, BackendError> {
    let replies = connection.send(keys.cells().as_bytes(), pipeline)?;
    match replies.iter().find_map(|reply| match reply {
        Value::ServerError(e) => Some(server_error(e)),
        _ => None,
    }) {
        Some(error) => Err(error),
        None => Ok(replies),
    }
}

pub(crate) fn int(value: Option<&Value>) -> Result<i64, BackendError> {
    match value {
        Some(Value::Int(n)) => Ok(*n),
        other => Err(makes_no_sense(&format!("an integer was expected, not {other:?}"))),
    }
}

pub(crate) fn bytes(value: Option<&Value>) -> Result<&[u8], BackendError> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(bytes),
        other => Err(makes_no_sense(&format!("a string was expected, not {other:?}"))),
    }
}

pub(crate) fn array(value: Option<&Value>) -> Result<&[Value], BackendError> {
    match value {
        Some(Value::Array(values) | Value::Set(values)) => Ok(values),
        other => Err(makes_no_sense(&format!("an array was expected, not {other:?}"))),
    }
}
