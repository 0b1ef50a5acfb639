//! The statsd backend, held to the conformance kit. A socket listens that nobody reads.

use statsd_backend::{Statsd, StatsdConfig};
use std::net::UdpSocket;
use std::sync::LazyLock;

static SERVER: LazyLock<UdpSocket> =
    LazyLock::new(|| UdpSocket::bind("127.0.0.1:0").expect("a free port"));

fn open() -> Statsd {
    let address = SERVER.local_addr().expect("a bound socket has an address");
    Statsd::connect(&address.to_string(), StatsdConfig::default()).expect("a socket")
}

pytheus_core::conformance! {
    open: open,
    traits: [write_only],
}
