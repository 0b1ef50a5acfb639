//! A socket on which no wait is longer than until a deadline.
//!
//! A time-out of the system's begins anew with every byte that comes; here it is what is left until
//! the deadline.

use crate::config::Address;
use socket2::{Domain, SockAddr, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// That the other side has hung up is an error, not a signal that ends the process.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// There, every socket is told so when it is made.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: i32 = 0;

/// The system takes a shorter time-out for none at all.
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Socket {
    socket: socket2::Socket,
    deadline: Instant,
}

impl Socket {
    /// Connects. The deadline stays in force.
    pub(super) fn connect(address: &Address, deadline: Instant) -> io::Result<Self> {
        let socket = match address {
            Address::Tcp { host, port } => connect_host(host, *port, deadline)?,
            Address::Unix(path) => connect_path(path, deadline)?,
        };
        Ok(Self { socket, deadline })
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Calls `look` in a state in which nothing waits.
    #[cfg(feature = "tls")]
    pub(super) fn without_waiting<T>(
        &mut self,
        look: impl FnOnce(&mut socket2::Socket) -> T,
    ) -> io::Result<T> {
        self.socket.set_nonblocking(true)?;
        let seen = look(&mut self.socket);
        self.socket.set_nonblocking(false)?;
        Ok(seen)
    }

    /// Whether the other side has neither closed the connection nor said anything unasked.
    pub(super) fn is_quiet(&self) -> bool {
        let look = || {
            self.socket.set_nonblocking(true)?;
            let seen = self.socket.peek(&mut [MaybeUninit::uninit()]);
            self.socket.set_nonblocking(false)?;
            seen
        };
        let seen: io::Result<usize> = look();
        seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(left(self.deadline)?))?;
            match self.socket.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map_err(timed_out),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.socket.set_write_timeout(Some(left(self.deadline)?))?;
            match self.socket.send_with_flags(bytes, NO_SIGNAL) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map_err(timed_out),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The time until the deadline.
fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left.max(SHORTEST)),
    }
}

/// Time-outs of sockets have another name.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

/// Tries all addresses of a host; each may take an equal part of the time that is left.
fn connect_host(host: &str, port: u16, deadline: Instant) -> io::Result<socket2::Socket> {
    let addresses = resolve(host, port, deadline)?;
    let mut last = io::Error::new(ErrorKind::NotFound, "the name of the host has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let part = (left(deadline)? / others).max(SHORTEST);
        match TcpStream::connect_timeout(address, part) {
            Ok(stream) => {
                // Batches are small and waited for.
                stream.set_nodelay(true)?;
                return Ok(stream.into());
            }
            Err(error) => last = timed_out(error),
        }
    }
    Err(last)
}

/// The addresses of a host. The system's look-up has no time-out, so a name is looked up on a thread
/// that is left to itself when it takes too long.
fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    let (answer, answered) = mpsc::sync_channel(1);
    let name = host.to_owned();
    std::thread::Builder::new().name("pytheus-resolve".into()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody may be waiting any more.
        let _ = answer.send(found);
    })?;
    answered.recv_timeout(left(deadline)?).map_err(|_| io::Error::from(ErrorKind::TimedOut))?
}

fn connect_path(path: &Path, deadline: Instant) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full queue is an error at once.
    socket.connect_timeout(&SockAddr::unix(path)?, left(deadline)?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    const TIMEOUT: Duration = Duration::from_millis(100);
    const PLENTY: Duration = Duration::from_secs(10);

    fn loopback(listener: &TcpListener) -> Address {
        let port = listener.local_addr().unwrap().port();
        Address::Tcp { host: "localhost".into(), port }
    }

    #[test]
    fn a_drop_now_and_then_does_not_put_the_deadline_off() {
        let listener = TcpListener::bind(("localhost", 0)).unwrap();
        let address = loopback(&listener);
        let dripping = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(TIMEOUT / 10);
            }
        });
        let mut socket = Socket::connect(&address, Instant::now() + PLENTY).unwrap();
        let begun = Instant::now();
        socket.set_deadline(begun + TIMEOUT);
        let error = socket.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!((TIMEOUT..PLENTY).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        drop(socket);
        dripping.join().unwrap();
    }

    #[test]
    fn who_does_not_read_is_not_written_to_for_ever() {
        let listener = TcpListener::bind(("localhost", 0)).unwrap();
        let mut socket = Socket::connect(&loopback(&listener), Instant::now() + PLENTY).unwrap();
        socket.set_deadline(Instant::now() + TIMEOUT);
        let error = socket.write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_full_queue_of_a_unix_socket_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let listener = UnixListener::from(std::os::fd::OwnedFd::from(listener));
        let begun = Instant::now();
        let connect = || Socket::connect(&Address::Unix(path.clone()), begun + PLENTY);
        let sockets: Vec<_> = std::iter::repeat_with(connect).take(10).collect();
        assert!(sockets[0].is_ok() && sockets[9].is_err());
        assert!(begun.elapsed() < PLENTY);
        drop(listener);
    }

    #[test]
    fn a_socket_is_quiet_until_something_comes_or_it_is_closed() {
        let listener = TcpListener::bind(("localhost", 0)).unwrap();
        for close in [false, true] {
            let socket = Socket::connect(&loopback(&listener), Instant::now() + PLENTY).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            assert!(socket.is_quiet());
            if close {
                drop(stream);
            } else {
                stream.write_all(b"x").unwrap();
            }
            let begun = Instant::now();
            while socket.is_quiet() {
                assert!(begun.elapsed() < PLENTY);
            }
        }
    }
}
