//! Whatever a function looks like, it compiles under the attributes, works as before, and raises
//! no lint that it did not raise before.

#![deny(warnings, unused, future_incompatible, nonstandard_style, let_underscore, keyword_idents)]
#![deny(explicit_outlives_requirements, single_use_lifetimes, trivial_casts, unreachable_pub)]
#![deny(unused_lifetimes, unused_qualifications, unused_results, noop_method_call)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(clippy::unused_async, reason = "an async function that never waits is a shape, too")]
#![allow(clippy::unused_self, reason = "and so is a method that does not look at itself")]

use pytheus::{Counter, Family, Histogram, Local, Registry, UpDownCounter};
use pytheus::{counted_errors, in_flight, timed};
use std::error::Error;
use std::fmt::Debug;
use std::num::ParseIntError;
use std::panic::Location;
use std::sync::{Arc, LazyLock, Mutex};

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(Local::new()));
static LATENCY: LazyLock<Histogram> =
    LazyLock::new(|| REGISTRY.histogram("latency_seconds", "Time to answer").or_detached());
static BUSY: LazyLock<UpDownCounter> =
    LazyLock::new(|| REGISTRY.up_down_counter("busy", "Being answered").or_detached());
static ERRORS: LazyLock<Counter> =
    LazyLock::new(|| REGISTRY.counter("errors_total", "Errors").or_detached());
static BY_PAGE: LazyLock<Family<Histogram, 1>> = LazyLock::new(|| {
    REGISTRY.histogram("page_seconds", "Time by page").label_names(["page"]).or_detached()
});

// ── free functions ──────────────────────────────────────────────────────────────────────────────

