//! What a server or the way to it answers when something is wrong, in the backend's words.

use crate::NAME;
use pytheus_core::{BackendError, BackendErrorKind};
use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

pub(crate) fn error(kind: BackendErrorKind, message: impl Into<String>) -> BackendError {
    BackendError::new(NAME, kind, message)
}

/// The connection failed, or could not be made.
pub(crate) fn client_error(cause: &RedisError) -> BackendError {
    let kind = match cause.kind() {
        _ if cause.is_timeout() => BackendErrorKind::TimedOut,
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
            BackendErrorKind::Denied
        }
        ErrorKind::InvalidClientConfig => BackendErrorKind::Other,
        _ if matches!(cause.code(), Some("NOAUTH" | "WRONGPASS")) => BackendErrorKind::Denied,
        _ => BackendErrorKind::Unavailable,
    };
    error(kind, cause.to_string()).with_source(cause.clone())
}

/// A command was answered with an error. The details name the command and the key where it matters.
pub(crate) fn server_error(cause: &ServerError) -> BackendError {
    let details = cause.details().unwrap_or_default();
    let said = format!("{} {details}", cause.code());
    // Inside a script the server says so in words alone.
    let is_denied = details.contains("The user executing the script");
    let (kind, message) = match cause.code() {
        "ERR" if is_denied => denied(&said),
        "ERR" if details.contains("exceeds maximum allowed size") => (
            BackendErrorKind::Full,
            format!("a key cannot grow any more: {said}; use more shards under another key_prefix"),
        ),
        "OOM" => (
            BackendErrorKind::Full,
            format!("the server is out of memory: {said}; raise its maxmemory or remove keys"),
        ),
        "NOPERM" | "NOAUTH" | "WRONGPASS" => denied(&said),
        "WRONGTYPE" => (
            BackendErrorKind::Conflict,
            format!(
                "a key is not what this library put there: {said}; \
                 delete the key or choose another key_prefix"
            ),
        ),
        "PYTHEUSFOREIGN" => (
            BackendErrorKind::Corrupt,
            format!(
                "the key {details} holds something else than the cells of this library; \
                 delete the key or choose another key_prefix"
            ),
        ),
        "PYTHEUSVERSION" => (
            BackendErrorKind::Unsupported,
            format!(
                "another version of this library laid the keys out (version and key: {details}); \
                 use the same version everywhere, or another key_prefix"
            ),
        ),
        "PYTHEUSSHARDS" => (
            BackendErrorKind::Conflict,
            format!(
                "the keys are cut into {details} shards, not into as many as asked for; \
                 leave `shards` out or say {details}, and open the store again"
            ),
        ),
        "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK"
        | "NOREPLICAS" | "MISCONF" | "BUSY" | "UNKILLABLE" => {
            (BackendErrorKind::Unavailable, format!("the server does not write now: {said}"))
        }
        _ => (BackendErrorKind::Other, format!("the server answered: {said}")),
    };
    error(kind, message).with_source(cause.clone())
}

fn denied(said: &str) -> (BackendErrorKind, String) {
    let help = "give the user the commands and keys that LAYOUT.md lists";
    (BackendErrorKind::Denied, format!("the server does not permit it: {said}; {help}"))
}

/// An answer is not what it should be: the keys were changed by somebody else, or a proxy answered.
pub(crate) fn makes_no_sense(what: &str) -> BackendError {
    error(BackendErrorKind::Corrupt, format!("what the server holds makes no sense: {what}"))
}
