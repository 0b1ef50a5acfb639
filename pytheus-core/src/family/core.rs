//! A registered family: what all its views and handles share.

use super::idle::Idle;
use super::key::{Template, with_text};
use super::spec::{LabelSpec, Spec};
use crate::backend::StorageKind;
use crate::detached::Heap;
use crate::engine::{self, FamilyId, ForkMutex, Found, Key, MAX_TEXT_BYTES, NoRoom, Spot, Trace};
use crate::labels::{Form, Frame, Labels, push_pair};
use crate::metric::{At, Metric};
use crate::names::{Naming, check_label_name};
use crate::table::{CellFamily, CellTable, NoCell, Room};
use crate::time::Clock;
use crate::visit::{FamilyDesc, Identity};
use crate::{LabelError, RegisterError};
use std::borrow::Cow;
use std::sync::Arc;

/// The value every label of an overflow series has.
const OVERFLOW: &str = "__overflow__";
/// The one label of the overflow series of an open label set.
const OVERFLOW_LABEL: &str = "overflow";

/// A family in a backend, with what is this process's own: defaults, cap, expiry.
pub(crate) struct FamilyCore {
    id: Option<FamilyId>,
    pub(super) spec: Spec,
    /// As stored: the labels in the first registrant's order.
    desc: Arc<FamilyDesc>,
    constants: Vec<(String, String)>,
    naming: Naming,
    template: Template,
    frame: Frame,
    /// By declared label.
    defaults: Vec<Option<String>>,
    pub(super) backing: Backing,
    /// The key of the overflow series; `None` for a family without labels of its own.
    overflow: Option<String>,
    /// In no backend.
    detached: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) idle: Arc<ForkMutex<Idle>>,
}

#[derive(Clone)]
pub(super) enum Backing {
    Striped(engine::Family),
    Cells(Arc<CellFamily>),
}

/// What a family takes from its registry.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) storage: StorageKind,
    pub(crate) prefix: String,
    pub(crate) constants: Vec<(String, String)>,
    pub(crate) naming: Naming,
    pub(crate) clock: Arc<dyn Clock>,
}

impl FamilyCore {
    /// Registers what `spec` asks for; whether the backend did not have it before.
    pub(crate) fn register(spec: Spec, context: &Context) -> Result<(Self, bool), RegisterError> {
        let desc = spec.describe(&context.prefix, &context.constants, context.naming)?;
        let (backing, desc, entered) = match &context.storage {
            StorageKind::Striped(engine) => {
                let template = template(&spec, &desc, &context.constants, Form::Values);
                let overflow = overflow_key(&spec, &template, &context.constants);
                let (family, desc, entered) = engine
                    .register(&desc, overflow.as_deref(), context.clock.now())
                    .map_err(|error| of_family(error, &desc.identity.name))?;
                (Backing::Striped(family), Arc::new(desc), entered)
            }
            StorageKind::Cells(table) => {
                let (family, entered) = table.register(&desc)?;
                let desc = family.desc().clone();
                (Backing::Cells(family), desc, entered)
            }
        };
        Ok((Self::assemble(spec, desc, context, backing), entered))
    }

    /// The same family with its labels declared in another order.
    pub(crate) fn reordered(&self, spec: Spec, context: &Context) -> Self {
        let backing = self.backing.clone();
        Self {
            idle: self.idle.clone(),
            ..Self::assemble(spec, self.desc.clone(), context, backing)
        }
    }

    /// A family that is in no backend, for what could not be registered. Whatever can be kept of
    /// what was asked for is kept.
    pub(crate) fn detached(spec: Spec, context: &Context) -> Self {
        let described = spec.describe(&context.prefix, &context.constants, context.naming);
        let desc = described.unwrap_or_else(|_| {
            let names = spec.declared();
            let mut identity = Identity::new(&spec.name, spec.kind)
                .label_names(context.constants.iter().map(|(name, _)| name).chain(names));
            if spec.kind == crate::Kind::Histogram {
                identity.buckets = crate::Histogram::DEFAULT_BUCKETS.to_vec();
            }
            identity.states.clone_from(&spec.states);
            FamilyDesc::new(identity, spec.help.as_str())
        });
        let table = CellTable::new(Arc::new(Heap));
        let (family, _) =
            table.register(&desc).unwrap_or_else(|_| unreachable!("the table is empty"));
        Self {
            detached: true,
            ..Self::assemble(spec, Arc::new(desc), context, Backing::Cells(family))
        }
    }

