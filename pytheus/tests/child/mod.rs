//! A test that runs again in a child process, with an environment and statics of its own.
//!
//! The environment of a running process must not be changed while other threads read it, and the
//! global registry is decided once per process.

use std::ffi::OsStr;
use std::process::Command;

const MARK: &str = "PYTHEUS_TEST_CHILD";
const READ_BY_PYTHEUS: [&str; 2] = ["PYTHEUS_BACKEND", "PYTHEUS_BACKEND_CONFIG"];

/// Runs `body` in a child process that runs the test `name`, which is the caller, and nothing else.
///
/// The variables that pytheus reads are those of `variables`, whatever this process was given.
pub(crate) fn with_environment<V: AsRef<OsStr>>(
    name: &str,
    variables: &[(&str, V)],
    body: impl FnOnce(),
) {
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(MARK, name);
    for name in READ_BY_PYTHEUS {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the child of {name} failed:\n{printed}\n{complaint}");
    assert!(printed.contains("1 passed"), "there is no test {name}:\n{printed}");
}

/// The same with none of the variables that pytheus reads.
#[allow(dead_code, reason = "not every test file needs both")]
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    with_environment::<&str>(name, &[], body);
}
