//! Forked children in tests.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// Forks; the child runs `work` and ends. Returns what it had to say, nothing if all went well.
pub(crate) fn in_child(work: impl FnOnce() -> Result<(), String>) -> String {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both are new and nobody else's.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    // SAFETY: what the child calls is what this library supports in one: the C library makes its
    // allocator usable, and nothing else here takes a lock that outlives the fork.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "cannot fork");
    if pid == 0 {
        drop(read);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let told = match result {
            Ok(Ok(())) => String::new(),
            Ok(Err(what)) => what,
            Err(_) => "it panicked".to_owned(),
        };
        let mut pipe = std::fs::File::from(write);
        let written = pipe.write_all(told.as_bytes());
        // SAFETY: ends the process at once, without what belongs to the parent's threads.
        unsafe { libc::_exit(i32::from(written.is_err() || !told.is_empty())) };
    }
    drop(write);
    let mut waiting = libc::pollfd { fd: read.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor, which is open.
    let ready = unsafe { libc::poll(&raw mut waiting, 1, DEADLINE.as_millis() as i32) };
    if ready != 1 {
        // SAFETY: our own child, which nobody has waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    let mut told = String::new();
    let read = std::fs::File::from(read).read_to_string(&mut told);
    let mut status = 0;
    // SAFETY: our own child; it has closed the pipe, so it is about to end.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if ready != 1 {
        return format!("it did not end within {DEADLINE:?}");
    }
    if status != 0 && told.is_empty() {
        return format!("it ended with status {status:#x} ({read:?})");
    }
    told
}
