//! `GET /metrics` for axum.

use crate::text::{TEXT_CONTENT_TYPE, page_of};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pytheus_core::{Collection, Source};
use std::error::Error;
use std::sync::Arc;

/// A router that answers `GET` and `HEAD` at `/metrics` with what `source` has.
///
/// Merge it into an application's router, or serve it by itself on a port of its own.
///
/// The source is collected in the request's task, which may wait. Writing the page is work for the
/// processor, milliseconds of it for a hundred thousand series, so it runs on one of tokio's threads
/// for blocking work: requests that share the worker thread are not held up by a scrape. A page is
/// sent when it is complete, so an answer is a whole page or an error.
///
/// # Errors
///
/// A source that cannot be read is answered with `503 Service Unavailable` and the error as text, a
/// panic in a source with `500 Internal Server Error`, and a method other than `GET` and `HEAD` with
/// `405 Method Not Allowed`.
///
/// # Examples
///
/// ```no_run
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Registry::new(Local::new());
/// let app = axum::Router::new().merge(pytheus_exposition::router(registry.clone()));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9100").await?;
/// axum::serve(listener, app).await?;
/// # Ok(())
/// # }
/// ```
pub fn router(source: impl Source + 'static) -> Router {
    let source: Arc<dyn Source> = Arc::new(source);
    Router::new().route("/metrics", get(metrics)).with_state(source)
}

async fn metrics(State(source): State<Arc<dyn Source>>) -> Response {
    match source.collect().await {
        Ok(collection) => page(collection).await,
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, failure(&error)).into_response(),
    }
}

async fn page(collection: Collection) -> Response {
    match tokio::task::spawn_blocking(move || page_of(&collection)).await {
        Ok(page) => ([(CONTENT_TYPE, TEXT_CONTENT_TYPE)], page).into_response(),
        Err(ended) => (StatusCode::INTERNAL_SERVER_ERROR, failure(&ended)).into_response(),
    }
}

/// The error with its causes, on one line.
fn failure(error: &dyn Error) -> String {
    let mut text = format!("the metrics cannot be shown: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.push('\n');
    text
}
