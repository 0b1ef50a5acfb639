//! Writers are killed at random moments, while they make series, count, observe, begin threads, remove
//! series and make the segment grow. Each says what it has done, in memory that outlives it. Whatever
//! was said is there afterwards; at most one update for each kill is there that was not said; and while
//! all this goes on, no scrape shows anything that was not done.
#![cfg(target_os = "linux")]

mod acks;
mod folder;
mod page;
mod worker;

use acks::Acks;
use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::config::ByteSize;
use pytheus_core::{Counter, Family, Histogram, Registry, Source, UpDownCounter};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use worker::{Random, Role, Worker, role, short_or_long};

const NAME: &str = "a_killed_writer_loses_no_acknowledged_update";
/// How many writers run at a time.
const WRITERS: usize = 3;
/// Every so many writers are killed while they begin.
const WHILE_BEGINNING: u64 = 8;

const KEPT: usize = 24;
const TIMES: usize = 8;
const IN_FLIGHT: usize = KEPT + TIMES;
/// From here on, how many series each writer has made.
const MADE: usize = IN_FLIGHT + 1;
/// At most so many.
const MOST_MADE: u64 = 24;
/// No two have a common divisor, so a total tells whose updates are in it.
const PRIMES: [u64; 6] = [1009, 1013, 1019, 1021, 1031, 1033];

struct Metrics {
    kept: Family<Counter, 1>,
    times: Family<Histogram, 1>,
    in_flight: UpDownCounter,
    made: Family<Counter, 1>,
    made_times: Family<Histogram, 1>,
    fleeting: Family<Counter, 1>,
    fleeting_times: Family<Histogram, 1>,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        const BOUNDS: [f64; 3] = [0.1, 0.5, 1.0];
        let counter =
            |name| registry.counter(name, "d").label_names(["n"]).max_series(1_000_000).register();
        let histogram = |name| {
            let family = registry.histogram(name, "d").buckets(BOUNDS).label_names(["n"]);
            family.max_series(1_000_000).register()
        };
        Self {
            kept: counter("kept_total").unwrap(),
            times: histogram("times").unwrap(),
            in_flight: registry.up_down_counter("in_flight", "d").register().unwrap(),
            made: counter("made_total").unwrap(),
            made_times: histogram("made_times").unwrap(),
            fleeting: counter("fleeting_total").unwrap(),
            fleeting_times: histogram("fleeting_times").unwrap(),
        }
    }
}

#[test]
fn a_killed_writer_loses_no_acknowledged_update() {
    if let Some(role) = role() {
        return write(role);
    }
    let (kills, updates) = short_or_long((500, 0), (10_000, 100_000_000));
    let most_writers = 2 * kills;
    let folder = Folder::new();
    let segment = folder.file("segment");
    let acks = Acks::open(&folder.file("acks"), MADE + most_writers);
    let mut config = ShmConfig::default();
    config.max_bytes = Some(ByteSize::from_bytes(1 << 30));
    let registry = Registry::new(Shm::open_with(&segment, config).unwrap());
    let reader = Reader::open(&segment).unwrap();

    let said = || (0..=IN_FLIGHT).map(|at| acks.get(at)).sum::<u64>();
    let (killed, running) = (AtomicUsize::new(0), AtomicBool::new(true));
    std::thread::scope(|scope| {
        let killers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut random = Random::new();
                    loop {
                        let number = killed.fetch_add(1, Ordering::Relaxed);
                        if number >= most_writers || number >= kills && said() >= updates {
                            killed.fetch_sub(1, Ordering::Relaxed);
                            return;
                        }
                        kill_one(&segment, number, &mut random);
                    }
                })
            })
            .collect();
        let running = &running;
        let scrapers = [
            scope.spawn(|| scrape_while(running, &reader)),
            scope.spawn(|| scrape_while(running, &registry)),
        ];
        for killer in killers {
            killer.join().unwrap();
        }
        running.store(false, Ordering::Relaxed);
        for (scraper, who) in scrapers.into_iter().zip(["the reader", "a writer"]) {
            println!("{who} scraped {} times", scraper.join().unwrap());
        }
    });
    let killed = killed.into_inner();
    println!("{killed} writers were killed after {} updates", said());
    assert!(killed >= kills && said() >= updates);

    let page = Page::of(&registry);
    check(&page);
    assert_eq!(Page::of(&reader), page);
    check_totals(&page, &acks, killed);

    // One that comes later finds all of it, and can use it.
    let mut last = Worker::start(NAME, "last", &segment, most_writers - 1);
    last.expect("done");
    last.end();
    let page = Page::of(&reader);
    check(&page);
    check_totals(&page, &acks, killed);
}

