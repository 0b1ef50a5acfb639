//! From a URL, a file or the environment to a backend.
//!
//! A configuration becomes a [`Request`](request::Request): a scheme, a location, and options that
//! remember where they were written. The scheme finds the backend's [`BackendConfig`], the options
//! fill it, and it connects to the location.
//!
//! [`BackendConfig`]: pytheus_core::BackendConfig

mod connect;
mod file;
mod fill;
mod option;
mod request;
mod scheme;
mod settings;
mod url;

pub use connect::{connect, connect_env};
pub use option::OptionValue;
pub use scheme::register_scheme;
pub use settings::BackendSettings;
