//! Programs that the tests start.

use std::path::Path;
use std::process::{Child, Command};

/// What to do about a program that is missing.
const INSTALL: &str = "does not start; run scripts/install-test-tools.sh";

/// The program of this name: where scripts/install-test-tools.sh puts it, else on the path.
pub(crate) fn tool(name: &str) -> Command {
    let unpacked =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools/usr/bin").join(name);
    if unpacked.exists() { Command::new(unpacked) } else { Command::new(name) }
}

/// Starts it.
pub(crate) fn start(command: &mut Command) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("{:?} {INSTALL}: {error}", command.get_program()),
    }
}