fn kill_one(segment: &Path, number: usize, random: &mut Random) {
    let longest = Duration::from_millis(short_or_long(8, 24));
    let mut life = Duration::from_nanos(random.below(longest.as_nanos() as u64));
    let mut writer = Worker::start(NAME, "writer", segment, number);
    if random.below(WHILE_BEGINNING) > 0 {
        writer.expect("writing");
    } else {
        life *= 2;
    }
    // The moment is what is tested.
    std::thread::sleep(life);
    writer.kill();
}

fn scrape_while(running: &AtomicBool, source: &impl Source) -> usize {
    let mut scrapes = 0;
    let mut before = Page::of(source);
    while running.load(Ordering::Relaxed) {
        let page = Page::of(source);
        check(&page);
        for name in ["kept_total", "times_count", "made_total"] {
            let mut now = page.family(name).into_iter();
            for (labels, value) in before.family(name) {
                let later = now.find(|(later, _)| *later == labels).map(|(_, value)| value);
                assert!(later >= Some(value), "{name}{{{labels}}} fell from {value} to {later:?}");
            }
        }
        before = page;
        scrapes += 1;
    }
    scrapes
}

/// What is true of every page.
#[track_caller]
fn check(page: &Page) {
    page.check_histogram("times", |_| 0.25);
    page.check_histogram("made_times", |_| 0.25);
    page.check_histogram("fleeting_times", |labels| observed(number(labels)));
    for (labels, total) in page.family("fleeting_total") {
        let prime = PRIMES[number(labels)] as f64;
        assert_eq!(total % prime, 0.0, "fleeting_total{{{labels}}} has others' updates: {total}");
    }
    for sample in page.samples.keys() {
        assert!(!sample.contains("overflow"), "{sample}");
    }
}

/// What is observed in the fleeting series of this number, and in no other one.
fn observed(number: usize) -> f64 {
    0.25 * (number + 1) as f64
}

fn number(labels: &str) -> usize {
    let number = labels.strip_prefix("n=\"").and_then(|rest| rest.strip_suffix('"'));
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("labels {labels:?}"))
}

