//! Which key is in which slot of a cluster, and which node has it.

use super::text;
use crate::config::Address;
use redis::Value;

const SLOTS: u16 = 16384;

/// The slot of a key. Of a key with braces, what stands between the first pair decides, if anything.
pub(super) fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|b| *b == b'{').and_then(|open| {
        let behind = &key[open + 1..];
        let close = behind.iter().position(|b| *b == b'}')?;
        (close > 0).then(|| &behind[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    const POLYNOMIAL: u16 = 0x1021;
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { POLYNOMIAL }
        })
    })
}

/// The masters of a cluster and their slots, as one node told.
#[derive(Debug, Default)]
pub(super) struct Map {
    masters: Vec<Address>,
    /// For each slot, the place of its master in `masters`.
    owners: Vec<Option<u16>>,
}

impl Map {
    /// What `node` answered to `CLUSTER SLOTS`: a list of first slot, last slot, the master and its
    /// replicas, each of these a list that begins with host and port.
    pub(super) fn read(answer: &Value, node: &Address) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let mut map = Self::default();
        for range in ranges {
            let Value::Array(range) = range else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = range.as_slice()
            else {
                return None;
            };
            let [host, Value::Int(port), ..] = master.as_slice() else { return None };
            let port = u16::try_from(*port).ok()?;
            let master = address(&text(host).unwrap_or_default(), port, node);
            for slot in u16::try_from(*first).ok()?..=u16::try_from(*last).ok()? {
                map.set(slot, master.clone());
            }
        }
        Some(map)
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        let place = (*self.owners.get(usize::from(slot))?)?;
        self.masters.get(usize::from(place))
    }

    pub(super) fn set(&mut self, slot: u16, master: Address) {
        if slot >= SLOTS {
            return;
        }
        let place = self.masters.iter().position(|known| *known == master);
        let place = place.unwrap_or_else(|| {
            self.masters.push(master);
            self.masters.len() - 1
        });
        self.owners.resize(usize::from(SLOTS), None);
        self.owners[usize::from(slot)] = u16::try_from(place).ok();
    }

    pub(super) fn masters(&self) -> &[Address] {
        &self.masters
    }
}

/// Where a server sends us that does not have a slot.
#[derive(Debug, PartialEq)]
pub(super) enum Redirect {
    /// For good.
    Moved { slot: u16, to: Address },
    /// For this once: the slot is on its way.
    Ask { to: Address },
}

impl Redirect {
    /// What `node` answered, if it is one.
    pub(super) fn read(answer: &Value, node: &Address) -> Option<Self> {
        let Value::ServerError(error) = answer else { return None };
        let (slot, to) = error.details()?.split_once(' ')?;
        let (host, port) = to.split(' ').next()?.rsplit_once(':')?;
        let to = address(host, port.parse().ok()?, node);
        match error.code() {
            "MOVED" => Some(Self::Moved { slot: slot.parse().ok()?, to }),
            "ASK" => Some(Self::Ask { to }),
            _ => None,
        }
    }
}

/// A node that does not know what it is called by leaves the host out, and means the one asked.
fn address(host: &str, port: u16, node: &Address) -> Address {
    let host = match node {
        Address::Tcp { host: asked, .. } if host.is_empty() || host == "?" => asked.as_str(),
        _ => host,
    };
    Address::Tcp { host: host.to_owned(), port }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    fn parsed(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"{user1000}.followers"));
        assert_eq!(slot(b"foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
        assert_eq!(slot(b"{open"), crc16(b"{open") % SLOTS);
    }

    #[test]
    fn a_map_has_the_masters_and_asks_for_a_host_that_is_left_out_where_it_came_from() {
        let answer = parsed(
            "*2\r\n*4\r\n:0\r\n:100\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$1\r\nb\r\n:2\r\n\
             *3\r\n:200\r\n:16383\r\n*2\r\n$-1\r\n:7\r\n",
        );
        let mut map = Map::read(&answer, &tcp("seed", 1)).unwrap();
        assert_eq!(map.owner(0), Some(&tcp("a", 1)));
        assert_eq!(map.owner(100), Some(&tcp("a", 1)));
        assert_eq!(map.owner(101), None);
        assert_eq!(map.owner(16383), Some(&tcp("seed", 7)));
        map.set(101, tcp("c", 3));
        assert_eq!(map.owner(101), Some(&tcp("c", 3)));
        assert_eq!(map.masters(), [tcp("a", 1), tcp("seed", 7), tcp("c", 3)]);
    }

    #[test]
    fn what_is_no_map_is_none() {
        for text in [
            "+OK\r\n",
            "*1\r\n+a\r\n",
            "*1\r\n*1\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:70000\r\n*2\r\n+a\r\n:1\r\n",
        ] {
            assert!(Map::read(&parsed(text), &tcp("seed", 1)).is_none(), "{text}");
        }
    }

    #[test]
    fn a_redirection_names_a_node() {
        let read = |text: &str| Redirect::read(&parsed(text), &tcp("seed", 1));
        let moved = |to| Some(Redirect::Moved { slot: 3999, to });
        assert_eq!(read("-MOVED 3999 127.0.0.1:6381\r\n"), moved(tcp("127.0.0.1", 6381)));
        assert_eq!(read("-MOVED 3999 ::1:6381\r\n"), moved(tcp("::1", 6381)));
        assert_eq!(read("-MOVED 3999 :6381\r\n"), moved(tcp("seed", 6381)));
        assert_eq!(read("-ASK 3999 a:6381\r\n"), Some(Redirect::Ask { to: tcp("a", 6381) }));
        for text in ["-MOVED\r\n", "-MOVED x\r\n", "-MOVED 1 a\r\n", "-ERR 1 a:1\r\n", "+OK\r\n"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
