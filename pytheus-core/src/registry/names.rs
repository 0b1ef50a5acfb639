//! Which names a family's samples take, so that no two families show the same one.

use crate::RegisterError;
use crate::family::FamilyCore;
use crate::visit::{Identity, Kind};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// The names that the samples of registered families take.
///
/// A family that would show a name which another one shows is refused: `c` beside `c_total`, or
/// `h_count` beside the histogram `h`. OpenMetrics forbids it (section "Metric family name"), and
/// scrapers drop one of the two.
#[derive(Default)]
pub(super) struct SampleNames {
    owners: HashMap<String, Weak<FamilyCore>>,
}

impl SampleNames {
    pub(super) fn check(&self, asked: &Identity) -> Result<(), RegisterError> {
        for name in names(asked) {
            let owner = self.owners.get(&name).and_then(Weak::upgrade);
            if let Some(owner) = owner.filter(|owner| owner.is_registered()) {
                return Err(clash(asked, &owner.desc().identity, &name));
            }
        }
        Ok(())
    }

    pub(super) fn claim(&mut self, family: &Arc<FamilyCore>) {
        for name in names(&family.desc().identity) {
            self.owners.insert(name, Arc::downgrade(family));
        }
    }
}

/// Refuses a family one of whose samples would have the name of another family's.
pub(super) fn check_samples<'a>(
    asked: &Identity,
    mut registered: impl Iterator<Item = &'a Identity>,
) -> Result<(), RegisterError> {
    let common =
        |other: &Identity| names(asked).find(|name| names(other).any(|other| other == *name));
    match registered.find_map(|other| Some((common(other)?, other))) {
        None => Ok(()),
        Some((name, other)) => Err(clash(asked, other, &name)),
    }
}

fn clash(asked: &Identity, other: &Identity, name: &str) -> RegisterError {
    RegisterError::Conflict {
        family: asked.name.clone(),
        what: "a sample name in common with another family",
        registered: format!("{:?} ({})", other.name, other.kind),
        asked: format!("{:?} ({}), which also shows {name:?}", asked.name, asked.kind),
    }
}

/// The names a family takes: its own, and those of its samples in any format.
fn names(identity: &Identity) -> impl Iterator<Item = String> {
    let suffixes: &[&str] = match identity.kind {
        Kind::Counter => &["", "_total", "_created"],
        Kind::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
        Kind::Summary => &["", "_count", "_sum", "_created"],
        Kind::Info => &["", "_info"],
        Kind::Gauge | Kind::UpDownCounter | Kind::StateSet | Kind::Unknown => &[""],
    };
    let base = match identity.kind {
        Kind::Counter => identity.name.strip_suffix("_total"),
        Kind::Info => identity.name.strip_suffix("_info"),
        _ => None,
    };
    let base = base.unwrap_or(&identity.name).to_owned();
    suffixes.iter().map(move |suffix| format!("{base}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn together(one: (&str, Kind), other: (&str, Kind)) -> bool {
        let other = Identity::new(other.0, other.1);
        check_samples(&Identity::new(one.0, one.1), std::iter::once(&other)).is_ok()
    }

    #[test]
    fn families_that_would_show_one_name_twice_are_refused() {
        assert!(!together(("c", Kind::Counter), ("c_total", Kind::Counter)));
        assert!(!together(("c", Kind::Gauge), ("c_total", Kind::Counter)));
        assert!(!together(("h_count", Kind::Counter), ("h", Kind::Histogram)));
        assert!(!together(("i_info", Kind::Gauge), ("i", Kind::Info)));
    }

    #[test]
    fn names_that_only_look_alike_are_fine() {
        assert!(together(("c_total", Kind::Gauge), ("c", Kind::Gauge)));
        assert!(together(("h_counts", Kind::Counter), ("h", Kind::Histogram)));
        assert!(together(("requests", Kind::UpDownCounter), ("request", Kind::Counter)));
    }
}
