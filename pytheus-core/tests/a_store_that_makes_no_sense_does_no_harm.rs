//! Whatever a store answers, nothing panics, nothing hangs, and what this process counted stays as it is.

mod store;

use async_trait::async_trait;
use proptest::prelude::*;
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{
    Amount, Batch, Change, Client, ClientId, Contents, Options, Position, Receipt, Refusal, Store,
    WriteBehind,
};
use pytheus_core::{BackendError, BackendErrorKind, GaugeMode, Native, Registry};
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// What it says next, and again from the beginning.
#[derive(Debug, Clone)]
struct Liar {
    answers: VecDeque<Lie>,
    pages: VecDeque<Vec<Row>>,
    shards: u32,
    /// Descriptions that came, to be shown in pages under wrong names and with wrong numbers.
    described: Vec<(String, Vec<u8>, Vec<u8>)>,
    keys: Vec<String>,
}

#[derive(Debug, Clone)]
enum Lie {
    Truth,
    Holds(u64, u64),
    Refused(Vec<(usize, u8)>),
    Receipts(Vec<(u64, u64)>),
    Removed(Vec<u32>),
    Error,
}

#[derive(Debug, Clone)]
struct Row {
    family: u8,
    name: String,
    is_described: bool,
    garbage: Vec<u8>,
    at: usize,
    labels: String,
    numbers: Vec<(u32, i64, f64)>,
    age: u64,
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, any::<u64>()]
}

