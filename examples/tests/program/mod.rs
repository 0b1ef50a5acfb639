//! Running the examples as a user would.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

pub(crate) const SHOP: &str = env!("CARGO_BIN_EXE_shop");
pub(crate) const CRON_JOB: &str = env!("CARGO_BIN_EXE_cron_job");
pub(crate) const EXPORTER: &str = env!("CARGO_BIN_EXE_exporter");
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, whatever the environment of the tests says about backends.
pub(crate) fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_remove("PYTHEUS_BACKEND").env_remove("PYTHEUS_BACKEND_CONFIG");
    command
}

/// What it prints, if it succeeds.
pub(crate) fn printed_by(path: &str) -> Result<String, Box<dyn Error>> {
    let Output { status, stdout, stderr } = program(path).output()?;
    if !status.success() || !stderr.is_empty() {
        return Err(format!("{path}: {status}, {}", String::from_utf8_lossy(&stderr)).into());
    }
    Ok(String::from_utf8(stdout)?)
}

/// A folder of the test's own for a segment, in shared memory if the system has it.
pub(crate) fn folder() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("pytheus-examples-");
    let shared = Path::new("/dev/shm");
    Ok(if shared.is_dir() { folder.tempdir_in(shared)? } else { folder.tempdir()? })
}

/// Waits until there is what is looked for.
pub(crate) fn eventually<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(5));
    }
    Err(format!("in {PATIENCE:?} not: {what}").into())
}

/// Sends a signal, such as `-TERM`.
pub(crate) fn signal(signal: &str, pid: u32) -> Outcome {
    if !Command::new("kill").args([signal, &pid.to_string()]).status()?.success() {
        return Err(format!("kill {signal} {pid} failed").into());
    }
    Ok(())
}

/// The value of a line of a page.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The head and the body of an answer.
pub(crate) type Answer = (String, String);

/// An open server, ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it said until it was open.
    pub(crate) said: Vec<String>,
    pub(crate) address: String,
}

impl Server {
    /// A shop with these options besides.
    pub(crate) fn shop(options: &[&str]) -> Result<Self, Box<dyn Error>> {
        Self::open(program(SHOP).args(options))
    }

    /// Starts it on a free port, and waits for it to say which.
    pub(crate) fn open(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
        let mut server = Self { child, stdout, said: Vec::new(), address: String::new() };
        loop {
            let line = server.next_line()?;
            if let Some((_, url)) = line.split_once("http://") {
                let address = url.split('/').next().unwrap_or_default();
                server.address = address.trim_end().to_owned();
                return Ok(server);
            }
            server.said.push(line);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line it says.
    pub(crate) fn next_line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err(format!("it ended, having said {:?}", self.said).into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The answer to a request on a connection of its own.
    pub(crate) fn ask(&self, request_line: &str) -> Result<Answer, Box<dyn Error>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Version 1.0: the answer ends with the connection.
        write!(stream, "{request_line} HTTP/1.0\r\nHost: shop\r\nCookie: cart=1x2\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer has a head")?;
        Ok((head.to_owned(), body.to_owned()))
    }

    /// The page of metrics.
    pub(crate) fn scrape(&self) -> Result<String, Box<dyn Error>> {
        let (head, page) = self.ask("GET /metrics")?;
        if !head.starts_with("HTTP/1.0 200") || !head.contains("text/plain; version=0.0.4") {
            return Err(format!("not a page: {head} {page}").into());
        }
        Ok(page)
    }

    /// Sends it a signal, and waits for its end. Gives what it still had to say.
    pub(crate) fn end_with(mut self, name: &str) -> Result<(ExitStatus, String), Box<dyn Error>> {
        signal(name, self.pid())?;
        let status = eventually("it ends", || Ok(self.child.try_wait()?))?;
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest)?;
        Ok((status, rest))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, so that it can wait for its own children.
        if let Ok(None) = self.child.try_wait()
            && signal("-TERM", self.pid()).is_ok()
        {
            let _ = eventually("it ends", || Ok(self.child.try_wait()?));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
