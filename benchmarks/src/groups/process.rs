//! Processes that this one has started, seen from both sides.

use crate::BoxError;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// This program once more, doing its part. Killed when dropped, and always waited for.
#[derive(Debug)]
pub(in crate::groups) struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    pub(in crate::groups) fn start(program: &Path, arguments: &[&str]) -> Result<Self, BoxError> {
        Self::of(Command::new(program).args(arguments))
    }

    pub(in crate::groups) fn of(command: &mut Command) -> Result<Self, BoxError> {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn()?;
        match child.stdout.take() {
            Some(said) => Ok(Self { child, said: BufReader::new(said) }),
            None => Err("a pipe was asked for, and there is none".into()),
        }
    }

    /// Starts it, lets it do all that it has to do, and understands what it says.
    pub(in crate::groups) fn ask<T: DeserializeOwned>(
        program: &Path,
        arguments: &[&str],
    ) -> Result<T, BoxError> {
        let mut process = Self::start(program, arguments)?;
        let answer = process.answer()?;
        process.end()?;
        Ok(answer)
    }

    /// The next thing it says.
    pub(in crate::groups) fn answer<T: DeserializeOwned>(&mut self) -> Result<T, BoxError> {
        let mut line = String::new();
        if self.said.read_line(&mut line)? == 0 {
            return Err(self.complaint());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Tells it that it may end: see [`stay`].
    pub(in crate::groups) fn let_go(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Lets it end by itself.
    pub(in crate::groups) fn end(mut self) -> Result<(), BoxError> {
        self.let_go();
        // Or it might wait until somebody listens.
        self.said.read_to_string(&mut String::new())?;
        if self.child.wait()?.success() { Ok(()) } else { Err(self.complaint()) }
    }

    /// Why it has ended, or is about to, without a word.
    fn complaint(&mut self) -> BoxError {
        let mut complaint = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // If that fails, too, there is nothing to quote.
            let _ = stderr.read_to_string(&mut complaint);
        }
        format!("a process that was started has failed: {}", complaint.trim()).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// ── on the other side ───────────────────────────────────────────────────────────────────────────

/// Says something to the process that started this one.
pub(in crate::groups) fn say(what: &str) -> Result<(), BoxError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}

/// Waits until the process that started this one wants it to end, or has ended itself.
pub(in crate::groups) fn stay() -> Result<(), BoxError> {
    std::io::stdin().lock().read_to_string(&mut String::new())?;
    Ok(())
}

/// Ends this process when the one that started it has ended, whatever it does at that time.
pub(in crate::groups) fn end_together() {
    std::thread::spawn(|| {
        // An error is an end as well.
        let _ = stay();
        std::process::exit(0);
    });
}

/// As many arguments as a part needs.
pub(in crate::groups) fn exactly<const N: usize>(
    arguments: &[String],
) -> Result<&[String; N], BoxError> {
    let found = arguments.len();
    arguments.try_into().map_err(|_| format!("{N} arguments are needed, not {found}").into())
}
