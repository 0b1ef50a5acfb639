//! What a server or the way to it answers when something is wrong, in the backend's words.

use crate::NAME;
use crate::connection::Connection;
use crate::layout::Keys;
use pytheus_core::{BackendError, BackendErrorKind};
use redis::ServerError;

pub(crate) fn error(kind: BackendErrorKind, message: impl Into<String>) -> BackendError {
    BackendError::new(NAME, kind, message)
}

/// A call of a script on these keys was answered with an error. Where it is about one of them or about
/// a command, the details name it.
pub(crate) fn server_error(
    connection: &Connection,
    keys: &Keys,
    cause: &ServerError,
) -> BackendError {
    let details = cause.details().unwrap_or_default();
    let (kind, message) = match cause.code() {
        "PYTHEUSFOREIGN" => (
            BackendErrorKind::Corrupt,
            format!(
                "the key {details} holds something that this library did not write; \
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
        _ => {
            let about = format!("EVALSHA on {:?}", keys.cells());
            return connection.server_error(&about, cause);
        }
    };
    error(kind, message).with_source(cause.clone())
}

/// An answer is not what it should be: the keys were changed by somebody else, or a proxy answered.
pub(crate) fn makes_no_sense(what: &str) -> BackendError {
    error(BackendErrorKind::Corrupt, format!("what the server holds makes no sense: {what}"))
}
