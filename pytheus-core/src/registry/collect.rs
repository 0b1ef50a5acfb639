//! Merging what a backend holds with what custom collectors show.

use super::Registry;
use super::collector::Collected;
use crate::backend::{Collection, Visit};
use crate::labels::Labels;
use crate::visit::{FamilyDesc, Stop, Value, Visitor};

impl Registry {
    /// The backend's families and this registry's collectors, run now.
    pub(super) fn with_collectors(&self, backend: Collection) -> Collection {
        let collected = self.run_collectors();
        if collected.is_empty() { backend } else { Collection::new(Merged { backend, collected }) }
    }
}

struct Merged {
    backend: Collection,
    /// In name order.
    collected: Vec<Collected>,
}

impl Visit for Merged {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let mut merge = Merge { visitor, rest: &self.collected, hidden: false };
        self.backend.visit(&mut merge)?;
        merge.show_before(None)
    }
}

/// Shows collected families where they belong between those of the backend.
struct Merge<'a> {
    visitor: &'a mut dyn Visitor,
    rest: &'a [Collected],
    /// Whether the backend's family has the name of a collected one, which then stands for it: the
    /// backend is shared, and somebody else may have taken the name later.
    hidden: bool,
}

impl Merge<'_> {
    fn show_before(&mut self, name: Option<&str>) -> Result<(), Stop> {
        while let Some((first, rest)) = self.rest.split_first() {
            if name.is_some_and(|name| *first.desc.identity.name > *name) {
                return Ok(());
            }
            self.hidden = name.is_some_and(|name| *first.desc.identity.name == *name);
            self.rest = rest;
            self.visitor.family(&first.desc)?;
            for (labels, value) in &first.series {
                self.visitor.series(labels.as_labels(), &value.as_value())?;
            }
        }
        Ok(())
    }
}

impl Visitor for Merge<'_> {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.hidden = false;
        self.show_before(Some(&family.identity.name))?;
        if self.hidden { Ok(()) } else { self.visitor.family(family) }
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if self.hidden { Ok(()) } else { self.visitor.series(labels, value) }
    }
}
