//! The derive and attribute macros of `pytheus`: labels as structs and enums, and functions that are
//! timed, counted while they run, and whose errors are counted.
//!
//! The facade `pytheus` re-exports everything here; depend on that. The derives name the facade in
//! what they write; `crate = ".."` names another crate (see [`macro@LabelSet`]). The attributes name
//! none: they call methods of the metric they are given.
//!
//! # Examples
//!
//! ```
//! use pytheus::{Counter, Histogram, LabelSet, LabelValue, Local, Registry, TypedFamily};
//! use pytheus::{UpDownCounter, counted_errors, in_flight, timed};
//!
//! #[derive(LabelValue)]
//! #[label(rename_all = "UPPERCASE")]
//! enum Method {
//!     Get,
//! }
//!
//! #[derive(LabelSet)]
//! struct Request<'a> {
//!     method: Method,
//!     path: &'a str,
//! }
//!
//! struct Shop {
//!     requests: TypedFamily<Counter, Request<'static>>,
//!     latency: Histogram,
//!     busy: UpDownCounter,
//!     errors: Counter,
//! }
//!
//! impl Shop {
//!     #[timed(self.latency)]
//!     #[in_flight(self.busy)]
//!     #[counted_errors(self.errors)]
//!     fn get(&self, path: &str) -> Result<usize, std::num::ParseIntError> {
//!         self.requests.with(&Request { method: Method::Get, path }).inc();
//!         let order: usize = path.trim_start_matches("/orders/").parse()?;
//!         Ok(order)
//!     }
//! }
//!
//! let registry = Registry::new(Local::new());
//! let shop = Shop {
//!     requests: registry.counter("requests_total", "Requests").labels_of::<Request>().register()?,
//!     latency: registry.histogram("latency_seconds", "Time to answer").register()?,
//!     busy: registry.up_down_counter("busy", "Requests being answered").register()?,
//!     errors: registry.counter("errors_total", "Requests that failed").register()?,
//! };
//! assert_eq!(shop.get("/orders/7"), Ok(7));
//! assert!(shop.get("/orders/x").is_err());
//!
//! let labels = [("method", "GET"), ("path", "/orders/7")];
//! assert_eq!(registry.value("requests_total", labels)?, Some(1.0));
//! assert_eq!(registry.value("latency_seconds_count", [])?, Some(2.0));
//! assert_eq!(registry.value("busy", [])?, Some(0.0));
//! assert_eq!(registry.value("errors_total", [])?, Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod functions;
mod labels;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes the fields of a struct the labels of a `TypedFamily`.
///
/// Wrong labels become errors of the compiler, and looking a series up cannot fail. The names are
/// those of the fields, in their order (`r#type` is `type`); every field is a `LabelValue`. The
/// struct may borrow, may be generic (a field of a generic type makes its being a `LabelValue` a
/// condition), and may have no fields at all.
///
/// # Attributes
///
/// | on | write | for |
/// |---|---|---|
/// | a field | `#[label(name = "..")]` | a label of another name |
/// | a field | `#[label(skip)]` | a field that is no label |
/// | the struct | `#[label_set(crate = "..")]` | traits from another crate than `::pytheus` |
///
/// A name that the Prometheus data model does not allow, begins with `__` or is taken by another
/// field is an error at compile time. Labels of the UTF-8 kind need a `LabelSet` written by hand.
///
/// # Examples
///
/// ```
/// use pytheus::LabelSet;
///
/// #[derive(LabelSet)]
/// struct Request<'a, T> {
///     method: &'static str,
///     path: &'a str,
///     #[label(name = "type")]
///     kind: T,
///     #[label(skip)]
///     body: Vec<u8>,
/// }
///
/// let path = String::from("/cart");
/// let request = Request { method: "GET", path: &path, kind: 7_u16, body: vec![] };
/// assert_eq!(Request::<u16>::NAMES, ["method", "path", "type"]);
/// request.values(|values| assert_eq!(values, ["GET", "/cart", "7"]));
/// # drop(request.body);
/// ```
///
/// A family of `Request<'static>` is looked up with a `Request` that lives for the call only:
///
/// ```
/// use pytheus::{Counter, LabelSet, TypedFamily};
///
/// #[derive(LabelSet)]
/// struct Request<'a> {
///     path: &'a str,
/// }
///
/// fn count(requests: &TypedFamily<Counter, Request<'static>>, path: String) {
///     requests.with(&Request { path: &path }).inc();
/// }
/// ```
///
/// With `pytheus-core` and `pytheus-macros` alone, without the facade:
///
/// ```
/// use pytheus_core::LabelSet;
/// use pytheus_macros::LabelSet;
///
/// #[derive(LabelSet)]
/// #[label_set(crate = "pytheus_core")]
/// struct Disk {
///     device: &'static str,
/// }
///
/// assert_eq!(Disk::NAMES, ["device"]);
/// Disk { device: "sda" }.values(|values| assert_eq!(values, ["sda"]));
/// ```
#[proc_macro_derive(LabelSet, attributes(label_set, label))]
pub fn label_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    labels::derive_label_set(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes the variants of an enum the values of a label.
///
/// An enum is the safest label: it cannot grow without bound. The variants have no fields; each is
/// written in `snake_case`, where a run of capitals counts as one word (`HTTPError` is
/// `http_error`) and digits belong to the word before them (`Http2` is `http2`).
///
/// # Attributes
///
/// | on | write | for |
/// |---|---|---|
/// | a variant | `#[label(name = "..")]` | any other text |
/// | the enum | `#[label(rename_all = "..")]` | another spelling of all that have no `name` |
/// | the enum | `#[label(crate = "..")]` | the trait from another crate than `::pytheus` |
///
/// The spellings of a variant `NotFound`: `"snake_case"` is `not_found`, `"lowercase"` is
/// `notfound`, `"UPPERCASE"` is `NOTFOUND`, `"kebab-case"` is `not-found`, and `"PascalCase"` leaves
/// `NotFound` as it is.
///
/// Two variants with one text would be one series; that is an error at compile time. Where it is
/// meant, implement `LabelValue` by hand.
///
/// # Examples
///
/// ```
/// use pytheus::LabelValue;
///
/// #[derive(LabelValue)]
/// enum Outcome {
///     Delivered,
///     NotFound,
///     #[label(name = "5xx")]
///     ServerError,
/// }
///
/// let outcomes = [Outcome::Delivered, Outcome::NotFound, Outcome::ServerError];
/// let texts = outcomes.map(|outcome| outcome.with_str(str::to_owned));
/// assert_eq!(texts, ["delivered", "not_found", "5xx"]);
/// ```
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn label_value(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    labels::derive_label_value(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Observes in a histogram how long a function runs, in seconds.
///
/// `#[timed(EXPR)]` puts `EXPR.timer()` at the top of the function, so the time is observed however
/// the function ends: by returning, by an error, by a panic that unwinds, or, if it is async, by
/// being dropped half-way. To observe only some calls, use `Histogram::timer` in the body and
/// discard the timer.
///
/// `EXPR` is any expression that gives a histogram, and is evaluated at each call: a field
/// (`self.latency`), a static (`LATENCY`, also behind a `LazyLock`), a series of an argument's
/// (`LATENCY.with([page])`).
///
/// # Async functions
///
/// An async function does nothing before it is first polled, and so does the timer: `EXPR` is
/// evaluated, and the time starts, with the first poll. The time spent waiting counts. A function
/// whose whole body is an async block, or `Box::pin` of one, is treated alike; `#[async_trait]`
/// makes such functions. A function that otherwise visibly returns a future is refused, because
/// only the making of the future would be timed.
///
/// # Limits
///
/// The attribute stands on functions and methods with a body that are not `const`. A lazy result,
/// such as an iterator, is timed while it is made, not while it is used. Several attributes can
/// stand on one function.
///
/// # Examples
///
/// ```
/// use pytheus::{Family, Histogram, Local, Registry, timed};
///
/// struct Shop {
///     latency: Histogram,
///     by_page: Family<Histogram, 1>,
/// }
///
/// impl Shop {
///     #[timed(self.latency)]
///     fn order(&self, items: &str) -> Result<u32, std::num::ParseIntError> {
///         let items = items.parse::<u32>()?;
///         Ok(items + 1)
///     }
///
///     #[timed(self.by_page.with([page]))]
///     async fn visit(&self, page: &str) -> usize {
///         page.len()
///     }
/// }
///
/// let registry = Registry::new(Local::new());
/// let shop = Shop {
///     latency: registry.histogram("order_seconds", "Time to order").register()?,
///     by_page: registry
///         .histogram("page_seconds", "Time by page")
///         .label_names(["page"])
///         .register()?,
/// };
/// assert_eq!(shop.order("2"), Ok(3));
/// assert!(shop.order("two").is_err());
/// assert_eq!(registry.value("order_seconds_count", [])?, Some(2.0));
/// # let _ = shop.visit("/");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[proc_macro_attribute]
pub fn timed(arguments: TokenStream, item: TokenStream) -> TokenStream {
    functions::timed(arguments.into(), item.into()).into()
}

/// Counts the calls of a function that are running now.
///
/// `#[in_flight(EXPR)]` puts `EXPR.in_flight()` at the top of the function: the counter goes up, and
/// comes down however the function ends: by returning, by an error, by a panic that unwinds, or, if
/// it is async, by being dropped half-way.
///
/// `EXPR` is any expression that gives an `UpDownCounter`, and is evaluated at each call: a field
/// (`self.busy`), a static (`BUSY`, also behind a `LazyLock`), a series of an argument's
/// (`BUSY.with([page])`).
///
/// # Async functions
///
/// A call counts from its first poll to its end: a future that nobody polls is not running. What
/// [`timed`](macro@timed) says about functions that return futures holds here as well.
///
/// # Examples
///
/// ```
/// use pytheus::{Local, Registry, UpDownCounter, in_flight};
/// use std::sync::LazyLock;
///
/// static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(Local::new()));
/// static BUSY: LazyLock<UpDownCounter> =
///     LazyLock::new(|| REGISTRY.up_down_counter("busy", "Being answered").or_detached());
///
/// #[in_flight(BUSY)]
/// fn answer() -> Option<f64> {
///     REGISTRY.value("busy", []).ok()?
/// }
///
/// assert_eq!(answer(), Some(1.0));
/// assert_eq!(REGISTRY.value("busy", [])?, Some(0.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[proc_macro_attribute]
pub fn in_flight(arguments: TokenStream, item: TokenStream) -> TokenStream {
    functions::in_flight(arguments.into(), item.into()).into()
}

/// Counts the errors a function returns, and hands them on unchanged.
///
/// `#[counted_errors(EXPR)]` passes the result through `EXPR.count_err(..)`, whether it came from
/// the last expression, a `return` or a `?`. `#[counted_errors(EXPR, if = |error| ..)]` passes it
/// through `EXPR.count_err_if(..)`, which counts only the errors the predicate wants. Neither a
/// panic nor a dropped future is an error.
///
/// `EXPR` is any expression that gives a `Counter`, and is evaluated at the top of the function,
/// for an async function at its first poll. The predicate is a closure, or the path of a function,
/// from `&E` to `bool`. It is evaluated after the body, so it sees of the arguments what the body
/// leaves: shared references (`&self`) and what is `Copy`. What [`timed`](macro@timed) says about
/// functions that return futures holds here as well.
///
/// # Limits
///
/// The body moves into a closure, or into an async block of its own. A closure does not know the
/// caller of the function, so `#[track_caller]` on the function is an error; use
/// `Counter::count_err` in its body.
///
/// # Examples
///
/// ```
/// use pytheus::{Counter, Local, Registry, counted_errors};
/// use std::num::{IntErrorKind, ParseIntError};
///
/// struct Shop {
///     errors: Counter,
///     too_many: Counter,
/// }
///
/// impl Shop {
///     #[counted_errors(self.errors)]
///     #[counted_errors(self.too_many, if = |error| *error.kind() == IntErrorKind::PosOverflow)]
///     fn order(&self, items: &str) -> Result<u8, ParseIntError> {
///         let items = items.parse::<u8>()?;
///         Ok(items)
///     }
/// }
///
/// let registry = Registry::new(Local::new());
/// let shop = Shop {
///     errors: registry.counter("errors_total", "Orders that failed").register()?,
///     too_many: registry.counter("too_many_total", "Orders of too many items").register()?,
/// };
/// assert_eq!(shop.order("3"), Ok(3));
/// assert!(shop.order("three").is_err());
/// assert!(shop.order("300").is_err());
/// assert_eq!(registry.value("errors_total", [])?, Some(2.0));
/// assert_eq!(registry.value("too_many_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[proc_macro_attribute]
pub fn counted_errors(arguments: TokenStream, item: TokenStream) -> TokenStream {
    functions::counted_errors(arguments.into(), item.into()).into()
}
