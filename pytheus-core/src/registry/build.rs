//! Building a registry.

use super::{Registry, Shared};
use crate::RegisterError;
use crate::backend::Backend;
use crate::engine::ForkMutex;
use crate::family::Context;
use crate::names::{Naming, check_label_name, check_metric_name};
use crate::time::{Clock, SystemClock};
use std::sync::Arc;

/// A registry that is being built. Made by [`Registry::builder`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::builder(Local::new()).prefix("shop").constant_label("zone", "eu").build()?;
/// # let _ = registry;
/// assert!(Registry::builder(Local::new()).prefix("1x").build().is_err());
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[must_use = "a registry exists once it is built"]
pub struct RegistryBuilder {
    backend: Arc<dyn Backend>,
    prefix: String,
    constants: Vec<(String, String)>,
    naming: Naming,
    clock: Arc<dyn Clock>,
}

impl RegistryBuilder {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            prefix: String::new(),
            constants: Vec::new(),
            naming: Naming::Legacy,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Goes in front of every name, with an underscore in between.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// A label that every series has, in front of its own.
    pub fn constant_label(mut self, name: &str, value: &str) -> Self {
        self.constants.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Allows any UTF-8 in names. Scrapers that do not know it are shown escaped names.
    pub fn utf8_names(mut self) -> Self {
        self.naming = Naming::Utf8;
        self
    }

    /// Takes the time from `clock`, for tests of expiry and of created timestamps.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the registry.
    ///
    /// # Errors
    ///
    /// A prefix or a constant label that cannot be part of a name, or a constant label given twice.
    pub fn build(self) -> Result<Registry, RegisterError> {
        if !self.prefix.is_empty() {
            check_metric_name(&self.prefix, self.naming)
                .map_err(|reason| RegisterError::Name { name: self.prefix.clone(), reason })?;
        }
        for (place, (name, _)) in self.constants.iter().enumerate() {
            let twice = self.constants[..place].iter().any(|(other, _)| other == name);
            let checked = check_label_name(name, self.naming);
            let checked =
                if twice { Err("it is given twice; give each label once") } else { checked };
            checked.map_err(|reason| RegisterError::LabelName {
                family: format!("{}*", self.prefix),
                name: name.clone(),
                reason,
            })?;
        }
        Ok(self.assemble())
    }

    /// Without checks, for a builder that was told nothing.
    pub(super) fn assemble(self) -> Registry {
        let context = Context {
            storage: self.backend.storage().0,
            prefix: self.prefix,
            constants: self.constants,
            naming: self.naming,
            clock: self.clock,
        };
        let shared = Shared {
            backend: self.backend,
            context,
            families: ForkMutex::default(),
            collectors: ForkMutex::default(),
            problems: ForkMutex::default(),
        };
        Registry { shared: Arc::new(shared) }
    }
}

impl std::fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("prefix", &self.prefix)
            .field("constants", &self.constants)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}
