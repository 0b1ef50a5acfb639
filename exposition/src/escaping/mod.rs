//! Names that the legacy character set cannot write, and the labels that carry them.
//!
//! Text format 0.0.4 knows only the legacy character set; other names are written by the
//! `underscores` scheme (<https://prometheus.io/docs/instrumenting/escaping_schemes/>), which a
//! scraper that asks for no other is to be answered with.

mod labels;
mod names;

pub(crate) use labels::LabelRewriter;
pub(crate) use names::{NameOf, is_writable, push_name};
