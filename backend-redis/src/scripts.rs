//! The scripts, and how they are called.

use crate::connection::{Connection, name_and_key};
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
    for _ in 0..2 {
        let reply = connection.send(keys.cells().as_bytes(), &pipeline)?.pop();
        match reply {
            Some(unknown) if is_unknown(&unknown) => pipeline = first_in_full(&pipeline, script),
            Some(Value::ServerError(e)) => return Err(server_error(connection, keys, &e)),
            Some(Value::Array(answer)) => return Ok(answer),
            other => return Err(makes_no_sense(&format!("a script answered {other:?}"))),
        }
    }
    Err(makes_no_sense("the server does not know a script that came with its call"))
}

/// Whether the server does not know the script that was called.
pub(crate) fn is_unknown(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(e) if e.kind() == Some(ServerErrorKind::NoScript))
}

/// The first of these calls with the script in it: for a server that does not know the script, and
/// knows it from then on. To load it beforehand would not do where a slot is on its way from one node to
/// another.
pub(crate) fn first_in_full(calls: &Pipeline, script: &Script) -> Pipeline {
    let mut whole = Pipeline::with_capacity(1);
    let Some(call) = calls.cmd_iter().next() else { return whole };
    whole.cmd("EVAL").arg(script.text);
    // The name of the command and of the script stand before the rest.
    for arg in call.args_iter().skip(2) {
        if let redis::Arg::Simple(arg) = arg {
            whole.arg(arg);
        }
    }
    whole
}

/// Sends commands of which none may be answered with an error.
pub(crate) fn plain(
    connection: &mut Connection,
    keys: &Keys,
    pipeline: &Pipeline,
) -> Result<Vec<Value>, BackendError> {
    let replies = connection.send(keys.cells().as_bytes(), pipeline)?;
    for (command, reply) in pipeline.cmd_iter().zip(&replies) {
        if let Value::ServerError(e) = reply {
            let error = connection.server_error(&described(command), e);
            return Err(error.with_source(e.clone()));
        }
    }
    Ok(replies)
}

/// What a command is and on which key.
fn described(command: &Cmd) -> String {
    match name_and_key(command) {
        Some((name, Some(key))) => format!("{name} on {key:?}"),
        Some((name, None)) => name.into_owned(),
        None => String::new(),
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
