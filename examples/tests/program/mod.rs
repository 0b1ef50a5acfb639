//! Running the examples as a user would.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

pub(crate) const SHOP: &str = env!("CARGO_BIN_EXE_shop");
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

/// An open shop, closed the hard way when it is dropped.
pub(crate) struct OpenShop {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl OpenShop {
    /// Starts it on a free port, and waits for it to say which.
    pub(crate) fn open() -> Result<Self, Box<dyn Error>> {
        let mut command = program(SHOP);
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
        let mut shop = Self { child, stdout, address: String::new() };
        let mut line = String::new();
        while shop.stdout.read_line(&mut line)? > 0 {
            if let Some((_, url)) = line.split_once("http://") {
                shop.address = url.trim_end().trim_end_matches('/').to_owned();
                return Ok(shop);
            }
        }
        Err(format!("it ended without saying where it is: {line:?}").into())
    }

    /// The head and the body of the answer to a request on a connection of its own.
    pub(crate) fn ask(&self, request_line: &str) -> Result<(String, String), Box<dyn Error>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Version 1.0: the answer ends with the connection.
        write!(stream, "{request_line} HTTP/1.0\r\nHost: shop\r\nCookie: cart=1x2\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer has a head")?;
        Ok((head.to_owned(), body.to_owned()))
    }

    /// Sends it a signal, and waits for its end. Gives what it still had to say.
    pub(crate) fn end_with(mut self, signal: &str) -> Result<(ExitStatus, String), Box<dyn Error>> {
        let pid = self.child.id().to_string();
        if !Command::new("kill").args([signal, &pid]).status()?.success() {
            return Err("the signal could not be sent".into());
        }
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > deadline => return Err("it did not end".into()),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest)?;
        Ok((status, rest))
    }
}

impl Drop for OpenShop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
