//! The table of series for backends that hand out cells.

use crate::backend::Visit;
use crate::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
use crate::engine::ForkMutex;
use crate::identity;
use crate::labels::{Labels, push_pair};
use crate::metric::StatesCell;
use crate::own_metrics::{Events, OwnMetrics};
use crate::visit::{FamilyDesc, GaugeMode, Kind, Number, Stop, Value, Visitor};
use crate::{BackendError, RegisterError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

/// A cell of any sort.
#[derive(Clone)]
pub(crate) enum AnyCell {
    Counter(Arc<dyn CounterCell>),
    Gauge(Arc<dyn GaugeCell>),
    Histogram(Arc<dyn HistogramCell>),
    States(Arc<StatesCell>),
}

impl AnyCell {
    /// Whether a handle holds it, besides the table.
    fn is_held(&self) -> bool {
        1 < match self {
            Self::Counter(cell) => Arc::strong_count(cell),
            Self::Gauge(cell) => Arc::strong_count(cell),
            Self::Histogram(cell) => Arc::strong_count(cell),
            Self::States(cell) => Arc::strong_count(cell),
        }
    }
}

/// The families of one backend.
pub(crate) struct CellTable {
    cells: Arc<dyn Cells>,
    families: ForkMutex<BTreeMap<String, Arc<CellFamily>>>,
}

/// One family and its series.
pub(crate) struct CellFamily {
    cells: Arc<dyn Cells>,
    desc: Arc<FamilyDesc>,
    series: ForkMutex<Series>,
    overflowed: AtomicU64,
    refused: Arc<AtomicU64>,
    unregistered: AtomicBool,
}

#[derive(Default)]
struct Series {
    /// By the number in which they were made, which is the order in which they are shown.
    by_number: BTreeMap<u64, Cell>,
    by_labels: HashMap<Arc<str>, u64>,
    /// The number of the overflow series, which takes no room under the cap.
    overflow: Option<u64>,
    next: u64,
}

/// What a new series counts as.
#[derive(Clone, Copy)]
pub(crate) enum Room {
    /// One of at most so many.
    UpTo(u32),
    /// The one for what finds no room.
    Overflow,
}

#[derive(Clone)]
struct Cell {
    labels: Arc<str>,
    cell: AnyCell,
    created: SystemTime,
    /// The number of the look-up that last gave it.
    last_use: u64,
}

/// Why a look-up ended at the overflow series.
pub(crate) enum NoCell {
    Cap,
    Refused(BackendError),
}

impl CellTable {
    pub(crate) fn new(cells: Arc<dyn Cells>) -> Self {
        crate::engine::watch();
        Self { cells, families: ForkMutex::default() }
    }

    /// Enters a family, or joins the one of this name; whether it was entered.
    pub(crate) fn register(
        &self,
        desc: &FamilyDesc,
    ) -> Result<(Arc<CellFamily>, bool), RegisterError> {
        let mut families = self.families.lock();
        if let Some(family) = families.get(&desc.identity.name) {
            identity::agree(&family.desc.identity, &desc.identity)?;
            return Ok((family.clone(), false));
        }
        let family = Arc::new(CellFamily {
            cells: self.cells.clone(),
            desc: Arc::new(desc.clone()),
            series: ForkMutex::default(),
            overflowed: AtomicU64::new(0),
            refused: Arc::default(),
            unregistered: AtomicBool::new(false),
        });
        families.insert(desc.identity.name.clone(), family.clone());
        Ok((family, true))
    }

    /// Takes a family out; whether there was one.
    pub(crate) fn unregister(&self, name: &str) -> bool {
        let family = self.families.lock().remove(name);
        family.is_some_and(|family| {
            family.unregistered.store(true, Ordering::Relaxed);
            family.retain(|_| false);
            true
        })
    }
}

impl CellFamily {
    pub(crate) fn desc(&self) -> &Arc<FamilyDesc> {
        &self.desc
    }

    /// The series with these labels, made by `open` if there is none and there is room.
    pub(crate) fn find_or_create(
        &self,
        labels: &str,
        room: Room,
        now: SystemTime,
        open: impl FnOnce(&dyn Cells, &FamilyDesc) -> Result<AnyCell, BackendError>,
    ) -> Result<AnyCell, NoCell> {
        {
            let mut series = self.series.lock();
            if let Some(cell) = series.find(labels) {
                return Ok(cell);
            }
            if series.is_full(room) {
                return Err(NoCell::Cap);
            }
        }
        // Under no lock: whoever hands out cells may use metrics itself.
        let cell = open(&*self.cells, &self.desc).map_err(NoCell::Refused)?;
        let cell = match cell {
            AnyCell::Counter(cell) => {
                AnyCell::Counter(Arc::new(CountsRefusals { cell, refused: self.refused.clone() }))
            }
            AnyCell::Histogram(cell) => {
                let places = self.desc.identity.buckets.len() + 1;
                AnyCell::Histogram(Arc::new(ReadsItsPlaces { cell, places }))
            }
            AnyCell::Gauge(_) | AnyCell::States(_) => cell,
        };
        let mut series = self.series.lock();
        if let Some(first) = series.find(labels) {
            return Ok(first);
        }
        // Others may have come meanwhile.
        if series.is_full(room) {
            return Err(NoCell::Cap);
        }
        let labels: Arc<str> = labels.into();
        let number = series.next;
        series.next += 1;
        if matches!(room, Room::Overflow) {
            series.overflow = Some(number);
        }
        series.by_labels.insert(labels.clone(), number);
        series
            .by_number
            .insert(number, Cell { labels, cell: cell.clone(), created: now, last_use: number });
        Ok(cell)
    }

    /// Whether it is in the table still.
    pub(crate) fn is_registered(&self) -> bool {
        !self.unregistered.load(Ordering::Relaxed)
    }

    /// Whether there is no series.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.lock().by_number.is_empty()
    }

    pub(crate) fn count_overflow(&self) {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes the series for which `keep` says no. Returns how many.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&str) -> bool) -> usize {
        // The caller's closure runs under no lock.
        let labels: Vec<(u64, Arc<str>)> = {
            let series = self.series.lock();
            series.by_number.iter().map(|(n, cell)| (*n, cell.labels.clone())).collect()
        };
        let removed: Vec<Cell> = labels
            .into_iter()
            .filter(|(_, labels)| !keep(labels))
            .filter_map(|(number, _)| self.series.lock().remove(number))
            .collect();
        self.tell_removed(removed)
    }

    /// Removes the series that nobody holds and for which `keep`, given the labels, a number that
    /// changes with every look-up and whether somebody holds them, says no. Returns how many.
    pub(crate) fn retain_idle(&self, mut keep: impl FnMut(&str, u64, bool) -> bool) -> usize {
        let mut series = self.series.lock();
        let idle: Vec<u64> = series
            .by_number
            .iter()
            .filter(|(_, cell)| !keep(&cell.labels, cell.last_use, cell.cell.is_held()))
            .map(|(number, _)| *number)
            .collect();
        let removed = idle.into_iter().filter_map(|number| series.remove(number)).collect();
        drop(series);
        self.tell_removed(removed)
    }

    /// Under no lock: dropping a cell, or hearing of it, may use metrics.
    fn tell_removed(&self, removed: Vec<Cell>) -> usize {
        for cell in &removed {
            self.cells.removed(&self.desc, Labels::from_canonical(&cell.labels));
        }
        removed.len()
    }

    /// Removes the series with these labels; whether there was one.
    pub(crate) fn remove(&self, labels: &str) -> bool {
        let removed = {
            let mut series = self.series.lock();
            let number = series.by_labels.get(labels).copied();
            number.and_then(|number| series.remove(number))
        };
        self.tell_removed(removed.into_iter().collect()) > 0
    }

    fn events(&self) -> Events {
        Events {
            refused: self.refused.load(Ordering::Relaxed),
            overflowed: self.overflowed.load(Ordering::Relaxed),
        }
    }

    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let all: Vec<Cell> = self.series.lock().by_number.values().cloned().collect();
        let identity = &self.desc.identity;
        let mut counts = vec![0; identity.buckets.len() + 1];
        for Cell { labels, cell, created, .. } in all {
            let created = Some(created);
            let states: Vec<bool>;
            let value = match (identity.kind, &cell) {
                (Kind::Counter, AnyCell::Counter(cell)) => {
                    cell.get().map(|total| Value::Counter { total, created, exemplar: None })
                }
                (_, AnyCell::States(cell)) => match cell.get() {
                    Some(bits) => {
                        states = (0..identity.states.len()).map(|n| bits >> n & 1 == 1).collect();
                        Some(Value::StateSet { active: &states })
                    }
                    None => None,
                },
                (Kind::Info, AnyCell::Gauge(_)) => Some(Value::Info),
                (_, AnyCell::Gauge(cell)) => cell.get().map(|value| Value::Gauge { value }),
                (Kind::Summary, AnyCell::Histogram(cell)) => {
                    let mut count = [0];
                    let sum = cell.read(&mut count);
                    sum.map(|sum| Value::Summary { count: count[0], sum, created })
                }
                (_, AnyCell::Histogram(cell)) => {
                    counts.fill(0);
                    let sum = cell.read(&mut counts);
                    sum.map(|sum| Value::Histogram {
                        counts: &counts,
                        sum,
                        created,
                        exemplars: &[],
                    })
                }
                (_, AnyCell::Counter(_)) => None,
            };
            let Some(value) = value else { continue };
            let mut text = String::new();
            let labels = match identity.gauge_mode {
                GaugeMode::All | GaugeMode::LiveAll => {
                    text.push_str(&labels);
                    push_pair(&mut text, "pid", &std::process::id().to_string());
                    &text
                }
                _ => &*labels,
            };
            visitor.series(Labels::from_canonical(labels), &value)?;
        }
        Ok(())
    }
}