    fn assemble(spec: Spec, desc: Arc<FamilyDesc>, context: &Context, backing: Backing) -> Self {
        let form = match backing {
            Backing::Striped(_) => Form::Values,
            Backing::Cells(_) => Form::Canonical,
        };
        let template = template(&spec, &desc, &context.constants, form);
        let overflow = overflow_key(&spec, &template, &context.constants);
        let by_label = spec.sorted_defaults();
        let defaults =
            spec.declared().iter().map(|name| by_label.get(name.as_str()).cloned()).collect();
        Self {
            id: FamilyId::new(),
            template,
            frame: Frame::new(desc.identity.label_names.as_deref()),
            defaults,
            desc,
            constants: context.constants.clone(),
            naming: context.naming,
            backing,
            overflow,
            detached: false,
            clock: context.clock.clone(),
            idle: Arc::default(),
            spec,
        }
    }

    /// The exported name.
    pub(crate) fn name(&self) -> &str {
        &self.desc.identity.name
    }

    pub(crate) fn desc(&self) -> &FamilyDesc {
        &self.desc
    }

    /// Whether the backend has it still: another registry may have unregistered it.
    pub(crate) fn is_registered(&self) -> bool {
        match &self.backing {
            Backing::Striped(family) => family.is_registered(),
            Backing::Cells(family) => family.is_registered(),
        }
    }

