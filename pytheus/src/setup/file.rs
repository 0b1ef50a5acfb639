//! Configuration files.

use super::request::value_error;
use super::settings::BackendSettings;
use pytheus_core::ConfigError;
use std::path::Path;

pub(super) fn read(path: &Path) -> Result<BackendSettings, ConfigError> {
    let origin = path.display().to_string();
    let parse = parser_for(path).ok_or_else(|| {
        value_error(&origin, "the name of a configuration file ends in .toml or .json")
    })?;
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    parse(&text).map_err(|message| value_error(&origin, message))
}

type Parse = fn(&str) -> Result<BackendSettings, String>;

fn parser_for(path: &Path) -> Option<Parse> {
    match path.extension()?.to_ascii_lowercase().to_str()? {
        "toml" => Some(parse_toml),
        "json" => Some(parse_json),
        _ => None,
    }
}

/// The error names the line but does not show it: it may hold a password.
fn parse_toml(text: &str) -> Result<BackendSettings, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        match before {
            Some(before) => format!("line {}: {}", before.split('\n').count(), error.message()),
            None => error.message().to_owned(),
        }
    })
}

fn parse_json(text: &str) -> Result<BackendSettings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
