//! What went wrong, as a [`BackendError`].

use crate::NAME;
use crate::config::{Address, Login, Target};
use pytheus_core::BackendErrorKind::{
    Conflict, Denied, Full, Other, TimedOut, Unavailable, Unsupported,
};
use pytheus_core::{BackendError, BackendErrorKind};
use redis::{Cmd, Pipeline, ServerError};
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// What a user of the servers has to be permitted. What empties a server is among what may be written,
/// and taken away again.
const PERMISSIONS: &str = "+@read +@write +@scripting +@transaction +@connection -@dangerous +time \
                           +info +role +cluster|slots";

pub(super) fn new(kind: BackendErrorKind, message: impl Into<String>) -> BackendError {
    BackendError::new(NAME, kind, message)
}

/// What can be told somebody who may not do something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Advice<'a> {
    login: &'a Login,
    key_prefix: &'a str,
}

impl<'a> Advice<'a> {
    pub(super) fn new(target: &'a Target) -> Self {
        Self { login: &target.login, key_prefix: &target.key_prefix }
    }

    /// The same at servers with another login, which keep no keys.
    pub(super) fn at(self, login: &'a Login) -> Self {
        Self { login, ..self }
    }
}

/// No connection came about.
pub(super) fn not_connected(
    address: &Address,
    timeout: Duration,
    error: io::Error,
) -> BackendError {
    #[cfg(feature = "tls")]
    if let Some(error) = tls_error(address, &error) {
        return error;
    }
    let (kind, message) = match error.kind() {
        ErrorKind::TimedOut => {
            // In the midst of TLS there is more to say.
            let more = error.get_ref().map(|more| format!("; {more}")).unwrap_or_default();
            let within = format!("within {timeout:?} (option \"timeout\")");
            (TimedOut, format!("no connection to {address} {within}{more}"))
        }
        ErrorKind::ConnectionRefused => (Unavailable, format!("nobody listens at {address}")),
        ErrorKind::PermissionDenied => {
            (Denied, format!("the user of this process may not connect to {address}: {error}"))
        }
        _ => (Unavailable, format!("no connection to {address}: {error}")),
    };
    new(kind, message).with_source(error)
}

/// A connection ended in the midst of something.
pub(super) fn lost(address: &Address, timeout: Duration, error: io::Error) -> BackendError {
    #[cfg(feature = "tls")]
    if let Some(error) = tls_error(address, &error) {
        return error;
    }
    let (kind, message) = match error.kind() {
        ErrorKind::TimedOut => {
            (TimedOut, format!("no answer from {address} within {timeout:?} (option \"timeout\")"))
        }
        ErrorKind::UnexpectedEof => (Unavailable, format!("{address} closed the connection")),
        _ => (Unavailable, format!("the connection to {address} is lost: {error}")),
    };
    new(kind, message).with_source(error)
}

/// A connection ended before anything was asked for.
pub(super) fn lost_at_login(
    address: &Address,
    timeout: Duration,
    error: io::Error,
) -> BackendError {
    let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind());
    let mut error = lost(address, timeout, error);
    if closed {
        error
            .message
            .push_str(" at once; if that port has TLS, write rediss:// instead of redis://");
    }
    error
}

/// What TLS found wrong is a matter of certificates and settings, not of time.
#[cfg(feature = "tls")]
fn tls_error(address: &Address, error: &io::Error) -> Option<BackendError> {
    use rustls::Error;
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let (kind, message) = match error {
        Error::InvalidCertificate(_) => {
            let todo = "if an authority of your own has signed it, give its certificate with option \
                        \"ca_file\"";
            (Denied, format!("the certificate of {address} is not trusted: {error}; {todo}"))
        }
        Error::InvalidMessage(_) => {
            let todo = "if that port has no TLS, write redis:// instead of rediss://";
            (Other, format!("{address} does not speak TLS: {error}; {todo}"))
        }
        Error::AlertReceived(_) => {
            let todo = "it may ask for a certificate, options \"cert_file\" and \"key_file\"";
            (Denied, format!("{address} refuses us: {error}; {todo}"))
        }
        error => (Other, format!("TLS with {address} failed: {error}")),
    };
    Some(new(kind, message).with_source(error.clone()))
}

