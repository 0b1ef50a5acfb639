//! The global registry.

use crate::setup::connect_env;
use pytheus_backend_local::Local;
use pytheus_core::{Problem, Registry};
use std::error::Error;
use std::panic::Location;
use std::sync::OnceLock;

static GLOBAL: OnceLock<Decided> = OnceLock::new();

#[derive(Debug)]
struct Decided {
    registry: Registry,
    by: Decision,
}

#[derive(Debug, Clone, Copy)]
struct Decision {
    way: Way,
    at: &'static Location<'static>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Init,
    Use { metric: Option<&'static str> },
}

/// The global registry was decided before [`init`] was called; nothing has changed.
///
/// # Examples
///
/// ```
/// use pytheus::{InitError, Local, Registry};
///
/// pytheus::counter!("hits_total", "Hits").inc();
///
/// let error = pytheus::init(Registry::new(Local::new())).unwrap_err();
/// assert!(matches!(error, InitError::Used { metric: Some("hits_total"), .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// `init` was called before.
    #[error(
        "the global registry is already set: init was first called at {at}; call it once, at the \
         start of main"
    )]
    Initialised {
        /// The source line of the first call.
        at: &'static Location<'static>,
    },
    /// Something used the global registry before, so that the environment decided.
    #[error(
        "the global registry is already decided by the environment: first used {}at {at}; call \
         init before that",
        by(metric)
    )]
    Used {
        /// The metric that was first, if it came from a macro such as [`counter!`](crate::counter).
        metric: Option<&'static str>,
        /// The source line of the first use.
        at: &'static Location<'static>,
    },
}

fn by(metric: &Option<&'static str>) -> String {
    metric.map(|metric| format!("by {metric:?} ")).unwrap_or_default()
}

/// Makes `registry` the global one.
///
/// Call it once, at the start of `main`: the global registry is decided once, and the first use of it
/// decides, too.
///
/// # Errors
///
/// [`InitError`] if it was decided before; it names the source line that came first, and the metric
/// if there was one.
///
/// # Examples
///
/// ```
/// use pytheus::Registry;
///
/// pytheus::init(Registry::builder(pytheus::connect_env()?).prefix("shop").build()?)?;
/// pytheus::counter!("hits_total", "Hits").inc();
/// assert_eq!(pytheus::global().value("shop_hits_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn init(registry: Registry) -> Result<(), InitError> {
    let by = Decision { way: Way::Init, at: Location::caller() };
    let mut ours = false;
    let decided = GLOBAL.get_or_init(|| {
        ours = true;
        Decided { registry, by }
    });
    if ours {
        return Ok(());
    }
    let Decision { way, at } = decided.by;
    Err(match way {
        Way::Init => InitError::Initialised { at },
        Way::Use { metric } => InitError::Used { metric, at },
    })
}

/// The global registry.
///
/// Where [`init`] has not been called, the first call decides it: a registry without a prefix on the
/// backend that the environment names ([`connect_env`]). It never fails: where that backend cannot be
/// opened, metrics are kept in this process as with `local:`, and [`Registry::problems`] says why.
///
/// While the backend is being opened, other threads wait here; so a backend must not use the global
/// registry in its own [`connect`](pytheus_core::BackendConfig::connect).
///
/// # Examples
///
/// ```
/// use pytheus::{Counter, global};
/// use std::sync::LazyLock;
///
/// static HITS: LazyLock<Counter> =
///     LazyLock::new(|| global().counter("hits_total", "Hits").or_detached());
///
/// HITS.inc();
/// assert_eq!(global().value("hits_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn global() -> &'static Registry {
    match GLOBAL.get() {
        Some(decided) => &decided.registry,
        None => decide_by_use(None, Location::caller()),
    }
}

/// [`global`] for the macros, which know the metric they are asked for.
#[doc(hidden)]
#[track_caller]
pub fn global_for(metric: &'static str) -> &'static Registry {
    match GLOBAL.get() {
        Some(decided) => &decided.registry,
        None => decide_by_use(Some(metric), Location::caller()),
    }
}

#[cold]
fn decide_by_use(
    metric: Option<&'static str>,
    at: &'static Location<'static>,
) -> &'static Registry {
    let by = Decision { way: Way::Use { metric }, at };
    &GLOBAL.get_or_init(|| Decided { registry: from_environment(at), by }).registry
}

fn from_environment(at: &'static Location<'static>) -> Registry {
    let error = match connect_env() {
        Ok(backend) => return Registry::new(backend),
        Err(error) => error,
    };
    let registry = Registry::new(Local::new());
    let message = format!("metrics are kept in this process only: {}", with_causes(&error));
    let mut problem = Problem::new("pytheus::global()", message);
    problem.at = at;
    registry.report(problem);
    registry
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
