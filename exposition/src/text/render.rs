//! From a source or a collection to a page, in one call.

use super::TextEncoder;
use pytheus_core::{BackendError, Collection, Source};
use std::io::{self, Write};

/// Writes what a collection found as Prometheus text.
///
/// For pages that go elsewhere than into memory: a file, standard output, a compressor. A page that
/// is wanted as bytes is what [`render`] gives.
///
/// # Errors
///
/// The writer's error; what it has taken until then is an incomplete page.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let collection = registry.collect_blocking()?;
/// pytheus_exposition::encode_text(&collection, std::io::stdout().lock())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_text<W: Write>(collection: &Collection, out: W) -> io::Result<()> {
    let mut encoder = TextEncoder::new(out);
    // Why a visit was stopped is known to the encoder, and `finish` tells.
    let _ = collection.visit(&mut encoder);
    encoder.finish().map(drop)
}

/// Collects, then writes a page of Prometheus text.
///
/// Collecting may wait. Writing is work for the processor and waits for nobody: one to five ms for
/// 100,000 series, during which the calling task does not yield. On a busy executor move it to
/// a thread that may block, as `router` does.
///
/// # Errors
///
/// Whatever keeps the source from being read. Nothing has been written then.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// # async fn page() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Registry::new(Local::new());
/// registry.counter("hits_total", "Hits").register()?.inc();
/// let page = pytheus_exposition::render(&registry).await?;
/// assert!(page.ends_with(b"hits_total 1\n"));
/// # Ok(())
/// # }
/// ```
pub async fn render(source: &dyn Source) -> Result<Vec<u8>, BackendError> {
    Ok(page_of(&source.collect().await?))
}

/// Collects, then gives the page as text: for printing, and for tests.
///
/// # Errors
///
/// As for [`render`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// registry.counter("hits_total", "Hits").register()?.inc();
/// assert_eq!(
///     pytheus_exposition::to_text(&registry)?,
///     "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total 1\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_text(source: &dyn Source) -> Result<String, BackendError> {
    let page = render_blocking(source)?;
    // A page is UTF-8: names, labels and help are text. Nothing is replaced here.
    Ok(String::from_utf8(page)
        .unwrap_or_else(|page| String::from_utf8_lossy(page.as_bytes()).into_owned()))
}

/// [`render`] for code that is not async.
///
/// # Errors
///
/// As for [`render`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let page = pytheus_exposition::render_blocking(&registry)?;
/// assert!(page.is_empty());
/// # Ok::<(), pytheus_core::BackendError>(())
/// ```
pub fn render_blocking(source: &dyn Source) -> Result<Vec<u8>, BackendError> {
    Ok(page_of(&source.collect_blocking()?))
}

/// The page of a collection.
pub(crate) fn page_of(collection: &Collection) -> Vec<u8> {
    let mut page = Vec::new();
    // Memory takes all that it is given.
    let _ = encode_text(collection, &mut page);
    page
}
