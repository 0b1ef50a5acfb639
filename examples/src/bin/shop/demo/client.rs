//! As much of an HTTP client as the demo needs: one connection, kept alive, and one cookie.

use crate::routes::WORKER;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// A longer body is not an answer of the shop's.
const MOST_BODY_BYTES: usize = 64 << 20;
/// Longer lines and more headers are not, either.
const MOST_HEAD_BYTES: u64 = 64 << 10;

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    /// As the server set it last, without its attributes.
    cookie: String,
    /// The process at the other end, once it has answered.
    worker: Option<u32>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = BufReader::new(stream);
        Ok(Self { stream, host: address, cookie: String::new(), worker: None })
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str) -> io::Result<Answer> {
        let (host, cookie) = (self.host, &self.cookie);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nContent-Length: 0\r\n\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        tokio::time::timeout(PATIENCE, self.answer()).await?
    }

    /// The process that answers on this connection, as far as that is known.
    pub(crate) fn worker(&self) -> Option<u32> {
        self.worker
    }

    /// Throws the cookie away.
    pub(crate) fn forget(&mut self) {
        self.cookie.clear();
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let mut head = (&mut self.stream).take(MOST_HEAD_BYTES);
        let mut line = String::new();
        next_line(&mut head, &mut line).await?;
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok()).ok_or_else(|| odd(&line))?;

        let mut length = None;
        loop {
            next_line(&mut head, &mut line).await?;
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| odd(&line))?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok().filter(|length| *length <= MOST_BODY_BYTES);
            } else if name.eq_ignore_ascii_case("set-cookie") {
                self.cookie = value.split(';').next().unwrap_or_default().trim().to_owned();
            } else if name.eq_ignore_ascii_case(WORKER.as_str()) {
                self.worker = value.trim().parse().ok();
            }
        }
        let mut body = vec![0; length.ok_or_else(|| odd("no usable Content-Length"))?];
        self.stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body).map_err(|_| odd("a body that is not UTF-8"))?;
        Ok(Answer { status, body })
    }
}

async fn next_line(head: &mut (impl AsyncBufRead + Unpin), line: &mut String) -> io::Result<()> {
    line.clear();
    head.read_line(line).await?;
    if line.ends_with('\n') { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// Whether this is what happens to a connection when the process at its other end is killed.
pub(crate) fn is_break(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

fn odd(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("not an answer the shop gives: {what:?}"))
}