    /// Whether it has no series.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.backing {
            Backing::Striped(family) => family.is_empty(),
            Backing::Cells(family) => family.is_empty(),
        }
    }

    /// Whether this process asks for the same again. What the backend shares is compared elsewhere.
    ///
    /// # Errors
    ///
    /// [`RegisterError::Conflict`] names the first difference.
    pub(crate) fn agree(&self, asked: &Spec) -> Result<(), RegisterError> {
        let differs = |what, registered: String, asked: String| {
            let family = self.name().to_owned();
            Err(RegisterError::Conflict { family, what, registered, asked })
        };
        let (mine, limit) = (&self.spec, |spec: &Spec| spec.max_series.to_string());
        if mine.help != asked.help {
            return differs("help", format!("{:?}", mine.help), format!("{:?}", asked.help));
        }
        let (my_defaults, asked_defaults) = (mine.sorted_defaults(), asked.sorted_defaults());
        if my_defaults != asked_defaults {
            let defaults = format!("{my_defaults:?}");
            return differs("default labels", defaults, format!("{asked_defaults:?}"));
        }
        if mine.max_series != asked.max_series {
            return differs("max_series", limit(mine), limit(asked));
        }
        if mine.expire_idle != asked.expire_idle {
            let expiry = |spec: &Spec| format!("{:?}", spec.expire_idle);
            return differs("expire_idle", expiry(mine), expiry(asked));
        }
        Ok(())
    }

    /// The label names a user gives values for, in declared order.
    pub(crate) fn declared(&self) -> &[String] {
        self.spec.declared()
    }

    /// The default of each declared label.
    pub(crate) fn defaults(&self) -> &[Option<String>] {
        &self.defaults
    }

    /// Whether the series of a bare family is known: there are no labels, or all have defaults.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.spec.labels, LabelSpec::Declared(_))
            && self.defaults.iter().all(Option::is_some)
    }

    // ── finding series ──────────────────────────────────────────────────────────────────────────

    /// The series with these values, one per declared label.
    ///
    /// Inlined, so that a known number of values makes code without loops over them.
    #[inline(always)]
    pub(crate) fn with<M: Metric>(&self, values: &[&str]) -> M {
        let (Backing::Striped(family), Some(id)) = (&self.backing, self.id) else {
            return self.look_up(values, None);
        };
        match family.find_recent(id, values) {
            Ok(place) => M::new(At::Striped(place), &self.desc),
            Err(trace) => self.look_up(values, Some(trace)),
        }
    }

    /// Finds a series by way of its key, and has the thread remember where, by `trace`.
    #[inline(never)]
    fn look_up<M: Metric>(&self, values: &[&str], trace: Option<Trace>) -> M {
        with_text(
            |text| self.template.write(values, text),
            |key| {
                let remember = |found| trace.into_iter().for_each(|t| t.remember(values, found));
                self.try_series(key, remember).unwrap_or_else(|_| self.overflow(key))
            },
        )
    }

    /// The series with these values, where there is room for it.
    pub(crate) fn try_with<M: Metric>(&self, values: &[&str]) -> Result<M, RegisterError> {
        with_text(
            |text| self.template.write(values, text),
            |key| self.try_series(key, drop).map_err(|no| no.into_register_error(self.name())),
        )
    }

    /// The series of an open label set with these pairs.
    pub(crate) fn with_pairs<M: Metric>(&self, pairs: &[(&str, &str)]) -> Result<M, LabelError> {
        let labels = self.open_labels(pairs)?;
        Ok(self.try_series(&labels, drop).unwrap_or_else(|_| self.overflow(&labels)))
    }

    fn try_series<M: Metric>(&self, key: &str, found: impl FnOnce(Found)) -> Result<M, NoSeries> {
        let at = match &self.backing {
            Backing::Striped(family) => {
                let key = family.key(key);
                match family.find(key) {
                    Ok((place, at)) => {
                        found(at);
                        At::Striped(place)
                    }
                    Err(spot) => At::Striped(self.create(family, key, spot)?),
                }
            }
            Backing::Cells(family) => {
                if key.len() > MAX_TEXT_BYTES && !self.detached {
                    return Err(NoSeries::TooLong(key.len()));
                }
                let room = Room::UpTo(self.cap());
                let create = || {
                    family.find_or_create(key, room, self.clock.now(), |cells, desc| {
                        M::open(cells, desc, Labels::from_canonical(key)).map(M::keep)
                    })
                };
                let created = match create() {
                    Err(NoCell::Cap) if self.make_room() => create(),
                    created => created,
                };
                let cell = created.map_err(|reason| match reason {
                    NoCell::Cap => NoSeries::Cap,
                    NoCell::Refused(error) => NoSeries::Backend(error),
                })?;
                At::Cell(M::take(&cell).ok_or(NoSeries::Cap)?)
            }
        };
        Ok(M::new(at, &self.desc))
    }

    #[cold]
    fn create(
        &self,
        family: &engine::Family,
        key: Key<'_>,
        spot: Spot,
    ) -> Result<engine::Place, NoSeries> {
        let make = || family.make(key, spot, self.cap(), self.clock.now());
        let created = match make() {
            Err(NoRoom::Cap) if self.make_room() => make(),
            created => created,
        };
        created.map_err(|reason| match reason {
            NoRoom::Cap => NoSeries::Cap,
            NoRoom::Memory(error) => NoSeries::Backend(error),
            NoRoom::Unregistered => NoSeries::Unregistered,
        })
    }

    /// A family without labels has its one series whatever the cap, and so has one that is detached:
    /// there is nobody to hand an error to.
    fn cap(&self) -> u32 {
        if self.has_labels() && !self.detached { self.spec.max_series } else { u32::MAX }
    }

    fn has_labels(&self) -> bool {
        self.spec.labels == LabelSpec::Open || !self.declared().is_empty()
    }

    /// Where what finds no room is counted.
    #[cold]
    fn overflow<M: Metric>(&self, key: &str) -> M {
        let own = self.overflow.as_deref().unwrap_or_default();
        let now = self.clock.now();
        let reserved = match &self.backing {
            Backing::Striped(family) => family.overflow(own, now).map(At::Striped),
            Backing::Cells(family) => {
                family.count_overflow();
                let cell = family.find_or_create(own, Room::Overflow, now, |cells, desc| {
                    M::open(cells, desc, Labels::from_canonical(own)).map(M::keep)
                });
                cell.ok().and_then(|cell| M::take(&cell)).map(At::Cell)
            }
        };
        let at = reserved.unwrap_or_else(|| {
            // The family was unregistered, or its backend hands out no cells any more: it counts
            // where nobody reads, as a handle of a removed series does.
            let labels = self.canonical(key);
            let cell = M::open(&Heap, &self.desc, Labels::from_canonical(&labels));
            At::Cell(cell.unwrap_or_else(|_| unreachable!("the heap refuses nobody")))
        });
        M::new(at, &self.desc)
    }

    // ── removing series ─────────────────────────────────────────────────────────────────────────

    /// Removes the series with these values; whether there was one.
    pub(crate) fn remove(&self, values: &[&str]) -> bool {
        with_text(|text| self.template.write(values, text), |key| self.remove_series(key))
    }

    /// Removes the series of an open label set with these pairs; whether there was one.
    pub(crate) fn remove_pairs(&self, pairs: &[(&str, &str)]) -> Result<bool, LabelError> {
        let labels = self.open_labels(pairs)?;
        Ok(self.remove_series(&labels))
    }

    fn remove_series(&self, key: &str) -> bool {
        match &self.backing {
            Backing::Striped(family) => family.remove(key),
            Backing::Cells(family) => family.remove(key),
        }
    }

    /// Removes the series for which `keep` says no. Returns how many.
    pub(crate) fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool) -> usize {
        let keep = |key: &str| keep(Labels::from_canonical(&self.canonical(key)));
        match &self.backing {
            Backing::Striped(family) => family.retain(keep),
            Backing::Cells(family) => family.retain(keep),
        }
    }

    /// The canonical labels of the series with this key.
    fn canonical<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match self.backing {
            Backing::Cells(_) => Cow::Borrowed(key),
            Backing::Striped(_) => Cow::Owned(self.frame.canonical(key)),
        }
    }

    // ── open label sets ─────────────────────────────────────────────────────────────────────────

    /// The canonical labels for pairs in any order: sorted by name with the constant ones, which are
    /// labels like any other to those who share the backend.
    fn open_labels(&self, pairs: &[(&str, &str)]) -> Result<String, LabelError> {
        let mut pairs = pairs.to_vec();
        pairs.sort_unstable();
        let wrong = |name: &str, reason| {
            let family = self.name().to_owned();
            Err(LabelError::Name { family, name: name.to_owned(), reason })
        };
        for (place, (name, _)) in pairs.iter().enumerate() {
            if let Err(reason) = check_label_name(name, self.naming) {
                return wrong(name, reason);
            }
            if let Some(reason) = self.spec.taken_label(self.name(), name) {
                return wrong(name, reason);
            }
            if place > 0 && pairs[place - 1].0 == *name {
                return wrong(name, "it stands twice; give each label once");
            }
            if self.constants.iter().any(|(constant, _)| constant == name) {
                return wrong(name, "it is a constant label of the registry; use another name");
            }
        }
        let constants = self.constants.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(sorted_labels(pairs.into_iter().chain(constants)))
    }
}

