//! What other processes say that they have done is read back from the segment, or from the server.
#![cfg(target_os = "linux")]

use pytheus_benchmarks::{Group, RunError, Settings, groups, measure};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program that keeps folders, and says whatever is wanted instead of doing it.
fn idle_program() -> std::io::Result<PathBuf> {
    let script = format!(
        "#!/bin/sh\n\
         case \"$1\" in\n\
         shm-keeper) exec '{}' \"$@\";;\n\
         shm-twin) echo true; echo 1000000;;\n\
         shm-writer) echo 0; cat;;\n\
         shm-attacher) echo '[1.0, 2.0]';;\n\
         redis-reader) echo '{{\"ms\":1.0,\"adds_up_to\":[0.0,0.0,0.0,0.0]}}';;\n\
         redis-keeper) echo '[1.0, 2.0]';;\n\
         redis-observer) echo true; cat; echo 4;;\n\
         *) echo 1.0;;\n\
         esac\n",
        env!("CARGO_BIN_EXE_pytheus-benchmarks"),
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("idle");
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
    Ok(path)
}

#[test]
fn in_every_case_where_other_processes_work() -> std::io::Result<()> {
    let program = Some(idle_program()?);
    let only = vec!["pytheus".into()];
    let settings = Settings { rounds: 1, only, program, ..Settings::quick() };
    let is_shared = |group: &&Group| group.name.starts_with("shm-") || group.name == "redis-scrape";
    let shared = groups::ALL.iter().filter(is_shared);
    let mut cases = 0;
    for group in shared {
        for case in (group.cases)() {
            let Some(&processes) = case.thread_counts().last() else { continue };
            match measure(group.name, &case, processes, &settings) {
                Err(RunError::Idle { .. } | RunError::Library { .. }) => cases += 1,
                Err(RunError::TooFewCores { .. }) => {}
                other => panic!("{}/{} came to {other:?}", group.name, case.name()),
            }
        }
    }
    assert!(cases >= 12, "{cases}");
    Ok(())
}