fn lie() -> impl Strategy<Value = Lie> {
    let index = || prop_oneof![0..4_usize, any::<usize>()];
    prop_oneof![
        6 => Just(Lie::Truth),
        2 => (number(), number()).prop_map(|(a, b)| Lie::Holds(a, b)),
        2 => prop::collection::vec((index(), 0..3_u8), 0..5).prop_map(Lie::Refused),
        1 => prop::collection::vec((number(), number()), 0..5).prop_map(Lie::Receipts),
        1 => prop::collection::vec(prop_oneof![0..9_u32, any::<u32>()], 0..9).prop_map(Lie::Removed),
        1 => Just(Lie::Error),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let field = prop_oneof![0..6_u32, 0x8000..0x8004_u32, 1_u32 << 25..1 << 26, any::<u32>()];
    let numbers = prop::collection::vec((field, any::<i64>(), any::<f64>()), 0..6);
    let garbage = prop::collection::vec(any::<u8>(), 0..40);
    (0..3_u8, ".{0,4}", any::<bool>(), garbage, any::<usize>(), ".{0,6}\n?", numbers, any::<u64>())
        .prop_map(|(family, name, is_described, garbage, at, labels, numbers, age)| Row {
            family,
            name,
            is_described,
            garbage,
            at,
            labels,
            numbers,
            age,
        })
}

fn liar() -> impl Strategy<Value = Liar> {
    let answers = prop::collection::vec(lie(), 1..12);
    let pages = prop::collection::vec(prop::collection::vec(row(), 0..12), 1..4);
    (answers, pages, prop_oneof![0..4_u32, 50..60_u32]).prop_map(|(answers, pages, shards)| Liar {
        answers: answers.into(),
        pages: pages.into(),
        shards,
        described: Vec::new(),
        keys: Vec::new(),
    })
}

fn error() -> BackendError {
    BackendError::new("liar", BackendErrorKind::Other, "so it says")
}

impl Liar {
    fn next(&mut self) -> Lie {
        let lie = self.answers.pop_front().unwrap_or(Lie::Truth);
        self.answers.push_back(lie.clone());
        lie
    }
}

#[async_trait]
impl Store for Liar {
    const NAME: &'static str = "liar";

    fn shards(&self) -> u32 {
        self.shards
    }

    fn shard(&self, family: &str) -> u32 {
        family.len() as u32 * 7
    }

    async fn apply(&mut self, _: &Batch<'_>) -> Result<Receipt, BackendError> {
        let lie = self.next();
        match lie {
            Lie::Holds(incarnation, number) => Ok(Receipt::new(Position { incarnation, number })),
            Lie::Error => Err(error()),
            _ => Ok(Receipt::new(Position { incarnation: 1, number: 0 })),
        }
    }

    async fn apply_all(
        &mut self,
        batches: &[Batch<'_>],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), BackendError> {
        for batch in batches {
            for change in batch.changes {
                if let Change::Describe { family, identity, details, .. } = *change {
                    self.described.push((family.into(), identity.into(), details.into()));
                }
                self.keys.extend(change.series().map(|series| series.labels.to_owned()));
            }
            let mut receipt = Receipt::new(Position { number: batch.number, ..batch.follows });
            match self.next() {
                Lie::Truth => {}
                Lie::Holds(incarnation, number) => {
                    receipt.holds = Position { incarnation, number };
                }
                Lie::Refused(which) => {
                    receipt.holds = batch.follows;
                    receipt.refused = which
                        .into_iter()
                        .map(|(index, why)| {
                            let why = match why {
                                0 => Refusal::NotDescribed,
                                1 => Refusal::Conflict { identity: vec![1, 2, 3] },
                                _ => Refusal::Other("no".into()),
                            };
                            (index, why)
                        })
                        .collect();
                }
                Lie::Receipts(positions) => {
                    let more = positions.into_iter();
                    receipts.extend(more.map(|(incarnation, number)| {
                        Receipt::new(Position { incarnation, number })
                    }));
                }
                Lie::Removed(ids) => receipt.removed = ids,
                Lie::Error => return Err(error()),
            }
            receipts.push(receipt);
        }
        Ok(())
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        let page = self.pages.pop_front().unwrap_or_default();
        for row in &page {
            let known = self.described.get(row.at % self.described.len().max(1));
            let name = match (known, row.family) {
                (Some((name, ..)), 0) => name.clone(),
                _ => row.name.clone(),
            };
            match known {
                Some((_, identity, details)) if row.is_described => {
                    let mut identity = identity.clone();
                    // A little wrong.
                    for (place, byte) in row.garbage.iter().take(2).enumerate() {
                        let at = usize::from(*byte) % identity.len();
                        identity[at] = row.garbage[row.garbage.len() - 1 - place];
                    }
                    into.describe(&name, &identity, details);
                }
                _ if row.is_described => into.describe(&name, &row.garbage, &row.garbage),
                _ => {}
            }
            let key = self.keys.get(row.at % self.keys.len().max(1));
            let labels = key.filter(|_| row.at % 2 == 0).unwrap_or(&row.labels);
            let mut series = into.series(&name, labels, SystemTime::UNIX_EPOCH);
            for (field, int, float) in &row.numbers {
                series.number(*field, Amount::Int(*int));
                series.number(*field, Amount::Float(*float));
                let id = ClientId(u128::from(row.age));
                let age = Duration::from_millis(row.age);
                series.number_of(id, &row.name, *field, Amount::Float(*float), age);
                series.number_of(id, &row.name, *field, Amount::Int(*int), age);
                series.note(*field, &row.garbage);
            }
        }
        self.pages.push_back(page);
        Ok(())
    }

    async fn refresh(&mut self, _: &Client, _: Duration) -> Result<bool, BackendError> {
        match self.next() {
            Lie::Error => Err(error()),
            lie => Ok(matches!(lie, Lie::Truth)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_store_that_makes_no_sense_does_no_harm(liar in liar()) {
        let mut options = Options::default();
        options.batch = 2;
        options.at_start = pytheus_core::write_behind::Unavailable::GoOn;
        options.lease = Duration::ZERO;
        let open = move || Ok(liar.clone());
        let backend = WriteBehind::start(Engine::private().unwrap(), open, options).unwrap();
        let registry = Registry::new(backend.clone());
        // It may say at any time that somebody else has described these otherwise.
        let hits = registry.counter("hits_total", "d").label_names(["b", "a"]).or_detached();
        let times = registry.histogram("times", "d").buckets([1.0, 2.0]).or_detached();
        let sizes = registry.histogram("sizes", "d").native(Native::default()).or_detached();
        let states = registry.state_set("states", "d").states(["x", "y"]).or_detached();
        let heat = registry.gauge("heat", "d").mode(GaugeMode::All).or_detached();
        let kept = hits.with(["kept", "x"]);
        for turn in 1..=4_u8 {
            kept.inc();
            let n = turn.to_string();
            hits.with([&n, &n]).inc_by(0.5);
            hits.remove([&n, &n]);
            times.observe(f64::from(turn));
            sizes.observe(f64::from(turn));
            states.only("y").unwrap();
            heat.set(turn);
            let _ = registry.flush_blocking();
            if let Ok(collection) = registry.collect_blocking() {
                let mut page = Vec::new();
                pytheus_exposition::encode_text(&collection, &mut page).unwrap();
            }
            prop_assert_eq!(kept.get(), Some(f64::from(turn)));
            let (_, count) = times.get().unwrap();
            prop_assert_eq!(count, u64::from(turn));
        }
        let status = backend.status();
        prop_assert!(!format!("{status:?}").contains("panicked"), "{:?}", status);
        let _ = registry.close_blocking();
    }
}
