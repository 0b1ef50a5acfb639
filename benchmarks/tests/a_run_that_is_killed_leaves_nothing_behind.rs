//! Whoever has lost patience must not have to look for processes and memory afterwards.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MOST_WAIT: Duration = Duration::from_secs(60);

fn run(group: &str) -> std::io::Result<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pytheus-benchmarks"));
    command.args([group, "--quick"]).stdout(Stdio::null()).spawn()
}

/// The processes that have the folder, or what is in it, on their command line.
fn processes(folder: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // Others come and go meanwhile.
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let mut arguments = line.split('\0').filter_map(|argument| argument.strip_prefix(folder));
        if arguments.any(|rest| rest.is_empty() || rest.starts_with('/')) {
            found.push(path);
        }
    }
    Ok(found)
}

fn wait_until(what: &str, mut condition: impl FnMut() -> std::io::Result<bool>) {
    let began = Instant::now();
    while !condition().expect("the system answers") {
        assert!(began.elapsed() < MOST_WAIT, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

#[test]
fn no_segments_and_no_processes() -> std::io::Result<()> {
    let mut run = run("shm-scrape")?;
    let folder = format!("/dev/shm/pytheus-benchmarks-{}", run.id());
    wait_until("the keeper of the folder and a writer are there", || {
        Ok(processes(&folder)?.len() > 1)
    });
    assert!(Path::new(&folder).exists());

    run.kill()?;
    run.wait()?;
    wait_until("all processes have ended", || Ok(processes(&folder)?.is_empty()));
    wait_until("the folder is gone", || Ok(!Path::new(&folder).exists()));
    Ok(())
}

#[test]
fn nor_does_one_that_is_done() -> std::io::Result<()> {
    let mut run = run("shm-memory")?;
    let folder = format!("/dev/shm/pytheus-benchmarks-{}", run.id());
    assert!(run.wait()?.success());
    wait_until("all processes have ended", || Ok(processes(&folder)?.is_empty()));
    wait_until("the folder is gone", || Ok(!Path::new(&folder).exists()));
    Ok(())
}
