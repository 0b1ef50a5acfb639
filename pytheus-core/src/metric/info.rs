//! Infos.

use super::{At, handle};
use crate::cells::{Cells, GaugeCell};
use crate::visit::FamilyDesc;
use std::sync::Arc;

/// A constant 1 whose labels carry the information: a version, a build, a configuration.
///
/// There is nothing to update: a series is exported from the moment it is looked up.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let build = registry.info("build", "What runs here").label_names(["version"]).register()?;
/// build.with(["1.2.3"]);
/// assert_eq!(registry.value("build_info", [("version", "1.2.3")])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Info {
    _at: At<dyn GaugeCell>,
}

handle!(Info, dyn GaugeCell, Gauge, Cells::gauge);

impl Info {
    fn from_parts(at: At<dyn GaugeCell>, _: &Arc<FamilyDesc>) -> Self {
        if let At::Cell(cell) = &at {
            cell.set(1.0);
        }
        Self { _at: at }
    }
}
