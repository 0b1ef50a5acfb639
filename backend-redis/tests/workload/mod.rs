//! Programs that count through the public interface, and what a page has to show of them.
#![allow(dead_code, unreachable_pub, reason = "not every test needs all of it")]

use pytheus_backend_local::Local;
use pytheus_backend_redis::{Redis, RedisConfig};
use pytheus_core::{
    BackendError, Counter, Family, GaugeMode, Histogram, Native, Registry, Summary, UpDownCounter,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes as long on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Families beside those of every type, so that all shards have some.
const EVENTS: usize = 20;
/// Of so many pages, each is visited so often in a row.
const PAGES: u64 = 100;
const VISITS: u64 = 50;
const ROUTES: [&str; 3] = ["/", "/cart", "/pay"];

/// Updates that a thread makes between two looks whether it is to go on.
const BURST: usize = 20;
/// Time between two bursts: the machine has to do more than to count.
const PACE: Duration = Duration::from_millis(1);

/// Chooses between the figures of the short form of a test and of the long one.
pub fn short_or_long<T>(short: T, long: T) -> T {
    let is_long = std::env::var_os("PYTHEUS_LONG_TESTS").is_some_and(|value| value == "1");
    if is_long { long } else { short }
}

/// Options as they stand in a file.
pub fn options(text: &str) -> RedisConfig {
    toml::from_str(text).expect(text)
}

/// The samples of a page, as it shows them, without those about the library itself.
pub type Page = BTreeMap<String, f64>;

pub fn page(registry: &Registry) -> Result<Page, BackendError> {
    let mut page = whole_page(registry)?;
    page.retain(|sample, _| !sample.starts_with("pytheus_"));
    Ok(page)
}

pub fn whole_page(registry: &Registry) -> Result<Page, BackendError> {
    let text = pytheus_exposition::to_text(registry)?;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    Ok(samples
        .map(|line| {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            (sample.to_owned(), value.parse().expect("a number"))
        })
        .collect())
}

/// What the process that shows the page tells about itself.
#[track_caller]
pub fn own(page: &Page, name: &str) -> f64 {
    let mut samples = page.iter().filter(|(sample, _)| sample.split('{').next() == Some(name));
    *samples.next().unwrap_or_else(|| panic!("no {name} in {page:?}")).1
}

/// What somebody who counts nothing sees.
pub fn page_of(url: &str, config: &RedisConfig) -> Page {
    let registry = Registry::new(Redis::open_with(url, config).expect("a server"));
    let page = page(&registry).expect("a page");
    registry.close_blocking().expect("a server");
    page
}

/// Of every type something. All amounts are such that sums of them are exact.
pub struct Metrics {
    orders: Vec<Counter>,
    paid: Counter,
    latency: Vec<Histogram>,
    weights: Histogram,
    carts: UpDownCounter,
    load: UpDownCounter,
    sizes: Summary,
    events: Vec<Counter>,
    visits: Family<Counter, 1>,
}

impl Metrics {
    pub fn register(registry: &Registry) -> Self {
        let orders = registry.counter("orders_total", "Orders").label_names(["route"]);
        let orders = orders.register().expect("a family");
        let latency = registry.histogram("latency_seconds", "Time to answer");
        let latency = latency.buckets([0.25, 1.0]).label_names(["route"]);
        let latency = latency.register().expect("a family");
        let events = (0..EVENTS).map(|n| {
            registry.counter(&format!("events_{n}_total"), "Events").register().expect("a family")
        });
        let visits = registry.counter("visits_total", "Visits").label_names(["page"]);
        let workers = registry.gauge("workers", "Processes").mode(GaugeMode::LiveSum);
        workers.register().expect("a family").set(1);
        Self {
            orders: ROUTES.iter().map(|route| orders.with([route])).collect(),
            paid: registry.counter("paid_total", "Money").register().expect("a family"),
            latency: ROUTES.iter().map(|route| latency.with([route])).collect(),
            weights: registry
                .histogram("weights", "Weights")
                .native(Native::default().max_buckets(16))
                .register()
                .expect("a family"),
            carts: registry.up_down_counter("carts", "Open carts").register().expect("a family"),
            load: registry.up_down_counter("load", "Load").register().expect("a family"),
            sizes: registry.summary("sizes", "Sizes").register().expect("a family"),
            events: events.collect(),
            visits: visits.register().expect("a family"),
        }
    }

    /// The update with this number, always the same.
    pub fn update(&self, n: u64) {
        let at = n as usize;
        self.orders[at % ROUTES.len()].inc();
        self.paid.inc_by([0.25, 1.0, 2.5][at / 2 % 3]);
        self.latency[at % ROUTES.len()].observe([0.125, 0.5, 4.0, 0.25][at % 4]);
        // As the sum of them goes on, its last bit is an eighth; there are more buckets by and by.
        self.weights.observe(2_f64.powi((n / 100 % 24) as i32 - 3));
        self.carts.add([3, -1, -1][at % 3]);
        self.load.add([1.5, -0.75][at % 2]);
        self.sizes.observe([0.5, 8.0][at % 2]);
        self.events[at % EVENTS].inc_by((n % 7 + 1) as u32);
        // Every now and then one that nobody knows yet.
        self.visits.with([&(n / VISITS % PAGES).to_string()]).inc();
    }
}

/// A process that counts, as far as the server can tell.
pub struct Application {
    pub redis: Redis,
    pub registry: Registry,
    metrics: Metrics,
    updates: AtomicU64,
}

impl Application {
    pub fn open(url: &str, config: &RedisConfig) -> Self {
        let redis = Redis::open_with(url, config).unwrap_or_else(|error| panic!("{url}: {error}"));
        let registry = Registry::new(redis.clone());
        let metrics = Metrics::register(&registry);
        Self { redis, registry, metrics, updates: AtomicU64::new(0) }
    }

    /// Several of them, with names of their own.
    pub fn open_many(count: usize, url: &str, config: &RedisConfig) -> Vec<Self> {
        let open = |n| {
            let mut config = config.clone();
            config.client_name = Some(format!("worker-{n}"));
            Self::open(url, &config)
        };
        (0..count).map(open).collect()
    }

    pub fn update(&self) {
        self.metrics.update(self.updates.fetch_add(1, Ordering::Relaxed));
    }

    pub fn updates(&self) -> u64 {
        self.updates.load(Ordering::Relaxed)
    }

    /// Flushes as often as it takes; how often it failed.
    #[track_caller]
    pub fn flush(&self) -> u64 {
        let deadline = Instant::now() + DEADLINE;
        let mut failures = 0;
        while let Err(error) = self.registry.flush_blocking() {
            assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {error}");
            failures += 1;
            thread::yield_now();
        }
        failures
    }
}

/// The page of all applications, had one process counted for them in its own memory.
pub struct Truth {
    registry: Registry,
    metrics: Metrics,
    counted: Vec<u64>,
}

impl Truth {
    pub fn new() -> Self {
        let registry = Registry::new(Local::new());
        let metrics = Metrics::register(&registry);
        Self { registry, metrics, counted: Vec::new() }
    }

    /// Nobody counts meanwhile.
    pub fn of(&mut self, applications: &[Application]) -> Page {
        self.counted.resize(applications.len(), 0);
        for (counted, application) in self.counted.iter_mut().zip(applications) {
            (*counted..application.updates()).for_each(|n| self.metrics.update(n));
            *counted = application.updates();
        }
        let mut page = page(&self.registry).expect("memory");
        page.insert("workers".to_owned(), applications.len() as f64);
        page
    }
}

/// What differs of two pages, for people.
#[track_caller]
pub fn assert_same(shown: &Page, truth: &Page, when: &str) {
    let samples = shown.keys().chain(truth.keys());
    let mut wrong: Vec<_> = samples
        .filter(|sample| shown.get(*sample) != truth.get(*sample))
        .map(|sample| format!("{sample}: {:?}, not {:?}", shown.get(sample), truth.get(sample)))
        .collect();
    wrong.sort_unstable();
    wrong.dedup();
    assert!(wrong.is_empty(), "{when}:\n{}", wrong.join("\n"));
}

/// Applications of which several threads count all the time.
pub struct Load {
    pub applications: Vec<Application>,
    /// Held by whoever counts, and whether it is over.
    gate: RwLock<bool>,
}

impl Load {
    /// Does something while so many threads of each application count.
    pub fn run<T>(
        applications: Vec<Application>,
        threads: usize,
        body: impl FnOnce(&Self) -> T,
    ) -> T {
        let load = Self { applications, gate: RwLock::new(false) };
        thread::scope(|scope| {
            for application in &load.applications {
                for _ in 0..threads {
                    scope.spawn(|| load.count(application));
                }
            }
            let _over = Over(&load);
            body(&load)
        })
    }

    fn count(&self, application: &Application) {
        loop {
            let is_over = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            if *is_over {
                return;
            }
            (0..BURST).for_each(|_| application.update());
            drop(is_over);
            thread::sleep(PACE);
        }
    }

    /// Does something while nobody counts.
    pub fn in_silence<T>(&self, work: impl FnOnce(&[Application]) -> T) -> T {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        work(&self.applications)
    }

    /// Returns when so many more updates were made and told.
    #[track_caller]
    pub fn go_on(&self, updates: u64) {
        let all = || self.applications.iter().map(Application::updates).sum::<u64>();
        let wanted = all() + updates;
        let deadline = Instant::now() + DEADLINE;
        while all() < wanted {
            assert!(Instant::now() < deadline, "not within {DEADLINE:?}");
            thread::yield_now();
        }
        self.applications.iter().for_each(|application| {
            application.flush();
        });
    }

    pub fn gaps(&self) -> u64 {
        self.applications.iter().map(|application| application.redis.status().gaps).sum()
    }

    pub fn batches(&self) -> u64 {
        self.applications.iter().map(|application| application.redis.status().batches).sum()
    }
}

struct Over<'a>(&'a Load);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        *self.0.gate.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}
