//! Taking the location of a URL apart.

use super::Address;
use pytheus_core::config::{PercentDecodeError, percent_decode};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

const SHAPE: &str = "write redis://[user[:password]@]host[:port][,host[:port]…][/db], rediss://… for \
                     TLS, or redis+unix://[user[:password]@]/path/to/socket";

/// How the servers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Redis,
    Rediss,
    RedisUnix,
}

/// What stands in a location, decoded. No `Debug`: it has the password.
pub(super) struct Location {
    pub(super) scheme: Scheme,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) servers: Vec<Address>,
    pub(super) db: Option<u32>,
}

impl Location {
    /// The errors name no more of the location than a host, a port or a database.
    pub(super) fn parse(location: &str, sentinels: bool) -> Result<Self, String> {
        let (scheme, rest) = scheme(location)?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = login.map(user_and_password).transpose()?.unwrap_or_default();
        let (servers, db) = match scheme {
            Scheme::RedisUnix => (vec![socket(hosts, path)?], None),
            Scheme::Redis | Scheme::Rediss => {
                let default = if sentinels { SENTINEL_PORT } else { PORT };
                let servers: Result<_, String> =
                    hosts.split(',').map(|host| host_and_port(host, default)).collect();
                (servers.map_err(|wrong| format!("{wrong}; {SHAPE}"))?, database(path)?)
            }
        };
        Ok(Self { scheme, user, password, servers, db })
    }
}

fn scheme(location: &str) -> Result<(Scheme, &str), String> {
    let schemes = [
        ("redis://", Scheme::Redis),
        ("rediss://", Scheme::Rediss),
        ("redis+unix://", Scheme::RedisUnix),
    ];
    schemes
        .into_iter()
        .find_map(|(prefix, scheme)| Some((scheme, location.strip_prefix(prefix)?)))
        .ok_or_else(|| SHAPE.to_owned())
}

fn user_and_password(login: &str) -> Result<(Option<String>, Option<String>), String> {
    let decoded = |what: &str, text: &str| match percent_decode(text) {
        Ok(text) => Ok(text.into_owned()),
        Err(PercentDecodeError::Utf8) => Err(format!("the {what} is not UTF-8")),
        Err(_) => Err(format!("the {what} has a % without two hexadecimal digits; write % as %25")),
    };
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(decoded("password", password)?)),
        None => (login, None),
    };
    let user = Some(decoded("user", user)?).filter(|user| !user.is_empty());
    Ok((user, password))
}

fn socket(host: &str, path: Option<&str>) -> Result<Address, String> {
    let shape = "write redis+unix:// and the absolute path of a socket, such as \
                 \"redis+unix:///run/redis/redis.sock\"; the database is the option \"db\"";
    let path = path.filter(|path| host.is_empty() && !path.is_empty() && !path.ends_with('/'));
    let path = path.ok_or(shape)?;
    let path = percent_decode(path).map_err(|error| format!("{error}; {shape}"))?;
    if path.contains('\0') {
        return Err(shape.to_owned());
    }
    Ok(Address::Unix(format!("/{path}").into()))
}

fn host_and_port(text: &str, default: u16) -> Result<Address, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("an IPv6 address ends with ]")?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| format!("[{host}] is not an IPv6 address"))?;
            (host, port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            if port.matches(':').count() > 1 {
                return Err("an IPv6 address stands in [ and ]".to_owned());
            }
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            if host.is_empty() || !host.bytes().all(allowed) {
                return Err("a host is made of letters, digits, -, . and _".to_owned());
            }
            (host, port)
        }
    };
    let port = match port {
        "" => default,
        port => match port.strip_prefix(':').map(str::parse) {
            Some(Ok(port)) if port > 0 => port,
            _ => return Err(format!("the port of {host} is not a number from 1 to 65535")),
        },
    };
    Ok(Address::Tcp { host: host.to_owned(), port })
}

