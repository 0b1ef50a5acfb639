//! Processes beside the test's own: the test binary once more, told to run the same test as a worker.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ROLE: &str = "PYTHEUS_TEST_ROLE";
const URL: &str = "PYTHEUS_TEST_URL";
const LONG: &str = "PYTHEUS_LONG_TESTS";

/// Nothing that a test waits for takes as long on the slowest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

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

    /// Says a word; whether somebody is there to hear it.
    pub(crate) fn say(&mut self, word: &str) -> bool {
        self.to.write_all(format!("{word}\n").as_bytes()).is_ok()
    }

    /// The next word; `None` if the other one is gone.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing was said for {DEADLINE:?}")
            }
            Err(_) => None,
        }
    }
}

impl Worker {
    /// Starts a process that runs `test`, which is the caller, in this role with this server.
    pub(crate) fn start(test: &str, role: &str, url: &str) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(URL, url)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .expect("a process");
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

    /// Waits for this word and no other.
    #[track_caller]
    pub(crate) fn expect(&mut self, word: &str) {
        assert_eq!(self.hear(), word);
    }

    /// Kills the worker; it is dead when this returns. Returns what it had said and nobody had heard.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it was not waited for");
        self.child.wait().expect("it was not waited for");
        std::iter::from_fn(|| self.line.hear()).collect()
    }

    /// Asks the worker to end, and waits until it has.
    #[track_caller]
    pub(crate) fn end(mut self) {
        self.say("end");
        while self.line.hear().is_some() {}
        let status = self.child.wait().expect("it was not waited for");
        assert!(status.success(), "the worker failed: {status}");
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
    pub(crate) url: String,
    pub(crate) line: Line,
}

/// The role of this process if it is a worker.
pub(crate) fn role() -> Option<Role> {
    let name = std::env::var(ROLE).ok()?;
    let line = std::io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
    Some(Role { name, url: std::env::var(URL).ok()?, line: Line::new(UnixStream::from(line)) })
}
