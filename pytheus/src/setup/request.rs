//! What a configuration asks for, with a memory of where each part was written.

use super::option::OptionValue;
use super::scheme;
use super::url::BackendUrl;
use pytheus_core::config::redact;
use pytheus_core::{Backend, ConfigError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a configuration was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// In the program, or in a file that is the program's own.
    Settings,
    /// In an environment variable.
    Variable(&'static str),
    /// In a file of ours.
    File(PathBuf),
}

/// An option, and where it was written.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) value: OptionValue,
    pub(super) origin: Arc<str>,
}

/// A backend, asked for but not yet found.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) scheme: String,
    pub(super) location: String,
    pub(super) options: BTreeMap<String, Given>,
    /// How errors call the URL.
    pub(super) origin: Arc<str>,
}

impl Request {
    /// A request for `url`, with the options that stand beside it.
    pub(super) fn new<'a>(
        place: &Place,
        url: &str,
        beside: impl IntoIterator<Item = (&'a String, &'a OptionValue)>,
    ) -> Result<Self, ConfigError> {
        let (of_url, of_options) = origins(place, url);
        let parsed = BackendUrl::parse(url).map_err(|message| value_error(&of_url, message))?;
        let mut options = BTreeMap::new();
        for (key, value) in beside {
            let given = Given { value: value.clone(), origin: of_options.clone() };
            options.insert(key.clone(), given);
        }
        for option in parsed.options() {
            let (key, value) = option.map_err(|message| value_error(&of_url, message))?;
            match options.entry(key) {
                Entry::Vacant(entry) => {
                    let value = OptionValue::Text(value);
                    entry.insert(Given { value, origin: of_url.clone() });
                }
                Entry::Occupied(entry) => {
                    let message = format!("option {:?} is given twice; give it once", entry.key());
                    return Err(value_error(&of_url, message));
                }
            }
        }
        Ok(Self { scheme: parsed.scheme, location: parsed.location, options, origin: of_url })
    }

    /// This request with the options of another one beneath its own, if both mean the same backend.
    pub(super) fn over(mut self, beneath: Self) -> Self {
        if self.scheme == beneath.scheme {
            for (key, given) in beneath.options {
                self.options.entry(key).or_insert(given);
            }
        }
        self
    }

    /// Finds the backend and opens it.
    pub(super) fn open(self) -> Result<Arc<dyn Backend>, ConfigError> {
        scheme::find(&self.scheme, &self.origin)?(self)
    }
}

/// How errors call the URL, and how they call the options beside it.
fn origins(place: &Place, url: &str) -> (Arc<str>, Arc<str>) {
    let url = format!("{:?}", redact(url));
    let (of_url, of_options) = match place {
        Place::Settings => (format!("backend URL {url}"), format!("settings of backend URL {url}")),
        Place::Variable(name) => (format!("{name}={url}"), format!("{name}={url}")),
        Place::File(path) => {
            (format!("{}: backend URL {url}", path.display()), path.display().to_string())
        }
    };
    (of_url.into(), of_options.into())
}

pub(super) fn value_error(origin: &str, message: impl Into<String>) -> ConfigError {
    ConfigError::Value { origin: origin.to_owned(), message: message.into() }
}
