//! Metrics shared by processes of many hosts through Redis.
#![forbid(unsafe_code)]