fn database(path: Option<&str>) -> Result<Option<u32>, String> {
    match path {
        None | Some("") => Ok(None),
        Some(path) => match path.parse() {
            Ok(db) => Ok(Some(db)),
            Err(_) => Err(format!("the database is not a number; {SHAPE}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    #[test]
    fn a_location_is_a_login_servers_and_a_database() {
        let location = Location::parse("rediss://sh%40p:p%3A%2F@a:1,b,[::1]:2/3", false).unwrap();
        assert_eq!(location.scheme, Scheme::Rediss);
        assert_eq!(location.user.as_deref(), Some("sh@p"));
        assert_eq!(location.password.as_deref(), Some("p:/"));
        assert_eq!(location.servers, [tcp("a", 1), tcp("b", 6379), tcp("::1", 2)]);
        assert_eq!(location.db, Some(3));
    }

    #[test]
    fn most_of_a_location_can_be_left_out() {
        for (text, user, password) in [
            ("redis://db", None, None),
            ("redis://db/", None, None),
            ("redis://:s3cret@db", None, Some("s3cret")),
            ("redis://shop@db", Some("shop"), None),
            ("redis://shop:@db", Some("shop"), Some("")),
            ("redis://shop:s3@cret@db", Some("shop"), Some("s3@cret")),
        ] {
            let location = Location::parse(text, false).expect(text);
            assert_eq!(location.user.as_deref(), user, "{text}");
            assert_eq!(location.password.as_deref(), password, "{text}");
            assert_eq!(location.servers, [tcp("db", 6379)], "{text}");
            assert_eq!(location.db, None, "{text}");
        }
    }

    #[test]
    fn sentinels_have_a_port_of_their_own() {
        let location = Location::parse("redis://a,b:7", true).unwrap();
        assert_eq!(location.servers, [tcp("a", 26379), tcp("b", 7)]);
    }

    #[test]
    fn a_socket_is_an_absolute_path() {
        for (text, path) in [
            ("redis+unix:///run/redis.sock", "/run/redis.sock"),
            ("redis+unix://shop:s3cret@/run/my%20redis", "/run/my redis"),
            ("redis+unix:///run/a@b", "/run/a@b"),
        ] {
            let location = Location::parse(text, false).expect(text);
            assert_eq!(location.servers, [Address::Unix(path.into())], "{text}");
        }
    }

    #[test]
    fn what_is_no_location_is_told_what_is() {
        for (text, message) in [
            ("redis:", SHAPE),
            ("redis:db", SHAPE),
            ("http://db", SHAPE),
            ("redis://", "a host is made of letters, digits, -, . and _; write redis://"),
            ("redis://a,,b", "a host is made of letters"),
            ("redis://a b", "a host is made of letters"),
            ("redis://::1", "an IPv6 address stands in [ and ]"),
            ("redis://[::1", "an IPv6 address ends with ]"),
            ("redis://[db]", "[db] is not an IPv6 address"),
            ("redis://db:", "the port of db is not a number from 1 to 65535"),
            ("redis://db:0", "the port of db is not a number from 1 to 65535"),
            ("redis://db:65536", "the port of db is not a number from 1 to 65535"),
            ("redis://db/x", "the database is not a number; write redis://"),
            ("redis://db/-1", "the database is not a number"),
            ("redis://db/1/2", "the database is not a number"),
            ("redis://:%zz@db", "the password has a % without two hexadecimal digits"),
            ("redis://%FF@db", "the user is not UTF-8"),
            ("redis+unix://", "the absolute path of a socket"),
            ("redis+unix://run/redis.sock", "the absolute path of a socket"),
            ("redis+unix:///run/", "the absolute path of a socket"),
            ("redis+unix:///%00", "the absolute path of a socket"),
        ] {
            let error = Location::parse(text, false).err().expect(text);
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_location_is_taken_apart_without_a_panic(text in "redis(s|\\+unix)?://[a-z0-9:@/,%\\[\\].]*") {
            let _ = Location::parse(&text, false);
        }
    }
}
