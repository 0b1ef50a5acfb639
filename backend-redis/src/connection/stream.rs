//! What bytes go through: a socket, or TLS on one.

use super::socket::Socket;
use crate::config::{Address, Target};
use std::io::{self, Read, Write};
use std::time::Instant;

#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, Socket>>),
}

impl Stream {
    pub(super) fn connect(
        address: &Address,
        target: &Target,
        deadline: Instant,
    ) -> io::Result<Self> {
        let socket = Socket::connect(address, deadline)?;
        match &target.tls {
            None => Ok(Self::Plain(socket)),
            #[cfg(feature = "tls")]
            Some(tls) => Ok(Self::Tls(Box::new(tls.greet(socket, address)?))),
            #[cfg(not(feature = "tls"))]
            Some(tls) => match tls.0 {},
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(socket) => socket.set_deadline(deadline),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.sock.set_deadline(deadline),
        }
    }

    /// Whether the server has neither closed the connection nor said anything unasked.
    pub(super) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_quiet(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => is_quiet_inside(stream),
        }
    }
}

/// What has come may be no more than TLS keeping its own house.
#[cfg(feature = "tls")]
fn is_quiet_inside(stream: &mut rustls::StreamOwned<rustls::ClientConnection, Socket>) -> bool {
    let rustls::StreamOwned { conn, sock } = stream;
    loop {
        if sock.is_quiet() {
            return true;
        }
        match sock.without_waiting(|socket| conn.read_tls(socket)) {
            Ok(Ok(1..)) => {}
            _ => return false,
        }
        match conn.process_new_packets() {
            Ok(state) if !state.peer_has_closed() && state.plaintext_bytes_to_read() == 0 => {}
            _ => return false,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}
