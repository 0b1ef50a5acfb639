//! Which cores the threads of a block run on.

use super::rounds::RunError;
use core_affinity::CoreId;

/// The cores this process may use, or of those the `wanted` ones.
pub(super) fn usable(wanted: Option<&[usize]>) -> Result<Vec<CoreId>, RunError> {
    let allowed = core_affinity::get_core_ids().filter(|cores| !cores.is_empty());
    let allowed = allowed.ok_or(RunError::NoCores)?;
    let Some(wanted) = wanted else { return Ok(allowed) };
    wanted
        .iter()
        .map(|&id| {
            let known = allowed.iter().find(|core| core.id == id).copied();
            known.ok_or_else(|| RunError::Core {
                core: id,
                allowed: allowed.iter().map(|core| core.id).collect(),
            })
        })
        .collect()
}

/// Keeps the calling thread on `core`.
pub(super) fn pin(core: CoreId) -> Result<(), RunError> {
    if core_affinity::set_for_current(core) {
        return Ok(());
    }
    Err(RunError::Pin { core: core.id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_does_not_exist_is_an_error_that_lists_those_that_do() {
        let error = usable(Some(&[usize::MAX])).unwrap_err();
        let RunError::Core { allowed, .. } = error else { panic!("{error}") };
        assert!(!allowed.is_empty());
    }
}
