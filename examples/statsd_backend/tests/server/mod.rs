//! A socket that keeps what it is sent.

use pytheus_core::Registry;
use statsd_backend::{Statsd, StatsdConfig};
use std::net::UdpSocket;
use std::time::Duration;

/// Far longer than a datagram takes on one host, so that a missing one is seen to be missing.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Server(UdpSocket);

impl Server {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(crate) fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn registry(&self) -> (Registry, Statsd) {
        let statsd = Statsd::connect(&self.address(), StatsdConfig::default()).unwrap();
        (Registry::new(statsd.clone()), statsd)
    }

    /// The next datagram.
    pub(crate) fn receive(&self) -> String {
        let mut datagram = [0; 65_536];
        let bytes = self.0.recv(&mut datagram).expect("a datagram within the deadline");
        String::from_utf8(datagram[..bytes].to_vec()).expect("text")
    }

    /// Whether nothing is there that was not received.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let is_empty = self.0.recv(&mut [0; 1]).is_err();
        self.0.set_nonblocking(false).unwrap();
        is_empty
    }
}