/// What was said against what is there.
#[track_caller]
fn check_totals(page: &Page, acks: &Acks, killed: usize) {
    let mut unsaid = 0;
    let mut compare = |what: &str, found: f64, said: u64| {
        let found = found as u64;
        assert!(found >= said, "{what} is {found}, and {said} were acknowledged");
        unsaid += found - said;
    };
    let series = |name: &str| -> Vec<(usize, f64)> {
        page.family(name).into_iter().map(|(labels, value)| (number(labels), value)).collect()
    };
    for (family, series, first, most) in [
        ("kept_total", series("kept_total"), 0, KEPT),
        ("times", series("times_count"), KEPT, TIMES),
    ] {
        assert_eq!(series.len(), most, "series of {family}");
        for (number, value) in series {
            assert!(number < most, "{family} of {number}");
            compare(&format!("{family} {number}"), value, acks.get(first + number));
        }
    }
    compare("in_flight", page.number("in_flight"), acks.get(IN_FLIGHT));

    let mut made = vec![0; killed];
    for (family, kind) in [("made_total", 0), ("made_times_count", 1)] {
        for (labels, value) in page.family(family) {
            let text = labels.strip_prefix("n=\"").and_then(|rest| rest.strip_suffix('"'));
            let parts = text.and_then(|text| text.split_once('-')).expect("two numbers");
            let (writer, series): (usize, u64) =
                (parts.0.parse().unwrap(), parts.1.parse().unwrap());
            let said = acks.get(MADE + writer);
            assert!(writer < killed && series % 2 == kind && series <= said, "{family} {labels}");
            if series < said {
                assert_eq!(value, 1.0, "{family} {labels}");
                made[writer] += 1;
            } else {
                // Made, and perhaps counted, and the writer was dead.
                assert!(value <= 1.0, "{family} {labels}");
                compare(labels, value, 0);
            }
        }
    }
    for (writer, made) in made.into_iter().enumerate() {
        assert_eq!(made, acks.get(MADE + writer), "series of writer {writer}");
    }
    println!("{unsaid} updates were made and not acknowledged");
    assert!(unsaid <= killed as u64, "{unsaid} updates too many, and {killed} kills");
}

// ── the writers ─────────────────────────────────────────────────────────────────────────────────

fn write(mut role: Role) {
    let acks = Acks::open(&role.segment.with_file_name("acks"), MADE + role.number + 1);
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    let metrics = Metrics::new(&registry);
    if role.name == "last" {
        for number in 0..KEPT {
            metrics.kept.with([&number.to_string()]).inc();
            acks.one_more(number);
        }
        for number in 0..TIMES {
            metrics.times.with([&number.to_string()]).observe(0.25);
            acks.one_more(KEPT + number);
        }
        return role.line.say("done");
    }
    role.line.say("writing");
    let begun = Instant::now();
    // A thread for each burst: one writes at a time, so a kill leaves one update unsaid at most.
    while begun.elapsed() < Duration::from_secs(60) {
        std::thread::scope(|scope| {
            scope.spawn(|| burst(&metrics, &acks, role.number));
        });
        // The stripe of a thread that ended goes to the next one; this one has one of its own.
        burst(&metrics, &acks, role.number);
    }
}

fn burst(metrics: &Metrics, acks: &Acks, writer: usize) {
    let mut random = Random::new();
    let mut fleeting = Vec::new();
    for _ in 0..40 {
        let number = random.below(KEPT as u64) as usize;
        let kept = metrics.kept.with([&number.to_string()]);
        for _ in 0..50 {
            kept.inc();
            acks.one_more(number);
        }
        let number = random.below(TIMES as u64) as usize;
        let times = metrics.times.with([&number.to_string()]);
        for _ in 0..50 {
            times.observe(0.25);
            acks.one_more(KEPT + number);
        }
        metrics.in_flight.inc();
        acks.one_more(IN_FLIGHT);

        let series = acks.get(MADE + writer);
        if series < MOST_MADE {
            let label = format!("{writer}-{series}");
            match series % 2 {
                0 => metrics.made.with([&label]).inc(),
                _ => metrics.made_times.with([&label]).observe(0.25),
            }
            acks.one_more(MADE + writer);
        }

        let number = random.below(PRIMES.len() as u64) as usize;
        let label = number.to_string();
        match random.below(3) {
            0 => drop(metrics.fleeting.remove([&label])),
            1 => drop(metrics.fleeting_times.remove([&label])),
            _ => {}
        }
        let handles =
            (number, metrics.fleeting.with([&label]), metrics.fleeting_times.with([&label]));
        fleeting.push(handles);
        // Perhaps of series that were removed: it must not show elsewhere.
        for (number, counter, histogram) in &fleeting {
            counter.inc_by(PRIMES[*number]);
            for _ in 0..20 {
                histogram.observe(observed(*number));
            }
        }
        if fleeting.len() > 4 {
            fleeting.swap_remove(random.below(4) as usize);
        }
    }
}