/// The same; if time ran out, with what was to be done and where.
pub(super) fn of_commands(
    mut error: BackendError,
    key: &[u8],
    commands: &Pipeline,
) -> BackendError {
    let first = commands.cmd_iter().next().filter(|_| error.kind == TimedOut);
    if let Some((name, of)) = first.and_then(name_and_key) {
        let key = of.unwrap_or_else(|| String::from_utf8_lossy(key));
        error.message = format!("{}, for {name} on {key:?}", error.message);
    }
    error
}

/// What a command is called, and the first key it is about, if it has one.
pub(crate) fn name_and_key(command: &Cmd) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let word = |at| match command.args_iter().nth(at) {
        Some(redis::Arg::Simple(word)) => Some(String::from_utf8_lossy(word)),
        _ => None,
    };
    let name = word(0)?;
    // Of a script, the number of its keys stands before the first.
    let is_script = ["EVALSHA", "EVAL"].contains(&&*name);
    let key = word(if is_script { 3 } else { 1 });
    Some((name, key))
}

pub(super) fn not_redis(address: &Address) -> BackendError {
    new(Other, format!("{address} does not speak the protocol of Redis; is it the right port?"))
}

pub(super) fn login_refused(address: &Address, login: &Login, said: &str) -> BackendError {
    let user = login.user.as_deref().unwrap_or("default");
    let todo = "check options \"username\" and \"password\" or \"password_file\"";
    new(Denied, format!("{address} refuses the login of user {user:?}: {said}; {todo}"))
}

pub(super) fn login_needed(address: &Address) -> BackendError {
    let todo = "give options \"username\" and \"password\" or \"password_file\"";
    new(Denied, format!("{address} asks for a login; {todo}"))
}

pub(super) fn database_refused(address: &Address, db: u32, error: &ServerError) -> BackendError {
    if error.code() == "NOAUTH" {
        return login_needed(address);
    }
    let kind = if error.code() == "NOPERM" { Denied } else { Other };
    let said = said(error);
    new(kind, format!("{address} has no database {db} for us (option \"db\"): {said}"))
}

/// What an error that stands in the place of an answer means. `about` says what was asked for: a
/// command, a key.
pub(super) fn server_error(
    at: &dyn Display,
    about: &str,
    error: &ServerError,
    advice: Advice<'_>,
) -> BackendError {
    let said = said(error);
    let code = code(error);
    let (kind, todo) = match code {
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "READONLY" | "BUSY"
        | "NOREPLICAS" | "NOMASTERLINK" | "NOGOODSLAVE" => (Unavailable, String::new()),
        "MISCONF" => (Unavailable, "; see to the server's disk".to_owned()),
        "MOVED" | "ASK" => {
            let todo = "; if this server belongs to a cluster, give option \"cluster\" = true";
            (Unavailable, todo.to_owned())
        }
        "ERR" if said.contains("max number of clients") => {
            (Unavailable, "; raise maxclients of the server".to_owned())
        }
        "OOM" => (Full, "; raise maxmemory of the server".to_owned()),
        "NOAUTH" | "WRONGPASS" => (
            Denied,
            "; check options \"username\" and \"password\" or \"password_file\"".to_owned(),
        ),
        _ if code == "NOPERM" || IN_SCRIPT.iter().any(|words| said.contains(words)) => {
            let user = advice.login.user.as_deref().unwrap_or("default");
            let prefix = advice.key_prefix;
            (Denied, format!("; permit it: ACL SETUSER {user} ~{{{prefix}:* {PERMISSIONS}"))
        }
        "DENIED" => (Denied, String::new()),
        "WRONGTYPE" => {
            let todo = "; somebody else uses the name of this key: remove it, or choose another \
                        \"key_prefix\"";
            (Conflict, todo.to_owned())
        }
        "CROSSSLOT" => (Unsupported, String::new()),
        _ => (Other, String::new()),
    };
    new(kind, format!("{at}: {about}: {said}{todo}"))
}

/// How servers say that a script may not do something: up to 7.0, and since.
const IN_SCRIPT: [&str; 2] = ["The user executing the script", "ACL failure in script"];