/// Doc comments stay,
#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
#[doc = "and other attributes."]
#[inline(never)]
#[allow(clippy::needless_return, reason = "to see that the attribute is obeyed")]
fn decorated(text: &str) -> Result<u8, ParseIntError> {
    const RADIX: u32 = 10;
    const fn parse(text: &str) -> Result<u8, ParseIntError> {
        u8::from_str_radix(text, RADIX)
    }
    return parse(text);
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
fn decorated_inside(text: &str) -> Result<u8, ParseIntError> {
    //! Doc comments inside stay,
    #![doc = "and other attributes."]
    #![allow(clippy::needless_return, reason = "to see that the attribute is obeyed")]
    return text.parse();
}

#[rustfmt::skip]
#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
fn on_one_line(text: &str) -> Result<u8, ParseIntError> { text.parse() }

#[timed(LATENCY)]
#[in_flight(BUSY)]
fn nothing() {}

#[timed(LATENCY)]
#[in_flight(BUSY)]
fn unit(target: &mut u8) {
    *target += 1;
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
fn never(message: &str) -> ! {
    panic!("{message}")
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
fn generic<'a, T, const N: usize>(
    (first, others): (&'a T, [&'a T; N]),
    mut count: u8,
    _: impl Debug,
) -> Result<&'a T, &'a str>
where
    T: PartialEq + ?Sized,
{
    while count > 1 {
        if others.contains(&first) {
            return Err("equal");
        }
        count -= 1;
    }
    Ok(first)
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
fn returns_impl(text: &str) -> impl Iterator<Item = char> {
    text.chars().rev()
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
fn returns_impl_in_result(text: &str) -> Result<impl Iterator<Item = char>, String> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(text.chars().rev())
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
fn coerces(text: &str) -> Result<Box<dyn Debug>, Box<dyn Error + Send + Sync>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(Box::new(text.parse::<u8>()?))
}

/// # Safety
///
/// `text` must be UTF-8.
#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
unsafe fn unsafe_function(text: &[u8]) -> Result<u8, ParseIntError> {
    // SAFETY: what this function asks for.
    let text = unsafe { str::from_utf8_unchecked(text) };
    text.parse()
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
extern "C" fn foreign_abi(byte: u8) -> u8 {
    byte
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
#[track_caller]
fn knows_its_caller() -> u32 {
    Location::caller().line()
}

#[counted_errors(ERRORS, if = |error: &ParseIntError| error.to_string().len() > limit)]
#[counted_errors(ERRORS)]
fn counted_twice(text: &str, limit: usize) -> Result<u8, ParseIntError> {
    text.parse()
}

/// Generated code has names, too; they are out of sight.
#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(counter)]
fn names(counter: &Counter, result: u8, early: u8) -> Result<u8, u8> {
    let total = result + early;
    if total > 9 {
        return counter.count_err(Err(total));
    }
    Ok(total)
}

/// Alike, later.
#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(counter)]
async fn async_names(counter: &Counter, result: u8, early: u8) -> Result<u8, u8> {
    names(counter, result, early)
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
#[counted_errors(ERRORS)]
async fn async_generic<T: Copy + Sync>(
    [first, ..]: &[T; 2],
    mut count: u8,
    text: &str,
) -> Result<(T, u8), Box<dyn Error + Send + Sync>> {
    use std::future::ready;
    while count < 3 {
        count += ready(1).await;
    }
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok((*first, text.parse::<u8>()? + count))
}

#[counted_errors(ERRORS)]
async fn async_impl(text: &str) -> Result<impl Iterator<Item = char>, String> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(text.chars().rev())
}

#[counted_errors(ERRORS)]
async fn async_that_only_fails() -> Result<(), String> {
    Err("always".into())
}

#[timed(LATENCY)]
#[in_flight(BUSY)]
async fn async_nothing() {}

// ── expressions that name a metric ──────────────────────────────────────────────────────────────

#[timed(BY_PAGE.with([page]))]
fn by_argument(page: &str) -> usize {
    page.len()
}

#[timed(&LATENCY)]
#[in_flight(&*BUSY)]
#[counted_errors(&ERRORS)]
fn by_reference() -> Result<(), ()> {
    Err(())
}

#[timed(latency)]
#[counted_errors(*errors)]
fn by_argument_in_a_pointer(latency: Arc<Histogram>, errors: &Arc<Counter>) -> Result<(), ()> {
    drop(latency);
    Err(())
}

#[timed(if slow { &LATENCY } else { other })]
fn by_choice(slow: bool, other: &LazyLock<Histogram>) {}

#[timed({ let family = &BY_PAGE; family.with(["block"]) },)]
#[counted_errors(locked.lock().map_err(|_| ())?,)]
fn by_block(locked: &Mutex<Counter>) -> Result<(), ()> {
    locked.lock().map(drop).map_err(drop)
}

// ── methods ─────────────────────────────────────────────────────────────────────────────────────

struct Shelf {
    latency: Histogram,
    busy: UpDownCounter,
    errors: Counter,
    books: Vec<String>,
}

impl Shelf {
    fn new() -> Self {
        Self {
            latency: LATENCY.clone(),
            busy: BUSY.clone(),
            errors: ERRORS.clone(),
            books: vec!["a".to_owned(), "b".to_owned()],
        }
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors, if = |missing| *missing > 9)]
    fn by_ref(&self, at: usize) -> Result<&str, usize> {
        self.books.get(at).map(String::as_str).ok_or(at)
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    fn by_mut(&mut self, at: usize) -> Result<&mut String, usize> {
        self.books.push(String::new());
        self.books.get_mut(at).ok_or(at)
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    fn by_value(mut self, at: usize) -> Result<String, Box<Self>> {
        if at >= self.books.len() {
            return Err(Box::new(self));
        }
        Ok(self.books.swap_remove(at))
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    fn by_arc(self: &Arc<Self>, at: usize) -> Result<Arc<Self>, usize> {
        self.books.get(at).map(|_| Arc::clone(self)).ok_or(at)
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    async fn async_by_mut(&mut self, at: usize) -> Result<&mut String, usize> {
        self.books.push(std::future::ready(String::new()).await);
        self.books.get_mut(at).ok_or(at)
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    async fn async_by_value(mut self, at: usize) -> Result<String, Box<Self>> {
        if at >= self.books.len() {
            return Err(Box::new(self));
        }
        Ok(self.books.swap_remove(at))
    }
}

trait Find {
    fn errors(&self) -> &Counter;

    async fn find(&self, title: &str) -> Result<usize, String>;

    #[counted_errors(self.errors())]
    fn provided<'a>(&self, title: &'a str) -> Result<&'a str, &'a str> {
        if title.is_empty() { Err(title) } else { Ok(title) }
    }
}

/// So large an error is a matter for the trait, not for those who implement it.
trait Fail {
    #[allow(clippy::result_large_err, reason = "so it is")]
    fn fail(&self) -> Result<(), [u8; 512]>;
}

impl Fail for Shelf {
    #[counted_errors(self.errors)]
    fn fail(&self) -> Result<(), [u8; 512]> {
        Err([1; 512])
    }
}

impl Find for Shelf {
    fn errors(&self) -> &Counter {
        &self.errors
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    async fn find(&self, title: &str) -> Result<usize, String> {
        let at = self.books.iter().position(|book| book == title);
        let at = at.ok_or_else(|| title.to_owned())?;
        Ok(at)
    }
}

// ── what other macros write ─────────────────────────────────────────────────────────────────────

macro_rules! function {
    ($(#[$attr:meta])* $vis:vis $name:ident($argument:ident: $ty:ty) -> $output:ty $body:block) => {
        $(#[$attr])*
        $vis fn $name($argument: $ty) -> $output $body
    };
}

macro_rules! timed_function {
    ($metric:expr, $counter:expr, $name:ident, $output:ty, $value:expr) => {
        #[timed($metric)]
        #[counted_errors($counter)]
        fn $name() -> $output {
            $value
        }
    };
}

function! {
    #[timed(LATENCY)]
    #[in_flight(BUSY)]
    #[counted_errors(ERRORS)]
    pub(crate) from_a_macro(text: &str) -> Result<u8, ParseIntError> { text.parse() }
}

timed_function!(BY_PAGE.with(["macro"]), *ERRORS, inside_a_macro, Result<u8, ()>, Ok(3));

// ── tests ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn functions_work_as_before() {
    assert_eq!(decorated("7"), Ok(7));
    assert!(decorated("x").is_err());
    assert_eq!(decorated_inside("8"), Ok(8));
    assert_eq!(on_one_line("9"), Ok(9));
    nothing();
    let mut byte = 1;
    unit(&mut byte);
    assert_eq!(byte, 2);
    assert!(std::panic::catch_unwind(|| never("as asked")).is_err());
    assert_eq!(generic(("a", ["b", "c"]), 3, ()), Ok("a"));
    assert_eq!(generic(("c", ["b", "c"]), 3, ()), Err("equal"));
    assert_eq!(returns_impl("abc").collect::<String>(), "cba");
    assert_eq!(returns_impl_in_result("abc").map(Iterator::collect), Ok("cba".to_owned()));
    assert_eq!(returns_impl_in_result("").map(drop), Err("empty".to_owned()));
    assert_eq!(coerces("").map(drop).map_err(|error| error.to_string()), Err("empty".to_owned()));
    assert_eq!(format!("{:?}", coerces("5").ok()), "Some(5)");
    assert!(coerces("x").is_err_and(|error| error.is::<ParseIntError>()));
    // SAFETY: `5` is UTF-8.
    assert_eq!(unsafe { unsafe_function(b"5") }, Ok(5));
    assert_eq!(foreign_abi(9), 9);
    assert_eq!(knows_its_caller(), line!());
    assert!(counted_twice("x", 0).is_err());
    assert_eq!(names(&ERRORS, 1, 2), Ok(3));
    assert_eq!(names(&ERRORS, 8, 2), Err(10));
    assert_eq!(from_a_macro("6"), Ok(6));
    assert_eq!(inside_a_macro(), Ok(3));
}

#[test]
fn metrics_can_be_named_by_any_expression() {
    assert_eq!(by_argument("/cart"), 5);
    assert_eq!(by_reference(), Err(()));
    assert_eq!(
        by_argument_in_a_pointer(Arc::new(LATENCY.clone()), &Arc::new(ERRORS.clone())),
        Err(())
    );
    by_choice(true, &LATENCY);
    assert_eq!(by_block(&Mutex::new(ERRORS.clone())), Ok(()));
    let count = |page| REGISTRY.value("page_seconds_count", [("page", page)]).ok().flatten();
    assert_eq!(count("/cart"), Some(1.0));
    assert_eq!(count("block"), Some(1.0));
}

#[test]
fn methods_work_as_before() {
    let mut shelf = Shelf::new();
    assert_eq!(shelf.by_ref(1), Ok("b"));
    assert_eq!(shelf.by_ref(10), Err(10));
    assert_eq!(shelf.by_mut(9), Err(9));
    shelf.by_mut(0).map(|book| book.push('!')).unwrap_or_default();
    assert_eq!(shelf.by_ref(0), Ok("a!"));
    assert_eq!(shelf.provided("t"), Ok("t"));
    assert_eq!(shelf.fail(), Err([1; 512]));
    let shelf = Arc::new(shelf);
    assert!(shelf.by_arc(0).is_ok_and(|same| Arc::ptr_eq(&same, &shelf)));
    let shelf = Arc::into_inner(shelf).unwrap_or_else(Shelf::new);
    let shelf = shelf.by_value(99).err().unwrap_or_else(|| Box::new(Shelf::new()));
    assert_eq!(shelf.by_value(0).ok().as_deref(), Some("a!"));
}

#[tokio::test]
async fn async_functions_work_as_before() {
    async_nothing().await;
    assert_eq!(async_names(&ERRORS, 1, 2).await, Ok(3));
    assert_eq!(async_generic(&['a', 'b'], 0, "4").await.ok(), Some(('a', 7)));
    assert!(async_generic(&['a', 'b'], 0, "").await.is_err());
    assert_eq!(async_impl("abc").await.map(Iterator::collect), Ok("cba".to_owned()));
    assert_eq!(async_that_only_fails().await, Err("always".to_owned()));
    let mut shelf = Shelf::new();
    assert_eq!(shelf.find("b").await, Ok(1));
    assert_eq!(shelf.find("z").await, Err("z".to_owned()));
    assert_eq!(shelf.async_by_mut(9).await, Err(9));
    assert!(shelf.async_by_mut(0).await.is_ok());
    assert_eq!(shelf.async_by_value(1).await.ok().as_deref(), Some("b"));
}

const fn sendable<T: Send>(value: T) -> T {
    value
}

#[test]
fn futures_are_send_when_their_body_is() {
    drop(sendable(async_generic(&[1, 2], 0, "")));
    drop(sendable(Shelf::new().async_by_mut(0)));
    drop(sendable(Shelf::new().async_by_value(0)));
}
