//! One of several processes that serve: what a worker does, and how it is started.
//!
//! A worker is this program once more. Its standard input is the listening socket, which all workers and
//! the process that started them have in common: connections wait in one queue for whoever has time, and
//! those that wait are not lost with a worker. Its standard output is a line to the process that started
//! it: the worker says there that it serves, and when the line breaks, it closes. So workers also end
//! when the process that started them is killed.

use crate::options::AS_WORKER;
use crate::store::Store;
use crate::{AnyError, server};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Line;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// A worker that does not serve by then never will.
const START_WITHIN: Duration = Duration::from_secs(10);
/// A worker that has not ended by then is killed; longer than it gives its clients.
const END_WITHIN: Duration = Duration::from_secs(4);
const I_SERVE: &[u8] = b".";

/// Serves, as one of several, until the process that started it wants no more.
pub(crate) async fn work(store: Arc<Store>) -> Result<(), AnyError> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    listener.local_addr().map_err(|_| "only a shop can start its workers: see shop --help")?;
    let line = Line::from(io::stdout().as_fd().try_clone_to_owned()?);
    line.set_nonblocking(true)?;
    let mut line = UnixStream::from_std(line)?;

    let told_to_stop = server::asked_to_stop()?;
    line.write_all(I_SERVE).await?;
    let stop = async move {
        let mut nothing = [0];
        tokio::select! {
            _ = line.read(&mut nothing) => {}
            () = told_to_stop => {}
        }
    };
    Ok(server::serve(listener, store, stop).await?)
}

/// How to start a worker.
#[derive(Debug)]
pub(crate) struct Job {
    program: PathBuf,
    listener: TcpListener,
    backend: Option<String>,
}

impl Job {
    /// Workers of `listener` on the backend of this URL or, without one, as the environment says.
    pub(crate) fn new(listener: TcpListener, backend: Option<String>) -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, listener, backend })
    }

    /// Starts a worker, and waits until it serves.
    pub(crate) async fn start(&self) -> Result<Worker, AnyError> {
        let (line, process) = self.spawn()?;
        let pid = process.id().ok_or("a worker ended before anybody waited for it")?;
        let mut worker = Worker { process, pid, line };
        let mut said = [0; I_SERVE.len()];
        match tokio::time::timeout(START_WITHIN, worker.line.read_exact(&mut said)).await {
            Ok(Ok(_)) => Ok(worker),
            Ok(Err(_)) => Err(format!("a worker could not start: {}", worker.end().await?).into()),
            Err(late) => Err(format!("a worker did not start: {late}").into()),
        }
    }

    fn spawn(&self) -> io::Result<(UnixStream, Child)> {
        let (ours, theirs) = Line::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.program);
        command.arg(AS_WORKER);
        if let Some(url) = &self.backend {
            command.args(["--backend", url]);
        }
        command.stdin(Stdio::from(OwnedFd::from(self.listener.try_clone()?)));
        command.stdout(Stdio::from(OwnedFd::from(theirs)));
        // The terminal sends Ctrl-C to a whole group: whether workers end is for this process to say.
        command.process_group(0);
        // The command goes, and with it our copy of their end: the line breaks when the worker ends.
        Ok((UnixStream::from_std(ours)?, command.spawn()?))
    }
}

/// A process that serves.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Child,
    pid: u32,
    line: UnixStream,
}

impl Worker {
    /// Its number, also when it has ended.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Ready when it has ended.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Kills it at whatever it does, without a chance to finish anything.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.start_kill()
    }

    /// Lets it finish what it has begun.
    pub(crate) async fn end(self) -> io::Result<ExitStatus> {
        let Self { mut process, line, .. } = self;
        drop(line);
        if let Ok(status) = tokio::time::timeout(END_WITHIN, process.wait()).await {
            return status;
        }
        process.start_kill()?;
        process.wait().await
    }
}
