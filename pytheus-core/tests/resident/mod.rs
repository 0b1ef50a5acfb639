//! How much memory this process has in use.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tests that measure memory must not run beside each other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resident bytes, from the second field of `/proc/self/statm`.
pub(crate) fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux says");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<i64>().ok());
    // SAFETY: has no requirements.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.expect("the second field is a number") * page
}

/// How many bytes more are resident after `work`.
pub(crate) fn growth(work: impl FnOnce()) -> i64 {
    let before = resident();
    work();
    resident() - before
}

#[test]
fn memory_that_is_touched_is_resident() {
    let _alone = alone();
    let mut touched = Vec::new();
    let grown = growth(|| touched = std::hint::black_box(vec![1_u8; 64 << 20]));
    assert!(grown >= touched.len() as i64 / 2, "{grown} bytes");
}
