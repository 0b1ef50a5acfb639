//! Does the same to a registry and to the plain map, and compares.

use super::oracle::Oracle;
use super::page::scrape;
use super::subject::{Held, Subject, register};
use super::thing::{
    AMOUNTS, Case, Change, Decl, NAMES, Op, REGISTRIES, THREADS, Update, Values, Way, Where,
};
use super::workers::Workers;
use crate::backends::backends;
use pytheus_core::{ManualClock, RegisterError, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Run {
    decls: Vec<Decl>,
    clock: Arc<ManualClock>,
    registries: Vec<Registry>,
    workers: Workers,
    oracle: Oracle,
    families: BTreeMap<Where, Known>,
    handles: Vec<Handle>,
}

/// A family of ours, perhaps unregistered by now.
struct Known {
    subject: Arc<dyn Subject>,
    id: usize,
    /// The series it holds, if it is one without labels.
    holds: Option<usize>,
}

struct Handle {
    held: Arc<dyn Held>,
    /// `None` if it counts where nobody reads.
    series: Option<usize>,
}

/// More handles are not kept: the oldest one is dropped.
const MAX_HANDLES: usize = 12;

impl Run {
    pub(crate) fn new(case: &Case) -> Self {
        let clock = Arc::new(ManualClock::new());
        let [local, heap] = backends();
        let backend = if case.on_heap { heap } else { local };
        let registry = |_| {
            let mut builder = Registry::builder(backend.clone()).clock(clock.clone());
            if case.constant {
                builder = builder.constant_label("zone", "e\"u");
            }
            builder.build().expect("the label is valid")
        };
        let constant = case.constant.then(|| ("zone".to_owned(), "e\"u".to_owned()));
        let oracle = Oracle::new(constant, !case.on_heap);
        Self {
            decls: case.decls.clone(),
            registries: (0..REGISTRIES).map(registry).collect(),
            clock,
            workers: Workers::new(THREADS),
            oracle,
            families: BTreeMap::new(),
            handles: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Register(at, change) => self.register(*at, change),
            Op::Update { family, way, values, update, on } => {
                if let Some(handle) = self.look_up(*family, *way, *values, *on) {
                    self.update(&handle, *update, *on);
                    self.drop_on(handle, *on);
                }
            }
            Op::Keep { family, way, values, on } => {
                let handle = self.look_up(*family, *way, *values, *on);
                self.handles.extend(handle);
                if self.handles.len() > MAX_HANDLES {
                    let oldest = self.handles.remove(0);
                    self.drop_on(oldest, *on);
                }
            }
            Op::UpdateKept { handle, update, on } => {
                if let Some(handle) = pick(&self.handles, *handle) {
                    let Handle { held, series } = &self.handles[handle];
                    let handle = Handle { held: held.clone(), series: *series };
                    self.update(&handle, *update, *on);
                }
            }
            Op::Clone { handle, on } => {
                if let Some(handle) = pick(&self.handles, *handle) {
                    let Handle { held, series } = &self.handles[handle];
                    let (held, series) = (held.clone(), *series);
                    let held = self.workers.run(*on, move || held.copy());
                    series.iter().for_each(|series| self.oracle.copied(*series));
                    self.handles.push(Handle { held, series });
                }
            }
            Op::Drop { handle, on } => {
                if let Some(handle) = pick(&self.handles, *handle) {
                    let handle = self.handles.swap_remove(handle);
                    self.drop_on(handle, *on);
                }
            }
            Op::Burst(items) => self.burst(items),
            Op::Remove(at, values) => {
                if let Some(subject) = self.exported(*at) {
                    let removed = subject.remove(*values);
                    let bare = self.families[at].holds.is_some();
                    let expected = !bare && self.oracle.remove(NAMES[at.1], *values);
                    assert_eq!(removed, expected);
                }
            }
            Op::Retain(at, x) => self.retain(*at, Some(x)),
            Op::Clear(at) => self.retain(*at, None),
            Op::Unregister((registry, family)) => {
                let name = NAMES[*family];
                let removed = self.registries[*registry].unregister(name);
                assert_eq!(removed, self.oracle.unregister(*registry, name));
            }
            Op::Wait(seconds) => {
                self.clock.advance(Duration::from_secs(*seconds));
                self.oracle.now += seconds;
            }
            Op::Scrape(registry) => self.compare(*registry),
            Op::Replace(on) => self.workers.replace(*on),
        }
    }

    /// Whether both say the same.
    pub(crate) fn compare(&mut self, registry: usize) {
        let shown = scrape(&self.registries[registry]);
        let expected = self.oracle.scrape(registry);
        assert_eq!(shown, expected);
        for Handle { held, series } in &self.handles {
            if let Some(series) = series {
                assert_eq!(held.read(), self.oracle.read(*series), "through a handle");
            }
        }
    }

    fn register(&mut self, at: Where, change: &Change) {
        let (registry, name) = (at.0, NAMES[at.1]);
        let decl = change.of(&self.decls[at.1]);
        let registered = register(&self.registries[registry], &decl);
        match (registered, self.oracle.register(registry, &decl)) {
            (Ok(subject), Ok((id, holds))) => {
                // Families from before a family was unregistered come back with it, or do not.
                let oracle = &mut self.oracle;
                self.families.retain(|(_, family), known| {
                    let keep = *family != at.1 || known.id == id;
                    if let (false, Some(series)) = (keep, known.holds) {
                        oracle.series[series].holders -= 1;
                    }
                    keep
                });
                if let Some(series) = holds {
                    self.oracle.series[series].holders += 1;
                }
                if let Some(Known { holds: Some(series), .. }) =
                    self.families.insert(at, Known { subject, id, holds })
                {
                    self.oracle.series[series].holders -= 1;
                }
            }
            (Err(error), Err(expected)) => {
                let message = error.to_string();
                assert!(message.contains(name), "{message}");
                match error {
                    RegisterError::Conflict { what, .. } => assert_eq!(what, expected),
                    error => assert!(message.contains(expected), "{error} is not {expected}"),
                }
            }
            (Ok(_), Err(expected)) => panic!("{decl:?} was registered in spite of {expected}"),
            (Err(error), Ok(_)) => panic!("{decl:?} could not be registered: {error}"),
        }
    }

    /// A family that was registered and is exported.
    fn exported(&self, at: Where) -> Option<Arc<dyn Subject>> {
        let known = self.families.get(&at)?;
        self.oracle.is_exported(known.id).then(|| known.subject.clone())
    }

    fn look_up(&mut self, at: Where, way: Way, values: Values, on: usize) -> Option<Handle> {
        let known = self.families.get(&at)?;
        let (subject, id, holds) = (known.subject.clone(), known.id, known.holds);
        let held = self.workers.run(on, move || subject.look_up(way, values));
        let series = match holds {
            Some(series) => {
                self.oracle.copied(series);
                Some(series)
            }
            None if self.oracle.is_exported(id) => {
                let series = self.oracle.look_up((at.0, NAMES[at.1]), values);
                self.oracle.series[series].holders += 1;
                Some(series)
            }
            None => None,
        };
        Some(Handle { held, series })
    }

    fn update(&mut self, handle: &Handle, update: Update, on: usize) {
        let may_refuse = handle.series.is_some_and(|series| self.oracle.may_refuse(series));
        let update = match update {
            Update::Refused if !may_refuse => Update::Add(AMOUNTS[0]),
            update => update,
        };
        let held = handle.held.clone();
        self.workers.run(on, move || held.update(update));
        handle.series.iter().for_each(|series| self.oracle.update(*series, update));
    }

    fn drop_on(&mut self, handle: Handle, on: usize) {
        let Handle { held, series } = handle;
        self.workers.run(on, move || drop(held));
        series.iter().for_each(|series| self.oracle.series[*series].holders -= 1);
    }

    fn burst(&mut self, items: &[(usize, u16)]) {
        if self.handles.is_empty() {
            return;
        }
        let mut running = Vec::new();
        for (on, (handle, times)) in items.iter().enumerate() {
            let Handle { held, series } = &self.handles[handle % self.handles.len()];
            let (held, times) = (held.clone(), *times);
            running.push(self.workers.begin(on, move || {
                (0..times).for_each(|_| held.update(Update::Add(AMOUNTS[0])));
            }));
            if let Some(series) = series {
                (0..times).for_each(|_| self.oracle.update(*series, Update::Add(AMOUNTS[0])));
            }
        }
        running.into_iter().for_each(|wait| wait());
    }

    fn retain(&mut self, at: Where, x: Option<&str>) {
        let Some(subject) = self.exported(at) else { return };
        let removed = x.map_or_else(|| subject.clear(), |x| subject.retain(x));
        let bare = self.families[&at].holds.is_some();
        let expected = if bare { 0 } else { self.oracle.retain(NAMES[at.1], x) };
        assert_eq!(removed, expected);
    }
}

fn pick<T>(items: &[T], index: usize) -> Option<usize> {
    (!items.is_empty()).then(|| index % items.len())
}
