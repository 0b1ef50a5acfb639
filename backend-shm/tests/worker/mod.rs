//! Processes beside the test's own: the test binary once more, told to run the same test as a worker.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

const ROLE: &str = "PYTHEUS_TEST_ROLE";
const SEGMENT: &str = "PYTHEUS_TEST_SEGMENT";
const NUMBER: &str = "PYTHEUS_TEST_NUMBER";
const LONG: &str = "PYTHEUS_LONG_TESTS";

/// Nothing that a test waits for takes as long on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Chooses between the figures of the short form of a test and of the long one.
pub(crate) fn short_or_long<T>(short: T, long: T) -> T {
    if std::env::var_os(LONG).is_some_and(|value| value == "1") { long } else { short }
}

/// A worker as the test sees it. It is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    line: Line,
}

/// What a worker and its test say to each other: words, a line each.
pub(crate) struct Line {
    from: BufReader<UnixStream>,
    to: UnixStream,
}

impl Line {
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        Self { to: stream.try_clone().expect("a descriptor"), from: BufReader::new(stream) }
    }

    /// Says a word; nothing happens if nobody is there to hear it.
    pub(crate) fn say(&mut self, word: &str) {
        let _ = self.to.write_all(format!("{word}\n").as_bytes());
    }

    /// The next word; `None` if the other one is gone.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing was said for {DEADLINE:?}")
            }
            Err(_) => None,
        }
    }
}

impl Worker {
    /// Starts a process that runs `test`, which is the caller, in this role on a segment.
    pub(crate) fn start(test: &str, role: &str, segment: &Path, number: usize) -> Self {
        Self::start_with(test, role, segment, number, |_| {})
    }

    /// The same, with something about the process changed.
    pub(crate) fn start_with(
        test: &str,
        role: &str,
        segment: &Path,
        number: usize,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(SEGMENT, segment)
            .env(NUMBER, number.to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null());
        change(&mut command);
        let child = command.spawn().expect("a process");
        Self { child, line: Line::new(ours) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn say(&mut self, word: &str) {
        self.line.say(word);
    }

    /// The next word of a worker that is expected to live.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        match self.line.hear() {
            Some(word) => word,
            None => panic!("the worker ended: {:?}", self.child.wait()),
        }
    }

    /// Whether the worker says something, or ends, within this time.
    pub(crate) fn hears_within(&self, time: Duration) -> bool {
        let mut waiting =
            libc::pollfd { fd: self.line.to.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, which is open.
        unsafe { libc::poll(&raw mut waiting, 1, time.as_millis() as i32) == 1 }
    }

    /// The next word; `None` if the worker has ended.
    pub(crate) fn hear_or_end(&mut self) -> Option<String> {
        self.line.hear()
    }

    /// Waits for this word and no other.
    #[track_caller]
    pub(crate) fn expect(&mut self, word: &str) {
        assert_eq!(self.hear(), word);
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: our own child, which nobody has waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Kills the worker; it is dead when this returns. Returns what it had said and nobody had heard.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it was not waited for");
        self.child.wait().expect("it was not waited for");
        std::iter::from_fn(|| self.line.hear()).collect()
    }

    /// Kills the worker; it is dead when this returns. Returns the line, which its children have.
    pub(crate) fn kill_alone(&mut self) -> &mut Line {
        self.child.kill().expect("it was not waited for");
        self.child.wait().expect("it was not waited for");
        &mut self.line
    }

    /// Waits until the worker has ended by itself.
    #[track_caller]
    pub(crate) fn end(mut self) {
        let status = self.wait();
        assert!(status.success(), "the worker failed: {status}");
    }

    /// Asks the worker to end, and waits until it has.
    #[track_caller]
    pub(crate) fn end_now(mut self) {
        self.say("end");
        self.end();
    }

    fn wait(&mut self) -> ExitStatus {
        while self.line.hear().is_some() {}
        self.child.wait().expect("it was not waited for")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process was started for.
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) segment: PathBuf,
    pub(crate) number: usize,
    pub(crate) line: Line,
}

/// The role of this process if it is a worker.
pub(crate) fn role() -> Option<Role> {
    let name = std::env::var(ROLE).ok()?;
    // SAFETY: asks to be killed with the thread that started this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let line = std::io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
    Some(Role {
        name,
        segment: std::env::var_os(SEGMENT)?.into(),
        number: std::env::var(NUMBER).ok()?.parse().ok()?,
        line: Line::new(UnixStream::from(line)),
    })
}

/// Numbers to choose by, other ones each time. (xorshift64*, Marsaglia 2003 and Vigna 2016.)
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(RandomState::new().hash_one(std::process::id()) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % end
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}
