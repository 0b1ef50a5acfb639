//! Ports for servers, kept while a server is down.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

/// Below the ports that systems give to outgoing connections (Linux: from 32768), so that no
/// client's own port is ever in the way of a server that comes back.
const PORTS: Range<u16> = 12_000..32_000;

/// A TCP port on the loopback address that nobody listens on.
///
/// The UDP port of the same number is held along with it, as a sign to the other users of this
/// module, in whatever process: the TCP port itself has to be free for the server to come.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _sign: UdpSocket,
}

impl Port {
    /// A free one.
    pub(crate) fn reserve() -> Self {
        // Each process and each call begins elsewhere.
        let start = RandomState::new().hash_one(()) % u64::from(PORTS.end - PORTS.start);
        let start = PORTS.start + u16::try_from(start).expect("below the length of a u16 range");
        (start..PORTS.end)
            .chain(PORTS.start..start)
            .find_map(Self::try_reserve)
            .unwrap_or_else(|| panic!("no free port among {PORTS:?}"))
    }

    fn try_reserve(number: u16) -> Option<Self> {
        let sign = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _sign: sign })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_while_it_is_held() {
        let port = Port::reserve();
        assert!(Port::try_reserve(port.number()).is_none());
        let number = port.number();
        drop(port);
        assert!(Port::try_reserve(number).is_some());
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let port = Port::reserve();
        let number = port.number();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        drop(port);
        assert!(Port::try_reserve(number).is_none());
        drop(listener);
    }
}
