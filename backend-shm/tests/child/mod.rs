//! Work done in a process of its own, whose end is looked at: by a signal, by a panic, or well.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::AssertUnwindSafe;
use std::process::ExitStatus;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// A child that takes longer than this hangs.
const SECONDS: libc::c_uint = 20;

const PANICKED: i32 = 101;

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Well, with what it had to say.
    Done(String),
    Panicked,
    /// It took longer than any work here does.
    Hung,
    /// By a signal of another kind.
    Signal(i32),
}

/// A child that is still at work.
pub(crate) struct Child {
    pid: libc::pid_t,
    said: std::fs::File,
}

impl Child {
    /// Forks a child that does `work`, and ends without giving anything back, as one that is killed.
    pub(crate) fn start(work: impl FnOnce() -> String) -> Self {
        speak_of_panics();
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
        // SAFETY: the child does what any single thread may do: the C library keeps the allocator in
        // order over a fork, and nothing else of the parent's is used there.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
        if pid == 0 {
            be_the_child(ends[1], work);
        }
        // SAFETY: the writing end is the child's now, and the reading end is ours alone.
        let said = unsafe {
            libc::close(ends[1]);
            std::fs::File::from_raw_fd(ends[0])
        };
        Self { pid, said }
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    pub(crate) fn kill(&self) {
        // SAFETY: our own child, which was not waited for.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> End {
        let mut said = String::new();
        let read = self.said.read_to_string(&mut said);
        let mut status = 0;
        // SAFETY: our own child, waited for once.
        while unsafe { libc::waitpid(self.pid, &raw mut status, 0) } != self.pid {}
        let status = ExitStatus::from_raw(status);
        match (status.code(), status.signal()) {
            (Some(0), _) if read.is_ok() => End::Done(said),
            (_, Some(libc::SIGALRM)) => End::Hung,
            (_, Some(signal)) => End::Signal(signal),
            _ => End::Panicked,
        }
    }

    /// Waits for its end, which must be good; what it had to say.
    pub(crate) fn done(self) -> String {
        match self.end() {
            End::Done(said) => said,
            other => panic!("the child: {other:?}"),
        }
    }
}

/// What a child that does `work` has to say.
pub(crate) fn run(work: impl FnOnce() -> String) -> End {
    Child::start(work).end()
}

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Has a child write what it panics with itself: the test harness takes what the macros write from a thread
/// that is not in the child.
fn speak_of_panics() {
    static ONCE: Once = Once::new();
    // Before the fork: another thread, which is not in the child, could be using the hook.
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IS_CHILD.load(Ordering::Relaxed) {
                let _ = writeln!(std::io::stderr(), "in a child: {panic}");
            } else {
                before(panic);
            }
        }));
    });
}

fn be_the_child(to: libc::c_int, work: impl FnOnce() -> String) -> ! {
    // SAFETY: the signal ends this process, as is meant.
    unsafe { libc::alarm(SECONDS) };
    IS_CHILD.store(true, Ordering::Relaxed);
    let code = match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(said) => {
            // SAFETY: this process' own descriptor.
            let mut to = unsafe { std::fs::File::from_raw_fd(to) };
            i32::from(to.write_all(said.as_bytes()).is_err())
        }
        Err(_) => PANICKED,
    };
    // SAFETY: ends this process at once, without the destructors of what belongs to the parent.
    unsafe { libc::_exit(code) }
}
