//! What a scraper is shown.
#![allow(dead_code, reason = "not every test needs all of it")]

use pytheus_core::Registry;
use pytheus_exposition::render_blocking;

/// The whole page.
pub(crate) fn page(registry: &Registry) -> String {
    String::from_utf8(render_blocking(registry).unwrap()).unwrap()
}

/// The page without its HELP and TYPE lines.
pub(crate) fn samples(registry: &Registry) -> Vec<String> {
    page(registry).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}
