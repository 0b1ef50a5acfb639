//! What a store holds, as a scrape shows it.

use super::buckets::NATIVE;
use super::contents::{Contents, FamilyContents, Owned, Row};
use super::description;
use super::notes;
use super::rows::FRACTIONS;
use super::store::Amount;
use super::sums::{NOT_FINITE, unmark};
use crate::backend::Visit;
use crate::engine::NATIVE_EXEMPLARS;
use crate::labels::{Frame, Labels, is_canonical, push_pair};
use crate::native::{self, Buckets};
use crate::own_metrics::OwnMetrics;
use crate::visit::{Exemplar, FamilyDesc, GaugeMode, Kind, Native, Number, Stop, Value, Visitor};
use std::collections::HashMap;
use std::time::Duration;

/// What a store was read to hold, and what this process tells about itself.
pub(super) struct Shown {
    families: Vec<(FamilyDesc, FamilyContents)>,
    own: OwnMetrics,
    /// The label that tells gauges of several clients apart.
    client_label: String,
}

impl Shown {
    pub(super) fn new(contents: Contents, own: OwnMetrics, client_label: &str) -> Self {
        let families = contents.families.into_iter();
        let mut families: Vec<_> = families
            .filter_map(|family| {
                let (identity, details) = family.description.as_ref()?;
                Some((description::read(&family.name, identity, details)?, family))
            })
            .collect();
        families.sort_unstable_by(|(a, _), (b, _)| a.identity.name.cmp(&b.identity.name));
        Self { families, own, client_label: client_label.to_owned() }
    }
}

impl Visit for Shown {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let mut own = self.own.clone();
        for (desc, contents) in &self.families {
            own.visit_before(&desc.identity.name, visitor)?;
            visitor.family(desc)?;
            FamilyShown::new(desc, contents, &self.client_label).visit(visitor)?;
        }
        own.visit_rest(visitor)
    }
}

struct FamilyShown<'a> {
    desc: &'a FamilyDesc,
    contents: &'a FamilyContents,
    frame: Frame,
    /// What undoes the order in which all processes write the values.
    order: Option<Vec<usize>>,
    late: HashMap<u32, Vec<(u32, Amount)>>,
    owned: HashMap<u32, Vec<&'a Owned>>,
    notes: HashMap<u32, Vec<(u32, &'a [u8])>>,
    client_label: &'a str,
}

/// The numbers of a series.
#[derive(Default)]
struct Numbers {
    usual: Vec<Amount>,
    fractions: f64,
    markers: i64,
    /// The buckets of a native histogram, by their numbers.
    native: Vec<(u32, u64)>,
}

impl Numbers {
    fn add(&mut self, field: u32, amount: Amount) {
        match field {
            FRACTIONS => self.fractions += amount.as_f64(),
            NOT_FINITE => {
                if let Amount::Int(markers) = amount {
                    self.markers = self.markers.saturating_add(markers);
                }
            }
            NATIVE.. => {
                if let Amount::Int(count @ 1..) = amount {
                    self.native.push((field - NATIVE, count as u64));
                }
            }
            field => {
                let place = field as usize;
                // No family has more buckets.
                if place > 1 << 14 {
                    return;
                }
                if self.usual.len() <= place {
                    self.usual.resize(place + 1, Amount::Int(0));
                }
                let sum = &mut self.usual[place];
                *sum = match (*sum, amount) {
                    (Amount::Int(a), Amount::Int(b)) => Amount::Int(a.saturating_add(b)),
                    (a, b) => Amount::Float(a.as_f64() + b.as_f64()),
                };
            }
        }
    }

    fn int(&self, field: usize) -> i64 {
        match self.usual.get(field) {
            Some(Amount::Int(n)) => *n,
            Some(Amount::Float(n)) => *n as i64,
            None => 0,
        }
    }

    /// The buckets of a native histogram that is declared so, however narrow those were that others told.
    fn buckets(&self, declared: Native) -> Buckets {
        let mut buckets = Buckets::default();
        buckets.clear(declared.schema);
        for (number, count) in &self.native {
            let (schema, key) = native::of_number(*number);
            buckets.add(schema, [(key, *count)]);
        }
        buckets.limit(declared.max_buckets.into());
        buckets
    }

