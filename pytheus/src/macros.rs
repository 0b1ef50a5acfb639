//! The macros that declare a metric where it is used.

/// A counter of the global registry, declared where it is counted.
///
/// `counter!("hits_total", "Hits")` is a `&'static` [`Counter`](crate::Counter). The first time the
/// line runs it is registered; from then on it costs one load. With labels, the family is kept and the
/// values are looked up, and the result is a [`Counter`](crate::Counter). A value may be anything that
/// coerces to `&str`.
///
/// Name, help and label names are constants. A metric that cannot be registered counts detached, and
/// [`Registry::problems`](crate::Registry::problems) names this line. The same metric may be declared
/// on several lines, if they agree.
///
/// # Examples
///
/// ```
/// let method = String::from("GET");
/// pytheus::counter!("hits_total", "Hits").inc();
/// pytheus::counter!("requests_total", "Requests", "method" => &method, "code" => "200").inc_by(2);
///
/// let requests = pytheus::global().value("requests_total", [("method", "GET"), ("code", "200")])?;
/// assert_eq!(requests, Some(2.0));
/// # Ok::<(), pytheus::BackendError>(())
/// ```
///
/// A name that is not a constant does not compile, for only its first value would ever count:
///
/// ```compile_fail
/// let name = format!("hits_{}_total", 1);
/// pytheus::counter!(&name, "Hits").inc();
/// ```
#[macro_export]
macro_rules! counter {
    ($name:expr, $help:expr $(, $label:expr => $value:expr)* $(,)?) => {
        $crate::__declare!(Counter.counter($name, $help), [], [$($label => $value),*])
    };
}

/// A gauge of the global registry, declared where it is set; otherwise as [`counter!`](crate::counter).
///
/// How the values of several processes become samples is said with `mode`, before the labels.
///
/// # Examples
///
/// ```
/// use pytheus::GaugeMode;
///
/// pytheus::gauge!("temperature_celsius", "Temperature").set(21.5);
/// pytheus::gauge!("jobs", "Jobs", mode = GaugeMode::LiveSum, "queue" => "mail").set(7.0);
///
/// assert_eq!(pytheus::global().value("jobs", [("queue", "mail")])?, Some(7.0));
/// # Ok::<(), pytheus::BackendError>(())
/// ```
#[macro_export]
macro_rules! gauge {
    ($name:expr, $help:expr, mode = $mode:expr $(, $label:expr => $value:expr)* $(,)?) => {
        $crate::__declare!(Gauge.gauge($name, $help), [.mode($mode)], [$($label => $value),*])
    };
    ($name:expr, $help:expr $(, $label:expr => $value:expr)* $(,)?) => {
        $crate::__declare!(Gauge.gauge($name, $help), [], [$($label => $value),*])
    };
}

/// An up-down counter of the global registry, declared where it is moved; otherwise as
/// [`counter!`](crate::counter).
///
/// # Examples
///
/// ```
/// let busy = pytheus::up_down_counter!("in_flight", "Requests being answered").in_flight();
/// assert_eq!(pytheus::global().value("in_flight", [])?, Some(1.0));
/// drop(busy);
/// assert_eq!(pytheus::global().value("in_flight", [])?, Some(0.0));
/// # Ok::<(), pytheus::BackendError>(())
/// ```
#[macro_export]
macro_rules! up_down_counter {
    ($name:expr, $help:expr $(, $label:expr => $value:expr)* $(,)?) => {
        $crate::__declare!(UpDownCounter.up_down_counter($name, $help), [], [$($label => $value),*])
    };
}

/// A histogram of the global registry, declared where it observes; otherwise as
/// [`counter!`](crate::counter).
///
/// Bounds other than the default ones are given as `buckets`, before the labels.
///
/// # Examples
///
/// ```
/// use pytheus::histogram;
///
/// histogram!("latency_seconds", "Time to answer").observe(0.25);
/// histogram!("size_bytes", "Size", buckets = [100.0, 10_000.0], "path" => "/").observe(123.0);
///
/// let below = [("path", "/"), ("le", "10000")];
/// assert_eq!(pytheus::global().value("size_bytes_bucket", below)?, Some(1.0));
/// # Ok::<(), pytheus::BackendError>(())
/// ```
#[macro_export]
macro_rules! histogram {
    ($name:expr, $help:expr, buckets = $bounds:expr $(, $label:expr => $value:expr)* $(,)?) => {
        $crate::__declare!(Histogram.histogram($name, $help), [.buckets($bounds)], [$($label => $value),*])
    };
    ($name:expr, $help:expr $(, $label:expr => $value:expr)* $(,)?) => {
        $crate::__declare!(Histogram.histogram($name, $help), [], [$($label => $value),*])
    };
}

/// The static behind a macro, and the look-up where there are labels.
///
/// Name, help and label names are made constants, because only their first values would ever count.
/// Items in a macro are visible to the expressions beside them, so the values, which are the caller's
/// own expressions, stand outside the block that holds the items, and the items have names that
/// nobody else uses.
#[doc(hidden)]
#[macro_export]
macro_rules! __declare {
    ($kind:ident.$method:ident($name:expr, $help:expr), [$($option:tt)*], []) => {{
        const __PYTHEUS_NAME: &str = $name;
        const __PYTHEUS_HELP: &str = $help;
        static __PYTHEUS_METRIC: ::std::sync::OnceLock<$crate::$kind> = ::std::sync::OnceLock::new();
        __PYTHEUS_METRIC.get_or_init(|| {
            $crate::__private::global_for(__PYTHEUS_NAME)
                .$method(__PYTHEUS_NAME, __PYTHEUS_HELP)
                $($option)*
                .or_detached()
        })
    }};
    ($kind:ident.$method:ident($name:expr, $help:expr), [$($option:tt)*], [$($label:expr => $value:expr),+]) => {
        ({
            const __PYTHEUS_NAME: &str = $name;
            const __PYTHEUS_HELP: &str = $help;
            const __PYTHEUS_LABELS: &[&str] = &[$($label),+];
            static __PYTHEUS_FAMILY: ::std::sync::OnceLock<
                $crate::Family<$crate::$kind, { __PYTHEUS_LABELS.len() }>,
            > = ::std::sync::OnceLock::new();
            __PYTHEUS_FAMILY.get_or_init(|| {
                $crate::__private::global_for(__PYTHEUS_NAME)
                    .$method(__PYTHEUS_NAME, __PYTHEUS_HELP)
                    $($option)*
                    .label_names([$($label),+])
                    .or_detached()
            })
        })
        .with([$($value),+])
    };
}
