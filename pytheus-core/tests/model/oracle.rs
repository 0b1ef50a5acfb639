//! The plain map: what a registry should hold, by its documentation.

use super::page::{Key, Page, Reading, Shown};
use super::thing::{
    DEFAULTS, Decl, EXPIRY_SECONDS, REGISTRIES, STATES, Shape, Update, Values, label_names,
};
use pytheus_core::Kind;
use std::collections::BTreeMap;

/// A family of a registry that was registered successfully.
pub(crate) type Registered = (usize, &'static str);

#[derive(Default)]
pub(crate) struct Oracle {
    /// A constant label of all registries.
    constant: Option<(String, String)>,
    /// Whether the backend is the striped engine. There, cloning a handle counts as use of a series,
    /// as looking it up does, and of two registries' help texts the later one counts.
    striped: bool,
    pub(crate) now: u64,
    families: BTreeMap<&'static str, Family>,
    registered: BTreeMap<Registered, Core>,
    pub(crate) series: Vec<Series>,
    next_family: usize,
}

/// What a backend holds.
struct Family {
    id: usize,
    /// Of the first registrant; the help of the last one.
    decl: Decl,
    series: BTreeMap<Key, usize>,
    /// The key is among the series, too.
    overflow: Key,
    overflowed: u64,
    refused: u64,
}

/// What a registry remembers.
#[derive(Clone)]
struct Core {
    family: usize,
    decl: Decl,
    /// Series, how often it had been used, when.
    idle: BTreeMap<Key, (usize, u64, u64)>,
    /// When the series were last looked at.
    swept_at: Option<u64>,
}

/// A series, exported or removed, for as long as somebody may hold it.
pub(crate) struct Series {
    kind: Kind,
    family: usize,
    times: u64,
    pub(crate) holders: usize,
    pub(crate) reading: Reading,
}

impl Oracle {
    pub(crate) fn new(constant: Option<(String, String)>, striped: bool) -> Self {
        Self { constant, striped, ..Self::default() }
    }

    // ── families ────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn is_exported(&self, family: usize) -> bool {
        self.families.values().any(|exported| exported.id == family)
    }

    /// Registers; what differs otherwise. Also the series that a bare family is the handle of.
    pub(crate) fn register(
        &mut self,
        registry: usize,
        decl: &Decl,
    ) -> Result<(usize, Option<usize>), &'static str> {
        let at = (registry, decl.name);
        let known = self.registered.get(&at).filter(|core| self.is_exported(core.family)).cloned();
        let exported = self.families.get(decl.name).map(|family| family.decl.clone());
        if let Some(first) = &exported {
            agree(first, decl)?;
        }
        if let Some(core) = &known {
            agree_here(&core.decl, decl)?;
        }
        let family = match self.families.get_mut(decl.name) {
            Some(family) => {
                if known.is_none() && self.striped {
                    family.decl.help = decl.help;
                }
                family.id
            }
            None => {
                self.next_family += 1;
                let family = self.family(decl);
                self.families.insert(decl.name, family);
                self.next_family
            }
        };
        if known.is_none() {
            self.registered.insert(
                at,
                Core { family, decl: decl.clone(), idle: BTreeMap::new(), swept_at: None },
            );
        }
        match self.finish(at, decl) {
            Ok(handle) => Ok((family, handle)),
            Err(full) => {
                if exported.is_none() {
                    self.unregister(registry, decl.name);
                } else if known.is_none() {
                    self.registered.remove(&at);
                }
                Err(full)
            }
        }
    }

    fn finish(&mut self, at: Registered, decl: &Decl) -> Result<Option<usize>, &'static str> {
        match decl.label_names() {
            Some([]) => self.find_or_create(at, Vec::new()).map(Some),
            Some(_) if decl.default_of("x").is_some() => {
                let key = self.declared_key(decl.name, (DEFAULTS[0], DEFAULTS[1]));
                self.find_or_create(at, key).map(|_| None)
            }
            _ => Ok(None),
        }
    }

    fn family(&self, decl: &Decl) -> Family {
        let overflow = match decl.label_names() {
            None => vec![("overflow".into(), "true".into())],
            Some(names) => {
                names.iter().map(|name| (name.to_string(), "__overflow__".into())).collect()
            }
        };
        Family {
            id: self.next_family,
            decl: decl.clone(),
            series: BTreeMap::new(),
            overflow,
            overflowed: 0,
            refused: 0,
        }
    }

    pub(crate) fn unregister(&mut self, registry: usize, name: &'static str) -> bool {
        self.registered.remove(&(registry, name));
        self.families.remove(name).is_some()
    }

    // ── series ──────────────────────────────────────────────────────────────────────────────────

    fn declared_key(&self, name: &str, (x, y): Values) -> Key {
        let family = &self.families[name];
        let value = |name: &str| if name == "x" { x } else { y };
        let names = family.decl.label_names().unwrap_or(&["x", "y"]);
        names.iter().map(|name| (name.to_string(), value(name).to_string())).collect()
    }

    /// The series that a look-up finds.
    pub(crate) fn look_up(&mut self, at: Registered, values: Values) -> usize {
        let key = self.declared_key(at.1, values);
        if let Ok(series) = self.find_or_create(at, key) {
            return series;
        }
        let family = self.families.get_mut(at.1).expect("only exported families are asked");
        family.overflowed += 1;
        let key = family.overflow.clone();
        self.find_or_make(at.1, key)
    }

    fn find_or_create(&mut self, at: Registered, key: Key) -> Result<usize, &'static str> {
        let cap = if key.is_empty() { u32::MAX } else { self.registered[&at].decl.cap };
        for expired in [false, true] {
            let family = &self.families[at.1];
            let capped = family.series.keys().filter(|key| **key != family.overflow).count();
            if family.series.contains_key(&key) || capped < cap as usize {
                return Ok(self.find_or_make(at.1, key));
            }
            // Looked at a moment ago, it is not looked at again.
            let paused = self.registered[&at].swept_at == Some(self.now);
            if expired || paused || self.expire(at) == 0 {
                break;
            }
        }
        Err("max_series")
    }

    fn find_or_make(&mut self, name: &str, key: Key) -> usize {
        let family = self.families.get_mut(name).expect("only exported families are asked");
        let (kind, id) = (family.decl.kind, family.id);
        let counts = match kind {
            Kind::Histogram => family.decl.buckets.len() + 1,
            Kind::Summary => 1,
            _ => 0,
        };
        let series = *family.series.entry(key).or_insert_with(|| {
            let states = if kind == Kind::StateSet { STATES.len() } else { 0 };
            let reading =
                Reading { total: 0.0, counts: vec![0; counts], states: vec![false; states] };
            self.series.push(Series { kind, family: id, times: 0, holders: 0, reading });
            self.series.len() - 1
        });
        self.series[series].times += 1;
        series
    }

    pub(crate) fn copied(&mut self, series: usize) {
        self.series[series].times += u64::from(self.striped);
        self.series[series].holders += 1;
    }

    pub(crate) fn update(&mut self, series: usize, update: Update) {
        let Series { kind, family, reading, .. } = &mut self.series[series];
        match (*kind, update) {
            (Kind::Counter, Update::Refused) => {
                let family = self.families.values_mut().find(|exported| exported.id == *family);
                family.expect("only exported families refuse").refused += 1;
            }
            (Kind::Counter, Update::Add(amount) | Update::Down(amount) | Update::Set(amount)) => {
                reading.total += amount;
            }
            (Kind::Gauge, Update::Set(amount)) => reading.total = amount,
            (Kind::UpDownCounter, Update::Set(amount)) => reading.total += amount,
            (Kind::Gauge | Kind::UpDownCounter, Update::Down(amount)) => reading.total -= amount,
            (Kind::Gauge | Kind::UpDownCounter, Update::Add(amount)) => reading.total += amount,
            (Kind::Gauge | Kind::UpDownCounter, Update::Refused) => reading.total += 1.0,
            (Kind::Summary | Kind::Histogram, update) => {
                reading.total += update.observed();
                let bounds = self.families.values().find(|exported| exported.id == *family);
                let bounds = bounds.map_or(&[][..], |family| family.decl.buckets);
                let last = reading.counts.len() - 1;
                let bucket = bounds.iter().position(|bound| update.observed() <= *bound);
                // A removed family's buckets nobody sees.
                reading.counts[bucket.unwrap_or(last).min(last)] += 1;
            }
            (Kind::StateSet, Update::Add(_) | Update::Refused) => reading.states[0] = true,
            (Kind::StateSet, Update::Down(_)) => reading.states[1] = true,
            (Kind::StateSet, Update::Set(_)) => reading.states = vec![false, true],
            _ => {}
        }
    }

    /// What a handle of a series reads.
    pub(crate) fn read(&self, series: usize) -> (f64, u64) {
        let Series { kind, reading, .. } = &self.series[series];
        let active = reading.states.iter().filter(|active| **active).count() as u64;
        match kind {
            Kind::StateSet => (0.0, active),
            _ => (reading.total, reading.counts.iter().sum()),
        }
    }

    /// Whether a counter's refusals are counted where a scrape finds them.
    pub(crate) fn may_refuse(&self, series: usize) -> bool {
        let exported = self.families.values();
        exported.flat_map(|family| family.series.values()).any(|exported| *exported == series)
    }

    pub(crate) fn remove(&mut self, name: &str, values: Values) -> bool {
        let key = self.declared_key(name, values);
        self.families.get_mut(name).is_some_and(|family| family.series.remove(&key).is_some())
    }

    pub(crate) fn retain(&mut self, name: &str, x: Option<&str>) -> usize {
        let series = &mut self.families.get_mut(name).expect("it is exported").series;
        let before = series.len();
        series.retain(|key, _| key.iter().any(|(n, v)| n == "x" && Some(v.as_str()) == x));
        before - series.len()
    }

    // ── scrapes ─────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn scrape(&mut self, registry: usize) -> Page {
        debug_assert!(registry < REGISTRIES);
        let mine: Vec<Registered> =
            self.registered.keys().copied().filter(|(owner, _)| *owner == registry).collect();
        for at in mine {
            if self.is_exported(self.registered[&at].family) {
                self.expire(at);
            }
        }
        self.page()
    }

    /// Removes what nobody held and nobody looked up for long enough.
    fn expire(&mut self, at: Registered) -> usize {
        let core = self.registered.get_mut(&at).expect("it is registered");
        if !core.decl.expires {
            return 0;
        }
        let family = self.families.get_mut(at.1).expect("it is exported");
        let before = std::mem::take(&mut core.idle);
        core.swept_at = Some(self.now);
        let mut removed = 0;
        family.series.retain(|key, series| {
            let Series { times, holders, .. } = self.series[*series];
            let last = before.get(key).filter(|last| (last.0, last.1) == (*series, times));
            let last = match last {
                Some((_, _, at)) if holders == 0 => *at,
                _ => self.now,
            };
            core.idle.insert(key.clone(), (*series, times, last));
            let keep = holders > 0 || self.now - last < EXPIRY_SECONDS;
            removed += usize::from(!keep);
            keep
        });
        removed
    }

    fn page(&self) -> Page {
        let mut page = Page::new();
        let mut own: BTreeMap<&str, BTreeMap<Key, Reading>> = BTreeMap::new();
        for (name, family) in &self.families {
            for (own_name, count) in [
                ("pytheus_overflowed_lookups_total", family.overflowed),
                ("pytheus_refused_updates_total", family.refused),
            ] {
                if count > 0 {
                    let reading = Reading { total: count as f64, ..Reading::default() };
                    let key = vec![("family".to_owned(), (*name).to_owned())];
                    own.entry(own_name).or_default().insert(key, reading);
                }
            }
            let series = family.series.iter().map(|(key, series)| {
                let mut key: Key = self.constant.iter().chain(key).cloned().collect();
                if family.decl.labels == Shape::Open {
                    // Sorted, the constant ones included.
                    key.sort_unstable();
                }
                (key, self.series[*series].reading.clone())
            });
            let Decl { kind, help, .. } = family.decl;
            let shown = Shown { kind, help: help.into(), series: series.collect() };
            page.insert((*name).to_owned(), shown);
        }
        for (name, series) in own {
            let shown = Shown { kind: Kind::Counter, help: String::new(), series };
            page.insert(name.to_owned(), shown);
        }
        page
    }
}

/// What all who share a backend must agree on.
fn agree(first: &Decl, asked: &Decl) -> Result<(), &'static str> {
    if first.kind != asked.kind {
        return Err("type");
    }
    if label_names(first) != label_names(asked) {
        return Err("labels");
    }
    if first.kind == Kind::Histogram && first.buckets != asked.buckets {
        let is_native = first.buckets.is_empty() || asked.buckets.is_empty();
        return Err(if is_native { "native buckets" } else { "buckets" });
    }
    Ok(())
}

/// What must be the same within one registry.
fn agree_here(first: &Decl, asked: &Decl) -> Result<(), &'static str> {
    let defaults = |decl: &Decl| (decl.default_of("x"), decl.default_of("y"));
    if first.help != asked.help {
        return Err("help");
    }
    if defaults(first) != defaults(asked) {
        return Err("default labels");
    }
    if first.cap != asked.cap {
        return Err("max_series");
    }
    if first.expires != asked.expires {
        return Err("expire_idle");
    }
    Ok(())
}