    fn count(&self, field: usize) -> u64 {
        self.int(field).max(0) as u64
    }

    fn float(&self, field: usize) -> f64 {
        self.usual.get(field).map_or(0.0, |amount| amount.as_f64())
    }
}

impl<'a> FamilyShown<'a> {
    fn new(desc: &'a FamilyDesc, contents: &'a FamilyContents, client_label: &'a str) -> Self {
        let names = desc.identity.label_names.as_deref();
        let order = names.and_then(description::sorting);
        let mut late: HashMap<_, Vec<_>> = HashMap::new();
        for (row, field, amount) in &contents.late {
            late.entry(*row).or_default().push((*field, *amount));
        }
        let mut owned: HashMap<_, Vec<_>> = HashMap::new();
        for one in contents.owned.iter().filter(|one| one.field == 0) {
            owned.entry(one.row).or_default().push(one);
        }
        let mut notes: HashMap<_, Vec<_>> = HashMap::new();
        for (row, field, text) in &contents.notes {
            notes.entry(*row).or_default().push((*field, &text[..]));
        }
        Self {
            desc,
            contents,
            frame: Frame::new(names),
            order: order.map(|order| description::inverse(&order)),
            late,
            owned,
            notes,
            client_label,
        }
    }

    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let mut numbers = Numbers::default();
        let (mut key, mut padded, mut text) = (String::new(), Vec::new(), Vec::new());
        for (at, row) in (0..).zip(&self.contents.series) {
            numbers.usual.clear();
            numbers.native.clear();
            (numbers.fractions, numbers.markers) = (0.0, 0);
            let here = row.first..row.first + row.count as usize;
            for (field, amount) in self.contents.numbers.get(here).unwrap_or_default() {
                numbers.add(*field, *amount);
            }
            for (field, amount) in self.late.get(&at).into_iter().flatten() {
                numbers.add(*field, *amount);
            }
            let Some(labels) = self.labels(row, &mut key, &mut padded, &mut text) else { continue };
            self.show(at, row, labels, &numbers, visitor)?;
        }
        Ok(())
    }

    /// The canonical labels of a series; `None` if a store holds what no process wrote.
    fn labels<'t>(
        &self,
        row: &Row,
        key: &mut String,
        padded: &mut Vec<u8>,
        text: &'t mut Vec<u8>,
    ) -> Option<&'t str> {
        key.clear();
        let Some(names) = &self.desc.identity.label_names else {
            text.clear();
            text.extend_from_slice(row.labels.as_bytes());
            return str::from_utf8(text).ok().filter(|text| is_canonical(text));
        };
        let written = match &self.order {
            Some(order) => {
                description::reorder(&row.labels, order, key);
                key.as_str()
            }
            None => &row.labels,
        };
        padded.clear();
        padded.extend_from_slice(written.as_bytes());
        padded.resize(written.len().next_multiple_of(8), 0);
        let words = padded.as_chunks().0;
        if !crate::labels::are_values(names.len(), words, written.len()) {
            return None;
        }
        str::from_utf8(self.frame.expand(words, written.len(), text)).ok()
    }

    fn show(
        &self,
        at: u32,
        row: &Row,
        labels: &str,
        numbers: &Numbers,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        let identity = &self.desc.identity;
        let created = Some(row.created);
        let labels = Labels::from_canonical(labels);
        let note = |field: u32| -> Option<Exemplar<'_>> {
            let (_, text) = self.notes.get(&at)?.iter().find(|(of, _)| *of == field)?;
            notes::exemplar(text)
        };
        let (counts, exemplars, active): (Vec<u64>, Vec<_>, Vec<bool>);
        let (some_exemplars, mut positive, mut negative): (Vec<_>, _, _);
        let value = match identity.kind {
            Kind::Histogram if identity.native.is_some() => {
                let declared = identity.native.unwrap_or_default();
                let buckets = numbers.buckets(declared);
                (positive, negative) = (Vec::new(), Vec::new());
                buckets.split(&mut positive, &mut negative);
                some_exemplars = if self.notes.contains_key(&at) {
                    (0..NATIVE_EXEMPLARS as u32).filter_map(note).collect()
                } else {
                    Vec::new()
                };
                let (zero, others) = (numbers.count(0), numbers.count(1));
                Value::NativeHistogram {
                    schema: buckets.schema(),
                    zero_threshold: declared.zero_threshold,
                    zero_count: zero,
                    count: zero.saturating_add(others).saturating_add(buckets.total()),
                    sum: unmark(numbers.float(2), numbers.markers),
                    positive: &positive,
                    negative: &negative,
                    created,
                    exemplars: &some_exemplars,
                }
            }
            Kind::Counter => {
                let (whole, fractions) =
                    (numbers.count(0), unmark(numbers.fractions, numbers.markers));
                let total = if fractions == 0.0 {
                    Number::Int(whole)
                } else {
                    Number::Float(whole as f64 + fractions)
                };
                Value::Counter { total, created, exemplar: note(0) }
            }
            Kind::UpDownCounter => Value::Gauge {
                value: numbers.int(0) as f64 + unmark(numbers.fractions, numbers.markers),
            },
            Kind::Gauge => return self.show_gauge(at, labels, numbers, visitor),
            Kind::Summary => {
                let sum = unmark(numbers.float(1), numbers.markers);
                Value::Summary { count: numbers.count(0), sum, created }
            }
            Kind::Histogram => {
                let buckets = identity.buckets.len() + 1;
                counts = (0..buckets).map(|bucket| numbers.count(bucket)).collect();
                exemplars = if self.notes.contains_key(&at) {
                    (0..buckets as u32).map(note).collect()
                } else {
                    Vec::new()
                };
                let sum = unmark(numbers.float(buckets), numbers.markers);
                Value::Histogram { counts: &counts, sum, created, exemplars: &exemplars }
            }
            Kind::StateSet => {
                let bits = numbers.int(0) as u64;
                let is_active = |state| bits.checked_shr(state).is_some_and(|bits| bits & 1 == 1);
                active = (0..identity.states.len() as u32).map(is_active).collect();
                Value::StateSet { active: &active }
            }
            Kind::Info => Value::Info,
            Kind::Unknown => return Ok(()),
        };
        visitor.series(labels, &value)
    }

    fn show_gauge(
        &self,
        at: u32,
        labels: Labels<'_>,
        numbers: &Numbers,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        let mut show = |value| visitor.series(labels, &Value::Gauge { value });
        let owned = self.owned.get(&at).map_or(&[][..], Vec::as_slice);
        let values = owned.iter().map(|one| one.value.as_f64());
        let mode = self.desc.identity.gauge_mode;
        match mode {
            GaugeMode::Shared | GaugeMode::MostRecent => return show(numbers.float(0)),
            GaugeMode::All | GaugeMode::LiveAll => {}
            _ if owned.is_empty() => return Ok(()),
            // Where a value is none, so is the least of them, and the greatest.
            GaugeMode::Min | GaugeMode::LiveMin => {
                return show(
                    values.reduce(|a, b| if a <= b || a.is_nan() { a } else { b }).unwrap_or(0.0),
                );
            }
            GaugeMode::Max | GaugeMode::LiveMax => {
                return show(
                    values.reduce(|a, b| if a >= b || a.is_nan() { a } else { b }).unwrap_or(0.0),
                );
            }
            GaugeMode::Sum | GaugeMode::LiveSum => return show(values.sum()),
            GaugeMode::LiveMostRecent => {
                let last = owned.iter().min_by_key(|one| (one.age, one.client));
                return show(last.map_or(0.0, |one| one.value.as_f64()));
            }
        }
        // Of clients that are called the same, the one that was set last is shown.
        let mut by_name: Vec<&Owned> = owned.to_vec();
        by_name.sort_unstable_by(|a, b| {
            let key = |one: &Owned| -> (Duration, u128) { (one.age, one.client.0) };
            a.name.cmp(&b.name).then_with(|| key(a).cmp(&key(b)))
        });
        by_name.dedup_by(|later, first| later.name == first.name);
        for one in by_name {
            let mut text = labels.canonical().to_owned();
            push_pair(&mut text, self.client_label, &one.name);
            let value = Value::Gauge { value: one.value.as_f64() };
            visitor.series(Labels::from_canonical(&text), &value)?;
        }
        Ok(())
    }
}
