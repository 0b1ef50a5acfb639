//! What two registrations of one name must agree on.

use crate::RegisterError;
use crate::visit::{Identity, Native};

/// An error that names the first difference between what is registered and what is asked for.
///
/// Label names agree as a set: the first registrant's order is the family's.
pub(crate) fn agree(registered: &Identity, asked: &Identity) -> Result<(), RegisterError> {
    let sorted = |names: &Option<Vec<String>>| {
        names.clone().map(|mut names| {
            names.sort_unstable();
            names
        })
    };
    let conflict = |what, registered: String, asked_for: String| {
        Err(RegisterError::Conflict {
            family: asked.name.clone(),
            what,
            registered,
            asked: asked_for,
        })
    };
    if registered.kind != asked.kind {
        return conflict("type", registered.kind.to_string(), asked.kind.to_string());
    }
    if registered.unit != asked.unit {
        return conflict("unit", quote(&registered.unit), quote(&asked.unit));
    }
    if sorted(&registered.label_names) != sorted(&asked.label_names) {
        return conflict("labels", names(&registered.label_names), names(&asked.label_names));
    }
    if registered.native != asked.native {
        return conflict("native buckets", native(&registered.native), native(&asked.native));
    }
    if registered.buckets != asked.buckets {
        return conflict(
            "buckets",
            format!("{:?}", registered.buckets),
            format!("{:?}", asked.buckets),
        );
    }
    if registered.states != asked.states {
        return conflict(
            "states",
            format!("{:?}", registered.states),
            format!("{:?}", asked.states),
        );
    }
    if registered.gauge_mode != asked.gauge_mode {
        return conflict(
            "gauge mode",
            format!("{:?}", registered.gauge_mode),
            format!("{:?}", asked.gauge_mode),
        );
    }
    Ok(())
}

fn quote(unit: &Option<String>) -> String {
    unit.as_ref().map_or("none".into(), |unit| format!("{unit:?}"))
}

fn native(native: &Option<Native>) -> String {
    native.as_ref().map_or("none, it has bounds".into(), |native| format!("{native:?}"))
}

fn names(names: &Option<Vec<String>>) -> String {
    names.as_ref().map_or("open".into(), |names| format!("{names:?}"))
}
