//! Handles: what user code holds and updates.

mod amount;
mod counter;
mod exemplar;
mod gauge;
mod histogram;
mod info;
mod signal;
mod state_set;
mod summary;
mod up_down_counter;

pub use amount::Amount;
pub use counter::Counter;
pub use gauge::Gauge;
pub use histogram::{Histogram, exponential_buckets, linear_buckets};
pub use info::Info;
pub use signal::InSignal;
pub use state_set::StateSet;
pub(crate) use state_set::StatesCell;
pub use summary::Summary;
pub use up_down_counter::UpDownCounter;

use crate::cells::Cells;
use crate::engine::Place;
use crate::visit::{FamilyDesc, Kind};
use crate::{BackendError, Labels};
use std::sync::Arc;

/// A kind of handle. Sealed: the kinds are those of the exposition formats.
///
/// # Examples
///
/// A function for families of any kind:
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Family, Kind, Metric, Registry};
///
/// fn start_at_zero<M: Metric>(family: &Family<M, 1>) -> Kind {
///     family.with(["web"]); // exported from now on
///     M::KIND
/// }
/// let registry = Registry::new(Local::new());
/// let orders = registry.counter("orders_total", "Orders").label_names(["channel"]).register()?;
/// assert_eq!(start_at_zero(&orders), Kind::Counter);
/// assert_eq!(registry.value("orders_total", [("channel", "web")])?, Some(0.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Metric: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The type of the families of this handle.
    const KIND: Kind;
}

pub(crate) mod sealed {
    use super::{Arc, At, BackendError, Cells, FamilyDesc, Labels};

    /// What the families need of a handle.
    pub trait Sealed: Sized {
        /// The cell behind a handle on cells.
        type Cell: ?Sized + Send + Sync;

        /// A handle of a series of `desc`.
        #[doc(hidden)]
        #[allow(private_interfaces, reason = "sealed")]
        fn new(at: At<Self::Cell>, desc: &Arc<FamilyDesc>) -> Self;

        /// Asks for a cell.
        #[doc(hidden)]
        fn open(
            cells: &dyn Cells,
            desc: &FamilyDesc,
            labels: Labels<'_>,
        ) -> Result<Arc<Self::Cell>, BackendError>;

        /// The cell as the table of cells keeps it.
        #[doc(hidden)]
        #[allow(private_interfaces, reason = "sealed")]
        fn keep(cell: Arc<Self::Cell>) -> crate::table::AnyCell;

        /// The cell again.
        #[doc(hidden)]
        #[allow(private_interfaces, reason = "sealed")]
        fn take(cell: &crate::table::AnyCell) -> Option<Arc<Self::Cell>>;
    }
}

/// Where a handle's updates go: an address in every thread's stripe, or somebody's cell.
pub(crate) enum At<C: ?Sized> {
    Striped(Place),
    Cell(Arc<C>),
}

impl<C: ?Sized> Clone for At<C> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Striped(place) => Self::Striped(place.clone()),
            Self::Cell(cell) => Self::Cell(cell.clone()),
        }
    }
}

impl<C: ?Sized> std::fmt::Debug for At<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Striped(place) => place.fmt(f),
            Self::Cell(_) => f.write_str("Cell"),
        }
    }
}

/// Writes what is alike in every handle.
macro_rules! handle {
    ($name:ident, $cell:ty, $variant:ident, $open:path) => {
        impl crate::metric::Metric for $name {
            const KIND: crate::Kind = crate::Kind::$name;
        }

        impl crate::metric::sealed::Sealed for $name {
            type Cell = $cell;

            #[allow(private_interfaces, reason = "sealed")]
            fn new(
                at: crate::metric::At<Self::Cell>,
                desc: &std::sync::Arc<crate::FamilyDesc>,
            ) -> Self {
                Self::from_parts(at, desc)
            }

            fn open(
                cells: &dyn crate::cells::Cells,
                desc: &crate::FamilyDesc,
                labels: crate::Labels<'_>,
            ) -> Result<std::sync::Arc<Self::Cell>, crate::BackendError> {
                $open(cells, desc, labels)
            }

            #[allow(private_interfaces, reason = "sealed")]
            fn keep(cell: std::sync::Arc<Self::Cell>) -> crate::table::AnyCell {
                crate::table::AnyCell::$variant(cell)
            }

            #[allow(private_interfaces, reason = "sealed")]
            fn take(cell: &crate::table::AnyCell) -> Option<std::sync::Arc<Self::Cell>> {
                match cell {
                    crate::table::AnyCell::$variant(cell) => Some(cell.clone()),
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use handle;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_sixteen_bytes() {
        assert_eq!(size_of::<Counter>(), 16);
        assert_eq!(size_of::<Gauge>(), 16);
        assert_eq!(size_of::<Histogram>(), 16);
    }
}
