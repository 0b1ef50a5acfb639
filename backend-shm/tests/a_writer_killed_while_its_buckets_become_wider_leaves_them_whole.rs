//! Writers observe values into native histograms that need wider and wider buckets, and are killed at random
//! moments. Whatever a scrape shows of a series is what was observed up to one moment, while they write, when
//! they are dead, and when others have their stripes.
#![cfg(target_os = "linux")]

mod acks;
mod folder;
mod worker;

use acks::Acks;
use folder::Folder;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::{
    Family, FamilyDesc, Histogram, Labels, Native, Registry, Source, Stop, Value, Visitor,
};
use std::collections::BTreeMap;
use std::time::Duration;
use worker::{Random, Role, Worker, role, short_or_long};

const NAME: &str = "a_writer_killed_while_its_buckets_become_wider_leaves_them_whole";

/// How many values are observed in each series.
const VALUES: usize = 150;

/// The powers of two that are observed, in this order.
fn powers() -> impl Iterator<Item = i32> {
    (0..VALUES as i32).map(|n| n * 37 % 61 - 30)
}

fn sizes(registry: &Registry) -> Family<Histogram, 1> {
    let native = Native::default().schema(2).max_buckets(10);
    registry.histogram("sizes", "d").native(native).label_names(["n"]).register().unwrap()
}

#[test]
fn a_writer_killed_while_its_buckets_become_wider_leaves_them_whole() {
    if let Some(role) = role() {
        return write(role);
    }
    let kills = short_or_long(60, 2_000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let acks = Acks::open(&folder.file("acks"), kills);
    let registry = Registry::new(Shm::open(&segment).unwrap());
    let sizes = sizes(&registry);
    let reader = Reader::open(&segment).unwrap();
    let mut random = Random::new();
    let mut began = 0;
    for writer in 0..kills {
        let mut worker = Worker::start(NAME, "writer", &segment, writer);
        worker.expect("writing");
        let life = Duration::from_micros(random.below(4_000));
        let mut page = Page::of(&reader);
        // The moment is what is tested.
        std::thread::sleep(life);
        page = Page::of(&reader).later_than(page);
        worker.kill();
        page = Page::of(&registry).later_than(page);
        let (all, said) = (page.of_writer(writer), acks.get(writer));
        let counted: u64 = all.iter().map(|(_, count)| count).sum();
        assert!(counted == said || counted == said + 1, "{counted} of {said} of writer {writer}");
        // Whoever finds the last one unfinished goes on.
        let Some((last, count)) = all.last() else { continue };
        began += 1;
        let last = sizes.with([last]);
        powers().skip(*count as usize).for_each(|power| last.observe(2_f64.powi(power)));
        drop(last);
        let page = Page::of(&reader).later_than(page);
        assert!(page.of_writer(writer).iter().all(|(_, count)| *count == VALUES as u64));
        sizes.clear();
    }
    assert!(began > kills / 4, "{began} of {kills} writers had begun");
}

fn write(mut role: Role) {
    let acks = Acks::open(&role.segment.with_file_name("acks"), role.number + 1);
    let sizes = sizes(&Registry::new(Shm::open(&role.segment).unwrap()));
    role.line.say("writing");
    for series in 0.. {
        let sizes = sizes.with([&format!("{:05}-{series:09}", role.number)]);
        for power in powers() {
            sizes.observe(2_f64.powi(power));
            acks.one_more(role.number);
        }
    }
}

/// How many values each series has, by label.
#[derive(Debug, Default)]
struct Page(BTreeMap<String, u64>);

impl Page {
    fn of(source: &impl Source) -> Self {
        let mut page = Self::default();
        source.collect_blocking().unwrap().visit(&mut page).unwrap();
        page
    }

    fn later_than(self, before: Self) -> Self {
        for (series, count) in before.0 {
            assert!(self.0.get(&series) >= Some(&count), "{series} fell from {count}");
        }
        self
    }

    fn of_writer(&self, writer: usize) -> Vec<(String, u64)> {
        let of = format!("{writer:05}-");
        let own = self.0.iter().filter(|(series, _)| series.starts_with(&of));
        own.map(|(series, count)| (series.clone(), *count)).collect()
    }
}

impl Visitor for Page {
    fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if let Value::NativeHistogram { schema, count, sum, positive, .. } = *value {
            let observed = || powers().take(count as usize);
            let mut buckets = BTreeMap::new();
            for power in observed() {
                let wide = 1 << -schema.min(0);
                let index = (power + wide - 1).div_euclid(wide) << schema.max(0);
                *buckets.entry(index).or_insert(0_u64) += 1;
            }
            assert_eq!(positive, Vec::from_iter(buckets), "{count} of {labels:?} at {schema}");
            // As whoever observed them added them up: perhaps in two parts.
            let truth: f64 = observed().map(|power| 2_f64.powi(power)).sum();
            assert!((sum - truth).abs() <= truth * 1e-12, "{sum} is not the sum of {count}");
            self.0.insert(labels.get("n").unwrap().into_owned(), count);
        }
        Ok(())
    }
}