/// The words of the server.
pub(super) fn said(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

/// The code of the error, also of one that came up inside of a script: before 7.0 its own code stands
/// behind the place in the script.
pub(super) fn code(error: &ServerError) -> &str {
    inner_code(error.details().unwrap_or_default())
        .filter(|_| error.code() == "ERR")
        .unwrap_or_else(|| error.code())
}

fn inner_code(details: &str) -> Option<&str> {
    let (_, behind) = details.split_once("@user_script:")?;
    let (_, message) = behind.trim_start().split_once(": ").or_else(|| behind.split_once(':'))?;
    let code = message.trim_start().trim_start_matches('-').split(' ').next()?;
    let is_code = code.len() > 1 && code.bytes().all(|b| b.is_ascii_uppercase());
    is_code.then_some(code)
}

/// Whether the error says that another server is, or soon will be, in charge.
pub(super) fn is_elsewhere(error: &ServerError) -> bool {
    ["READONLY", "MASTERDOWN", "CLUSTERDOWN", "LOADING"].contains(&code(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::Value;

    fn parsed(line: &str) -> ServerError {
        match redis::parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn told(line: &str) -> BackendError {
        let login = Login { user: Some("shop".into()), ..Login::default() };
        let advice = Advice { login: &login, key_prefix: "pt" };
        let at = Address::Tcp { host: "db".into(), port: 6379 };
        server_error(&at, "key \"pt:x\"", &parsed(line), advice)
    }

    #[test]
    fn an_error_of_the_server_is_of_the_kind_that_tells_what_to_do() {
        for (line, kind, todo) in [
            ("LOADING Redis is loading the dataset in memory", Unavailable, ""),
            ("READONLY You can't write against a read only replica.", Unavailable, ""),
            ("CLUSTERDOWN The cluster is down", Unavailable, ""),
            ("MASTERDOWN Link with MASTER is down", Unavailable, ""),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Unavailable, ""),
            ("BUSY Redis is busy running a script.", Unavailable, ""),
            ("MISCONF Errors writing to the AOF file", Unavailable, "disk"),
            ("MOVED 3999 127.0.0.1:6381", Unavailable, "\"cluster\" = true"),
            ("ERR max number of clients reached", Unavailable, "maxclients"),
            ("OOM command not allowed when used memory > 'maxmemory'.", Full, "maxmemory"),
            ("NOAUTH Authentication required.", Denied, "\"password_file\""),
            ("WRONGPASS invalid username-password pair", Denied, "\"password\""),
            (
                "NOPERM User shop has no permissions to run the 'get' command",
                Denied,
                "ACL SETUSER shop ~{pt:* +@read",
            ),
            (
                "ERR The user executing the script can't run this command or subcommand",
                Denied,
                "ACL SETUSER shop",
            ),
            (
                "ERR ACL failure in script: User shop has no permissions to run the 'get' command",
                Denied,
                "ACL SETUSER shop",
            ),
            ("WRONGTYPE Operation against a key", Conflict, "\"key_prefix\""),
            ("CROSSSLOT Keys in request don't hash to the same slot", Unsupported, ""),
            ("ERR syntax error", Other, ""),
            ("NOSCRIPT No matching script.", Other, ""),
        ] {
            let error = told(line);
            assert_eq!(error.kind, kind, "{line}");
            let begin = format!("db:6379: key \"pt:x\": {line}");
            let shown = &error.message;
            assert!(shown.starts_with(&begin) && shown.contains(todo), "{line}: {shown}");
        }
    }

    #[test]
    fn the_code_of_an_error_inside_of_a_script_is_found_in_old_and_new_words() {
        for (line, found) in [
            (
                "ERR Error running script (call to f_6420): @user_script:1: WRONGTYPE Operation against",
                "WRONGTYPE",
            ),
            (
                "ERR Error running script (call to f_6420): @user_script: 12: -OOM command not allowed",
                "OOM",
            ),
            (
                "ERR Error running script (call to f_6420): @user_script:1: -READONLY You can't write",
                "READONLY",
            ),
            ("OOM command not allowed. script: 0577, on @user_script:1.", "OOM"),
            (
                "ERR user_script:1: Script attempted to access nonexistent global variable 'x'",
                "ERR",
            ),
            ("ERR Error running script (call to f_6420): @user_script:3: A plain message", "ERR"),
        ] {
            assert_eq!(code(&parsed(line)), found, "{line}");
        }
    }
}