impl Series {
    fn find(&mut self, labels: &str) -> Option<AnyCell> {
        let number = self.by_labels.get(labels)?;
        let cell = self.by_number.get_mut(number)?;
        // One count for making and looking up: no number stands for two uses.
        cell.last_use = self.next;
        self.next += 1;
        Some(cell.cell.clone())
    }

    fn is_full(&self, room: Room) -> bool {
        match room {
            Room::UpTo(cap) => {
                self.by_number.len() - usize::from(self.overflow.is_some()) >= cap as usize
            }
            Room::Overflow => false,
        }
    }

    /// Removes the series of this number, and not another one that has its labels by now.
    fn remove(&mut self, number: u64) -> Option<Cell> {
        let cell = self.by_number.remove(&number)?;
        self.by_labels.remove(&cell.labels);
        if self.overflow == Some(number) {
            self.overflow = None;
        }
        Some(cell)
    }
}

impl Visit for CellTable {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let families: Vec<_> = self.families.lock().values().cloned().collect();
        let mut own = OwnMetrics::new(
            families.iter().map(|family| (&*family.desc.identity.name, family.events())),
            0,
        );
        for family in &families {
            own.visit_before(&family.desc.identity.name, visitor)?;
            visitor.family(&family.desc)?;
            family.visit(visitor)?;
        }
        own.visit_rest(visitor)
    }
}

/// A counter cell beside which the core counts what it refused.
struct CountsRefusals {
    cell: Arc<dyn CounterCell>,
    refused: Arc<AtomicU64>,
}

impl CounterCell for CountsRefusals {
    fn add(&self, amount: Number) {
        self.cell.add(amount);
    }

    fn get(&self) -> Option<Number> {
        self.cell.get()
    }

    fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.cell.refused();
    }
}

/// A histogram cell that is asked for the places it has, whatever the reader has room for.
struct ReadsItsPlaces {
    cell: Arc<dyn HistogramCell>,
    places: usize,
}

impl HistogramCell for ReadsItsPlaces {
    fn observe(&self, value: f64) {
        self.cell.observe(value);
    }

    fn read(&self, counts: &mut [u64]) -> Option<f64> {
        let places = self.places.min(counts.len());
        self.cell.read(&mut counts[..places])
    }
}
