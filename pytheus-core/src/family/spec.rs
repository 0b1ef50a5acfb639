//! What a registration asks for, checked before anything is registered.

use crate::names::{Naming, check_label_name, check_metric_name};
use crate::visit::{FamilyDesc, GaugeMode, Identity, Kind, Native};
use crate::{Histogram, RegisterError, StateSet};
use std::collections::BTreeMap;
use std::time::Duration;

/// More buckets than this are a mistake: a histogram's cells must fit one chunk of a stripe.
pub(crate) const MAX_BUCKETS: usize = 4096;
/// More labels than this are a mistake.
const MAX_LABELS: usize = 256;
/// Longer help texts are a mistake.
pub(crate) const MAX_HELP_BYTES: usize = 64 << 10;
/// How many series a family may have unless it says otherwise: more than a family should have, and
/// few enough that values an attacker chooses cannot exhaust memory.
pub(crate) const DEFAULT_MAX_SERIES: u32 = 100_000;

/// A registration as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    /// The name without the registry's prefix.
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<String>,
    pub(crate) labels: LabelSpec,
    pub(crate) defaults: Vec<(String, String)>,
    /// `None`: those of the official clients.
    pub(crate) buckets: Option<Vec<f64>>,
    /// In place of buckets.
    pub(crate) native: Option<Native>,
    pub(crate) states: Vec<String>,
    pub(crate) gauge_mode: GaugeMode,
    pub(crate) max_series: u32,
    pub(crate) expire_idle: Option<Duration>,
}

/// The label names of a family.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LabelSpec {
    Declared(Vec<String>),
    Open,
}