impl std::fmt::Debug for FamilyCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name())?;
        match self.spec.labels {
            LabelSpec::Declared(_) => f.debug_set().entries(self.declared()).finish(),
            LabelSpec::Open => f.write_str("{..}"),
        }
    }
}

/// Why there is no series.
enum NoSeries {
    Cap,
    Unregistered,
    TooLong(usize),
    Backend(crate::BackendError),
}

impl NoSeries {
    fn into_register_error(self, family: &str) -> RegisterError {
        let full = |message: String| {
            let message = format!("{family:?}: {message}");
            crate::BackendError::new("core", crate::BackendErrorKind::Full, message)
        };
        RegisterError::Backend(match self {
            Self::Backend(error) => return of_family(error.into(), family),
            Self::Cap => full("max_series leaves no room for the series of the defaults".into()),
            Self::Unregistered => full("it was unregistered while it was being registered".into()),
            Self::TooLong(bytes) => {
                full(format!("{bytes} bytes of label text; at most {MAX_TEXT_BYTES} fit"))
            }
        })
    }
}

/// Makes what a backend complains of say which family it concerns.
fn of_family(error: RegisterError, family: &str) -> RegisterError {
    match error {
        RegisterError::Backend(mut error) => {
            error.message = format!("{family:?}: {}", error.message);
            RegisterError::Backend(error)
        }
        other => other,
    }
}

/// How the labels of a family's series are written as keys.
fn template(
    spec: &Spec,
    desc: &FamilyDesc,
    constants: &[(String, String)],
    form: Form,
) -> Template {
    let order = desc.identity.label_names.as_deref().unwrap_or_default();
    Template::new(form, order, constants, spec.declared())
}

/// The key of a family's overflow series; `None` for a family without labels of its own.
fn overflow_key(
    spec: &Spec,
    template: &Template,
    constants: &[(String, String)],
) -> Option<String> {
    if spec.labels == LabelSpec::Open {
        let constants = constants.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // No other label of the series may have the name.
        let mut name = OVERFLOW_LABEL.to_owned();
        while constants.clone().any(|(constant, _)| constant == name) {
            name.push('_');
        }
        return Some(sorted_labels(constants.chain([(name.as_str(), "true")])));
    }
    let values = vec![OVERFLOW; spec.declared().len()];
    let mut key = String::new();
    template.write(&values, &mut key);
    (!values.is_empty()).then_some(key)
}

/// The canonical labels of an open label set.
fn sorted_labels<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let mut text = String::new();
    pairs.iter().for_each(|(name, value)| push_pair(&mut text, name, value));
    text
}
