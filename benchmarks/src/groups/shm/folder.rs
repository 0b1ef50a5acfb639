//! Folders for segments, which are gone when this process is.

use super::exactly;
use super::process::{Process, say, stay};
use crate::{BoxError, Stage};
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where the system keeps files in memory.
const SHARED_MEMORY: &str = "/dev/shm";

/// The word that starts a [keeper](keep).
pub(super) const KEEPER: &str = "shm-keeper";

/// A folder of a subject's own in shared memory, removed when dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(stage: Stage<'_>) -> Result<Self, BoxError> {
        static ROOT: Mutex<Option<Root>> = Mutex::new(None);
        let mut root = ROOT.lock().unwrap_or_else(PoisonError::into_inner);
        let root = match &mut *root {
            Some(root) => root,
            none => none.insert(Root::new(&stage.program()?)?),
        };
        root.folders += 1;
        let path = root.path.join(root.folders.to_string());
        make(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where a segment goes.
    pub(super) fn segment(&self) -> PathBuf {
        segment(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If it stays, the keeper will see to it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where the segment of a folder goes.
pub(super) fn segment(folder: &Path) -> PathBuf {
    folder.join("segment")
}

/// The folder of all folders of this process.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    folders: usize,
    /// Kept until this process ends, which is when the keeper's standard input does.
    _keeper: Process,
}

impl Root {
    fn new(program: &Path) -> Result<Self, BoxError> {
        let name = format!("pytheus-benchmarks-{}", std::process::id());
        let path = Path::new(SHARED_MEMORY).join(name);
        let mut command = Command::new(program);
        // What the terminal sends to this process when it is to end, it must not send to the keeper.
        let command = command.arg(KEEPER).arg(&path).process_group(0);
        let mut keeper = Process::of(command)?;
        keeper.answer::<bool>()?;
        Ok(Self { path, folders: 0, _keeper: keeper })
    }
}

/// Makes a folder, and removes it once nobody wants it any more: also if this program was killed.
pub(super) fn keep(arguments: &[String]) -> Result<String, BoxError> {
    let [path] = exactly(arguments)?;
    let path = Path::new(path);
    // Of a process that had the same number.
    remove(path)?;
    make(path)?;
    say("true")?;
    stay()?;
    remove(path)?;
    Ok(String::new())
}

/// Only its owner may write to it, or the backend would not trust it.
fn make(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Whoever still writes there is about to end.
fn remove(path: &Path) -> std::io::Result<()> {
    const MOST_WAIT: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_millis(1);
    let began = Instant::now();
    loop {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if began.elapsed() < MOST_WAIT => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
}
