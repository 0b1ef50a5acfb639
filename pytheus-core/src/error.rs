//! One error type per kind of operation. See [`RegisterError`], [`LabelError`], [`ConfigError`] and
//! [`BackendError`]; [`Problem`] is an error nobody could be handed.

use std::error::Error;
use std::panic::Location;

/// A registration failed; nothing was registered.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{RegisterError, Registry};
///
/// let registry = Registry::new(Local::new());
/// let error = registry.counter("1x", "Starts with a digit").register().unwrap_err();
/// assert!(matches!(error, RegisterError::Name { .. }));
/// assert_eq!(
///     error.to_string(),
///     "metric name \"1x\" is not valid: it must match [a-zA-Z_:][a-zA-Z0-9_:]*, \
///      unless the registry was built with utf8_names()",
/// );
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The (prefixed) name of a family, or a prefix, is not a metric name.
    #[error("metric name {name:?} is not valid: {reason}")]
    Name {
        /// The name as it would have been exported.
        name: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// A label name is malformed, reserved, or stands twice.
    #[error("label name {name:?} of {family:?} is not valid: {reason}")]
    LabelName {
        /// The family, or the registry's prefix for a constant label.
        family: String,
        /// The label name.
        name: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// A default was given for a label the family does not declare.
    #[error("{family:?} has no label {name:?} to give a default; it declares {declared:?}")]
    Default {
        /// The family.
        family: String,
        /// The label the default was meant for.
        name: String,
        /// The labels there are.
        declared: Vec<String>,
    },
    /// The bucket bounds of a histogram, or what its native buckets were to be like, are not usable.
    #[error("buckets of {family:?} are not valid: {reason}")]
    Buckets {
        /// The family.
        family: String,
        /// The offending bound or option and what is allowed.
        reason: String,
    },
    /// The states of a state set are not usable.
    #[error("states of {family:?} are not valid: {reason}")]
    States {
        /// The family.
        family: String,
        /// The offending state and what is allowed.
        reason: String,
    },
    /// The unit is malformed.
    #[error("unit {unit:?} of {family:?} is not valid: {reason}")]
    Unit {
        /// The family.
        family: String,
        /// The unit.
        unit: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// The name is taken by a family that differs.
    #[error(
        "{family:?} is already registered with {what} {registered}, now asked for with {asked}; \
         all who share a backend must agree, or use another name"
    )]
    Conflict {
        /// The family.
        family: String,
        /// What differs: type, labels, buckets, …
        what: &'static str,
        /// As it is.
        registered: String,
        /// As it was asked for.
        asked: String,
    },
    /// A fixed limit of this library is exceeded.
    #[error("{family:?}: {what} is {asked}, at most {limit} is allowed")]
    Limit {
        /// The family.
        family: String,
        /// What there is too much of.
        what: &'static str,
        /// How much was asked for.
        asked: usize,
        /// How much there may be.
        limit: usize,
    },
    /// A custom collector panicked where it should have declared its families.
    #[error("the custom collector panicked in families(); nothing of it is registered")]
    CollectorPanicked,
    /// The backend could not take the family.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A view that was made along with the families is not right; for functions that set up both.
    #[error(transparent)]
    Label(#[from] LabelError),
}

/// A label that the family does not have, or a wrong number of values.
///
/// Always a mistake in code, never a matter of load, space, time or I/O.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{LabelError, Registry};
///
/// let registry = Registry::new(Local::new());
/// let orders = registry.counter("orders_total", "Orders").label_names(["channel"]).register()?;
/// let error = orders.labels([("chanel", "web")]).unwrap_err();
/// assert_eq!(error.to_string(), r#""orders_total" has no label "chanel"; it declares ["channel"]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// No such label.
    #[error("{family:?} has no label {name:?}; it declares {declared:?}")]
    Unknown {
        /// The family.
        family: String,
        /// The label asked for.
        name: String,
        /// The labels there are.
        declared: Vec<String>,
    },
    /// Labels without a value.
    #[error("{family:?} still needs a value for {missing:?}")]
    Missing {
        /// The family.
        family: String,
        /// The labels without a value, in declared order.
        missing: Vec<String>,
    },
    /// Too few or too many values by position.
    #[error("{family:?} takes values for {expected:?}, got {got}")]
    Arity {
        /// The family.
        family: String,
        /// The labels that have no value yet, in declared order.
        expected: Vec<String>,
        /// How many values were given.
        got: usize,
    },
    /// A label name of an open label set is malformed, reserved, or stands twice.
    #[error("label name {name:?} of {family:?} is not valid: {reason}")]
    Name {
        /// The family.
        family: String,
        /// The label name.
        name: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// No such state.
    #[error("{family:?} has no state {state:?}; it declares {declared:?}")]
    State {
        /// The family.
        family: String,
        /// The state asked for.
        state: String,
        /// The states there are.
        declared: Vec<String>,
    },
}

/// The labels of an exemplar are not usable. The update itself counted.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{ExemplarError, Registry};
///
/// let registry = Registry::new(Local::new());
/// let hits = registry.counter("hits_total", "Hits").register()?;
/// let long = "x".repeat(200);
/// let error = hits.inc_with_exemplar(1, [("trace_id", long.as_str())]).unwrap_err();
/// assert_eq!(error, ExemplarError::TooLong { code_points: 208 });
/// assert_eq!(hits.get(), Some(1.0));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExemplarError {
    /// OpenMetrics allows 128 code points for all names and values together.
    #[error("the labels of the exemplar have {code_points} code points, at most 128 are allowed")]
    TooLong {
        /// How many there were.
        code_points: usize,
    },
    /// A label name is malformed, reserved, or stands twice.
    #[error("label name {name:?} of the exemplar is not valid: {reason}")]
    Name {
        /// The label name.
        name: String,
        /// What is allowed.
        reason: &'static str,
    },
}

