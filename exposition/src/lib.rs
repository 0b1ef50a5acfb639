//! What a scrape of pytheus metrics looks like on the wire.
//!
//! An encoder is a [`Visitor`](pytheus_core::Visitor) that writes to any [`Write`](std::io::Write):
//! it is made around a writer, shown a [`Collection`](pytheus_core::Collection), and finished, which
//! gives the writer back. [`TextEncoder`] writes the Prometheus text format 0.0.4, which every
//! Prometheus and everything that speaks its language reads.
//!
//! Most programs need one of these:
//!
//! | function | for |
//! |---|---|
//! | [`render`], [`render_blocking`], [`to_text`] | a page, from anything that can be scraped |
//! | [`encode_text`] | a page that is written as it comes about: a file, a socket, a compressor |
//! | `router` (feature `axum`) | `GET /metrics` in an axum application |
//!
//! # Examples
//!
//! ```
//! use pytheus_backend_local::Local;
//! use pytheus_core::Registry;
//!
//! let registry = Registry::new(Local::new());
//! let orders = registry.counter("orders_total", "Orders placed").label_names(["channel"]).register()?;
//! let latency = registry.histogram("latency_seconds", "Time to answer").buckets([0.1, 1.0]).register()?;
//! orders.with(["web"]).inc();
//! latency.observe(0.25);
//!
//! let page = pytheus_exposition::to_text(&registry)?;
//! assert_eq!(
//!     page,
//!     r#"# HELP latency_seconds Time to answer
//! ## TYPE latency_seconds histogram
//! latency_seconds_bucket{le="0.1"} 0
//! latency_seconds_bucket{le="1"} 1
//! latency_seconds_bucket{le="+Inf"} 1
//! latency_seconds_sum 0.25
//! latency_seconds_count 1
//! ## HELP orders_total Orders placed
//! ## TYPE orders_total counter
//! orders_total{channel="web"} 1
//! "#,
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - `axum`: `router`, which serves a page at `/metrics`.

#![forbid(unsafe_code)]

mod escaping;
mod numbers;
#[cfg(feature = "axum")]
mod router;
mod text;

#[cfg(feature = "axum")]
pub use router::router;
pub use text::{TEXT_CONTENT_TYPE, TextEncoder, encode_text, render, render_blocking, to_text};