impl Spec {
    pub(crate) fn new(name: &str, help: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            help: help.to_owned(),
            kind,
            unit: None,
            labels: LabelSpec::Declared(Vec::new()),
            defaults: Vec::new(),
            buckets: None,
            native: None,
            states: Vec::new(),
            gauge_mode: GaugeMode::Shared,
            max_series: DEFAULT_MAX_SERIES,
            expire_idle: None,
        }
    }

    /// What a registration asks for that describes a family like this.
    pub(crate) fn of(desc: &FamilyDesc) -> Self {
        let FamilyDesc { identity, help } = desc;
        let labels = identity.label_names.clone().map_or(LabelSpec::Open, LabelSpec::Declared);
        Self {
            unit: identity.unit.clone(),
            labels,
            buckets: identity.native.is_none().then(|| identity.buckets.clone()),
            native: identity.native,
            states: identity.states.clone(),
            gauge_mode: identity.gauge_mode,
            ..Self::new(&identity.name, help, identity.kind)
        }
    }

    /// Whether any registration describes a family like this.
    pub(crate) fn could_be(desc: &FamilyDesc) -> bool {
        let identity = &desc.identity;
        let fits = match identity.kind {
            Kind::Gauge => true,
            // Nothing but custom collectors shows such.
            Kind::Unknown => false,
            _ => identity.gauge_mode == GaugeMode::Shared,
        };
        fits && Self::of(desc)
            .describe("", &[], Naming::Utf8)
            .is_ok_and(|described| described == *desc)
    }

    /// The default of each label that has one; of two for one label the later one counts.
    pub(crate) fn sorted_defaults(&self) -> BTreeMap<&str, String> {
        self.defaults.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
    }

    /// The declared label names; none for an open set.
    pub(crate) fn declared(&self) -> &[String] {
        match &self.labels {
            LabelSpec::Declared(names) => names,
            LabelSpec::Open => &[],
        }
    }

    /// The family as a backend sees it: full name, constant labels first.
    ///
    /// # Errors
    ///
    /// Everything about a family that can be wrong by itself.
    pub(crate) fn describe(
        &self,
        prefix: &str,
        constants: &[(String, String)],
        naming: Naming,
    ) -> Result<FamilyDesc, RegisterError> {
        let name = full_name(prefix, &self.name);
        check_metric_name(&name, naming)
            .map_err(|reason| RegisterError::Name { name: name.clone(), reason })?;
        self.check_labels(&name, constants, naming)?;
        self.check_unit(&name)?;
        limit(&name, "the help text in bytes", self.help.len(), MAX_HELP_BYTES)?;
        let mut identity = Identity::new(name, self.kind).gauge_mode(self.gauge_mode);
        identity.unit.clone_from(&self.unit);
        identity = match &self.labels {
            LabelSpec::Open => identity.open_labels(),
            LabelSpec::Declared(names) => {
                identity.label_names(constants.iter().map(|(name, _)| name).chain(names))
            }
        };
        if self.kind == Kind::Histogram {
            match self.native {
                Some(native) => identity.native = Some(self.check_native(&identity.name, native)?),
                None => identity.buckets = self.check_buckets(&identity.name)?,
            }
        }
        if self.kind == Kind::StateSet {
            self.check_states(&identity)?;
            identity.states.clone_from(&self.states);
        }
        Ok(FamilyDesc::new(identity, self.help.as_str()))
    }

    fn check_labels(
        &self,
        family: &str,
        constants: &[(String, String)],
        naming: Naming,
    ) -> Result<(), RegisterError> {
        let wrong = |name: &str, reason| {
            Err(RegisterError::LabelName {
                family: family.to_owned(),
                name: name.to_owned(),
                reason,
            })
        };
        let declared = self.declared();
        limit(family, "the number of labels", constants.len() + declared.len(), MAX_LABELS)?;
        for (place, name) in declared.iter().enumerate() {
            if let Err(reason) = check_label_name(name, naming) {
                return wrong(name, reason);
            }
            if declared[..place].contains(name) {
                return wrong(name, "it is declared twice; each label needs a name of its own");
            }
            if constants.iter().any(|(constant, _)| constant == name) {
                return wrong(name, "it is a constant label of the registry; use another name");
            }
        }
        for name in constants.iter().map(|(name, _)| name).chain(declared) {
            if let Some(reason) = self.taken_label(family, name) {
                return wrong(name, reason);
            }
        }
        for (name, _) in &self.defaults {
            if !declared.contains(name) {
                return Err(RegisterError::Default {
                    family: family.to_owned(),
                    name: name.clone(),
                    declared: declared.to_vec(),
                });
            }
        }
        Ok(())
    }

    /// Why this family cannot have a label of this name, beyond what holds for all.
    pub(crate) fn taken_label(&self, family: &str, name: &str) -> Option<&'static str> {
        let per_process = matches!(self.gauge_mode, GaugeMode::All | GaugeMode::LiveAll);
        match self.kind {
            Kind::Histogram if name == "le" => Some("histograms use it for their buckets"),
            Kind::Summary if name == "quantile" => Some("summaries use it for their quantiles"),
            Kind::StateSet if name == family => {
                Some("state sets use their own name for the states")
            }
            Kind::Gauge if per_process && name == "pid" => {
                Some("gauges per process use it for the process")
            }
            _ => None,
        }
    }

    fn check_unit(&self, family: &str) -> Result<(), RegisterError> {
        const ALLOWED: &str =
            "it must match [a-zA-Z0-9_:]+ and be at most 64 bytes, as in \"seconds\"";
        const MAX_UNIT_BYTES: usize = 64;
        let Some(unit) = &self.unit else { return Ok(()) };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':');
        if !unit.is_empty() && unit.len() <= MAX_UNIT_BYTES && unit.bytes().all(allowed) {
            return Ok(());
        }
        Err(RegisterError::Unit { family: family.to_owned(), unit: unit.clone(), reason: ALLOWED })
    }

    fn check_buckets(&self, family: &str) -> Result<Vec<f64>, RegisterError> {
        let wrong =
            |reason: String| Err(RegisterError::Buckets { family: family.to_owned(), reason });
        let mut bounds = match &self.buckets {
            None => return Ok(Histogram::DEFAULT_BUCKETS.to_vec()),
            Some(bounds) => bounds.clone(),
        };
        if bounds.last() == Some(&f64::INFINITY) {
            bounds.pop();
        }
        if bounds.is_empty() {
            return wrong("there are none; give at least one finite upper bound".into());
        }
        limit(family, "the number of buckets", bounds.len(), MAX_BUCKETS)?;
        if let Some(bound) = bounds.iter().find(|bound| !bound.is_finite()) {
            return wrong(format!("{bound} is not finite; only the last bound may be +Inf"));
        }
        for pair in bounds.windows(2) {
            if pair[0] >= pair[1] {
                return wrong(format!(
                    "{} does not come before {}; bounds must ascend, each one once",
                    pair[0], pair[1]
                ));
            }
        }
        // Both zeros are one bound; all processes must mean the same bits.
        bounds.iter_mut().filter(|bound| **bound == 0.0).for_each(|bound| *bound = 0.0);
        Ok(bounds)
    }

    fn check_native(&self, family: &str, native: Native) -> Result<Native, RegisterError> {
        let checked = match self.buckets {
            None => native.checked(),
            Some(_) => Err("a native histogram finds its own; leave out either buckets(…) or \
                            native(…)"
                .into()),
        };
        checked.map_err(|reason| RegisterError::Buckets { family: family.to_owned(), reason })
    }

    fn check_states(&self, identity: &Identity) -> Result<(), RegisterError> {
        let family = &identity.name;
        let wrong = |reason: String| Err(RegisterError::States { family: family.clone(), reason });
        if self.states.is_empty() {
            return wrong("there are none; declare them with states([…])".into());
        }
        limit(family, "the number of states", self.states.len(), StateSet::MAX_STATES)?;
        for (place, state) in self.states.iter().enumerate() {
            if self.states[..place].contains(state) {
                return wrong(format!("{state:?} is declared twice"));
            }
        }
        Ok(())
    }
}

/// `prefix` and `name` as they are exported.
fn full_name(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}_{name}") }
}

fn limit(
    family: &str,
    what: &'static str,
    asked: usize,
    limit: usize,
) -> Result<(), RegisterError> {
    if asked <= limit {
        return Ok(());
    }
    Err(RegisterError::Limit { family: family.to_owned(), what, asked, limit })
}