/// What a backend can answer at set-up, collection, flush and close.
///
/// One type for all backends, because `dyn Backend` needs one; the cause travels as
/// [`source`](Error::source).
///
/// # Examples
///
/// ```
/// use pytheus_core::{BackendError, BackendErrorKind};
///
/// let error = BackendError::new("redis", BackendErrorKind::Unavailable, "nobody listens on port 1");
/// assert_eq!(error.to_string(), "backend redis: unavailable: nobody listens on port 1");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("backend {backend}: {kind}: {message}")]
#[non_exhaustive]
pub struct BackendError {
    /// The scheme of the backend.
    pub backend: &'static str,
    /// What sort of failure, for code that reacts to it.
    pub kind: BackendErrorKind,
    /// What was wrong, with which name and value, and what to do.
    pub message: String,
    /// The cause, where there is one.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl BackendError {
    /// An error without a cause.
    pub fn new(backend: &'static str, kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self { backend, kind, message: message.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// What sort of failure a [`BackendError`] is.
///
/// # Examples
///
/// ```
/// use pytheus_core::{BackendError, BackendErrorKind};
///
/// fn may_pass(error: &BackendError) -> bool {
///     matches!(error.kind, BackendErrorKind::Unavailable | BackendErrorKind::TimedOut)
/// }
/// assert!(may_pass(&BackendError::new("redis", BackendErrorKind::TimedOut, "no answer in 5 s")));
/// assert!(!may_pass(&BackendError::new("file", BackendErrorKind::Denied, "cannot write")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The store cannot be reached now; trying again later may help.
    Unavailable,
    /// No room: memory, file system, a configured limit.
    Full,
    /// What is stored contradicts what was asked for.
    Conflict,
    /// What is stored cannot be made sense of.
    Corrupt,
    /// Not permitted.
    Denied,
    /// It took longer than allowed.
    TimedOut,
    /// Not possible on this platform or with this backend.
    Unsupported,
    /// Anything else.
    Other,
}

impl std::fmt::Display for BackendErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Conflict => "conflict",
            Self::Corrupt => "corrupt",
            Self::Denied => "denied",
            Self::TimedOut => "timed out",
            Self::Unsupported => "unsupported",
            Self::Other => "failed",
        })
    }
}

/// A configuration could not be turned into a backend.
///
/// # Examples
///
/// ```
/// use pytheus_core::ConfigError;
///
/// let error = ConfigError::Scheme {
///     origin: "PYTHEUS_BACKEND".into(),
///     scheme: "locla".into(),
///     known: vec!["local".into()],
/// };
/// assert_eq!(error.to_string(), r#"PYTHEUS_BACKEND: unknown backend scheme "locla"; known: ["local"]"#);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No backend answers to the scheme of the URL.
    #[error("{origin}: unknown backend scheme {scheme:?}; known: {known:?}")]
    Scheme {
        /// Where it was asked for: a URL, a file, an environment variable.
        origin: String,
        /// The scheme asked for.
        scheme: String,
        /// The schemes there are.
        known: Vec<String>,
    },
    /// Two backends claim one scheme.
    #[error(
        "backend scheme {scheme:?} is already taken; register a backend once, under a scheme of its own"
    )]
    SchemeTaken {
        /// The scheme.
        scheme: String,
    },
    /// A URL, file, variable or option does not say what it should.
    #[error("{origin}: {message}")]
    Value {
        /// Where the value came from: a URL, a path, an environment variable.
        origin: String,
        /// What was wrong with it and what is allowed.
        message: String,
    },
    /// A configuration file cannot be read.
    #[error("cannot read the configuration file {path:?}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration is fine, the backend is not.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Something that went wrong where no error could be returned, such as the first touch of a static.
///
/// See [`Registry::problems`](crate::Registry::problems).
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let hits = registry.counter("1x", "Starts with a digit").or_detached();
/// hits.inc(); // counts, but is not exported
/// let problems = registry.problems();
/// assert_eq!(problems[0].metric, "1x");
/// assert!(problems[0].message.contains("is not valid"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Problem {
    /// The metric concerned, by its exported name.
    pub metric: String,
    /// The source line that asked for it.
    pub at: &'static Location<'static>,
    /// What was wrong.
    pub message: String,
}

impl Problem {
    /// A problem with `metric` at the caller's source line.
    #[track_caller]
    pub fn new(metric: impl Into<String>, message: impl Into<String>) -> Self {
        Self { metric: metric.into(), at: Location::caller(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {}: {}", self.metric, self.at, self.message)
    }
}
