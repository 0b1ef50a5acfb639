//! The Prometheus text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

mod chunk;
mod encoder;
mod family;
mod line;
mod page;
mod render;

pub use encoder::TextEncoder;
#[cfg(feature = "axum")]
pub(crate) use render::page_of;
pub use render::{encode_text, render, render_blocking, to_text};

/// The media type of the pages written here, for the `Content-Type` header.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
