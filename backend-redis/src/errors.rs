//! What a server or the way to it answers when something is wrong, in the backend's words.

use crate::NAME;
use crate::connection::Connection;
use pytheus_core::{BackendError, BackendErrorKind};
use redis::ServerError;

pub(crate) fn error(kind: BackendErrorKind, message: impl Into<String>) -> BackendError {
    BackendError::new(NAME, kind, message)
}

/// A command was answered with an error. The details name the command and the key where it matters.
pub(crate) fn server_error(connection: &Connection, cause: &ServerError) -> BackendError {
    let details = cause.details().unwrap_or_default();
    let (kind, message) = match cause.code() {
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
        "ERR" if details.contains("exceeds maximum allowed size") => (
            BackendErrorKind::Full,
            format!(
                "a key cannot grow any more: {details}; use more shards under another key_prefix"
            ),
        ),
        _ => return connection.server_error("the metrics", cause),
    };
    error(kind, message).with_source(cause.clone())
}

/// An answer is not what it should be: the keys were changed by somebody else, or a proxy answered.
pub(crate) fn makes_no_sense(what: &str) -> BackendError {
    error(BackendErrorKind::Corrupt, format!("what the server holds makes no sense: {what}"))
}
