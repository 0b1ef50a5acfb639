//! Lines: how they are written, and how they are sent.

use std::fmt;
use std::io::{ErrorKind, Result, Write};
use std::net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most that a datagram holds, in bytes: what fits one packet of an Ethernet, by StatsD's
/// documentation of its metric types.
const MAX_BYTES: usize = 1432;

/// Where lines go, and how many did not.
#[derive(Debug)]
pub(crate) struct Outlet {
    socket: UdpSocket,
    pub(crate) dropped: AtomicU64,
}

impl Outlet {
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let address = address.to_socket_addrs()?.next().ok_or(ErrorKind::AddrNotAvailable)?;
        let socket = match address.is_ipv4() {
            true => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
            false => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
        };
        socket.connect(address)?;
        socket.set_nonblocking(true)?; // an update waits for nothing
        Ok(Self { socket, dropped: AtomicU64::new(0) })
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn send(&self, datagram: &[u8]) {
        let mut sent = self.socket.send(datagram);
        if sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            // The answer to an earlier datagram: nobody listens. This one was not tried.
            self.drop_one();
            sent = self.socket.send(datagram);
        }
        if sent.is_err() {
            self.drop_one();
        }
    }
}

/// A series: all that is the same in each of its lines.
pub(crate) struct Line {
    pub(crate) name: String,
    /// `|#method:GET,code:200`, or nothing.
    pub(crate) tags: String,
    outlet: Arc<Outlet>,
}

impl Line {
    pub(crate) fn new(prefix: Option<&str>, name: &str, outlet: Arc<Outlet>) -> Self {
        let name = prefix.map_or(name.into(), |prefix| format!("{prefix}.{name}"));
        Self { name: harmless_name(&name), tags: String::new(), outlet }
    }

    /// Adds a tag, unless it has no value.
    pub(crate) fn tag(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.tags.push_str(if self.tags.is_empty() { "|#" } else { "," });
        self.tags.push_str(&harmless_name(name));
        self.tags.push(':');
        self.tags.push_str(&harmless_value(value));
    }

    /// Sends `update`, which says `value`. Allocates nothing, waits for nothing.
    pub(crate) fn send(&self, value: f64, update: fmt::Arguments<'_>) {
        let mut datagram = [0; MAX_BYTES];
        let mut rest = &mut datagram[..];
        let written = write!(rest, "{}:{update}{}", self.name, self.tags);
        let free = rest.len();
        // Statsd has no word for NaN and infinities; what is too long is not written.
        if value.is_finite() && written.is_ok() {
            self.outlet.send(&datagram[..MAX_BYTES - free]);
        } else {
            self.outlet.drop_one();
        }
    }
}

/// A name as DogStatsD has it, without what means something in a line.
fn harmless_name(name: &str) -> String {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().map(|c| if is_harmless(c) { c } else { '_' }).collect()
}

/// A tag's value, likewise.
fn harmless_value(value: &str) -> String {
    let is_harmless = |c: char| !c.is_control() && !matches!(c, '|' | ':' | '#' | ',' | '@');
    value.chars().map(|c| if is_harmless(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn the_socket_waits_for_nothing() {
        let outlet = Outlet::connect("127.0.0.1:8125").unwrap();
        let (done, is_done) = mpsc::channel();
        // Nobody sends anything back, so a socket that waits does so for ever.
        thread::spawn(move || done.send(outlet.socket.recv(&mut [0])));
        assert!(is_done.recv_timeout(Duration::from_secs(30)).is_ok(), "it waits");
    }

    #[test]
    fn an_address_of_the_sixth_version_is_sent_to_as_well() {
        let Ok(server) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        server.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let outlet = Outlet::connect(&server.local_addr().unwrap().to_string()).unwrap();
        Line::new(None, "hits_total", Arc::new(outlet)).send(1.0, format_args!("1|c"));
        let mut datagram = [0; 64];
        let bytes = server.recv(&mut datagram).unwrap();
        assert_eq!(datagram[..bytes], *b"hits_total:1|c");
    }
}
