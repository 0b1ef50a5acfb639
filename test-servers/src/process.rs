//! One child process that does not outlive the test process.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait::eventually;

/// Becomes the program (`exec`), so that the child's id is the program's, once there is a guard.
const LAUNCH: &str = r#"read -r _ && exec "$@" </dev/null"#;

/// Reads from the test process: a line sends it home, and the end without a line means that the test
/// process is gone. Then it kills the program and removes its folder.
const GUARD: &str = r#"trap '' HUP INT TERM; read -r _ || { kill -9 "$1"; rm -rf -- "$2"; }"#;

/// Time for a signal to take effect on a busy machine.
const SIGNAL: Duration = Duration::from_secs(10);

/// A running program. Dropping kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    guard: Child,
}

impl Process {
    /// Starts a program of the test tools in this folder; what it prints is appended to `output`.
    pub(crate) fn start(name: &str, arguments: &[String], folder: &Path, output: File) -> Self {
        let output_too = output.try_clone().expect("a second handle of the output file");
        let mut launch = sh(LAUNCH);
        launch.arg(program(name)).args(arguments).current_dir(folder);
        let mut child = spawn(launch.stdout(output).stderr(output_too));
        let mut guard = sh(GUARD);
        guard.arg(child.id().to_string()).arg(folder);
        let guard = spawn(guard.stdout(Stdio::null()).stderr(Stdio::null()));
        tell(&mut child);
        Self { child, guard }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended by itself, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be waited for")
    }

    /// Stops it where it is (`SIGSTOP`), and returns when it stands still.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
        eventually("the process stands still", SIGNAL, || self.state().is_none_or(|s| s == 'T'));
    }

    /// Lets it go on (`SIGCONT`).
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let mut kill = sh(r#"kill -"$1" "$2""#);
        kill.args([name, &self.id().to_string()]);
        let status = spawn(&mut kill).wait().expect("the child can be waited for");
        assert!(status.success(), "SIG{name} could not be sent to process {}", self.id());
    }

    /// The letter the system has for its state, where /proc tells.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).ok()?;
        stat.rsplit(") ").next()?.chars().next()
    }

    /// Kills it (`SIGKILL`) and returns when it is gone.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        // Before the id can be another process's.
        tell(&mut self.guard);
        let _ = self.child.wait();
        let _ = self.guard.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A shell with this script; its arguments are to follow.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).stdin(Stdio::piped());
    command
}

fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("`sh` does not start: {error}"))
}

/// Sends the line that a script waits for.
fn tell(child: &mut Child) {
    if let Some(mut input) = child.stdin.take() {
        // Who is gone needs no telling.
        let _ = input.write_all(b"\n");
    }
}

/// Where scripts/install-test-tools.sh puts the program, else where the path has it.
fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(unpacked)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("no `{name}`; run scripts/install-test-tools.sh"))
}
