//! What a location and the options mean together: which servers, and how they are spoken to.

use super::check::wrong;
use super::location::{Location, Scheme};
use super::{RedisConfig, Secret};
use crate::connection::Tls;
use pytheus_core::ConfigError;
use pytheus_core::config::redact;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Which servers to connect to, and how.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) servers: Servers,
    pub(crate) login: Login,
    pub(crate) db: u32,
    pub(crate) tls: Option<Tls>,
    pub(crate) timeout: Duration,
    pub(crate) client_name: Option<String>,
    /// For advice on what a user has to be permitted.
    pub(crate) key_prefix: String,
}

impl Target {
    /// The end of a wait that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }
}

/// The servers that a location names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Servers {
    Single(Address),
    /// Some of its nodes.
    Cluster(Vec<Address>),
    Sentinels {
        sentinels: Vec<Address>,
        master: String,
        login: Login,
    },
}

/// Where one server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Who to log in as.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Login {
    /// `None` is the server's `default` user.
    pub(crate) user: Option<String>,
    pub(crate) password: Password,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Password {
    /// No login at all.
    #[default]
    None,
    Given(Secret),
    /// Read at every connect.
    File(PathBuf),
}

impl Password {
    /// The password as it is now.
    ///
    /// # Errors
    ///
    /// The file, and why it cannot be read.
    pub(crate) fn read(&self) -> Result<Option<Secret>, String> {
        match self {
            Self::None => Ok(None),
            Self::Given(secret) => Ok(Some(secret.clone())),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    wrong("password_file", path, &format!("it cannot be read: {error}"))
                })?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Some(line.strip_suffix('\r').unwrap_or(line).into()))
            }
        }
    }
}

impl RedisConfig {
    /// What `location`, a URL without its query, and these options mean together.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] where the location or an option makes no sense, where they contradict
    /// each other, and for a file that cannot be used.
    pub(crate) fn locate(&self, location: &str) -> Result<Target, ConfigError> {
        self.target(location).map_err(|message| ConfigError::Value {
            origin: format!("backend URL {:?}", redact(location)),
            message,
        })
    }

    fn target(&self, location: &str) -> Result<Target, String> {
        self.check()?;
        let location = Location::parse(location, self.sentinel_master.is_some())?;
        let login = self.login(&location)?;
        let db = once("db", location.db, self.db)?.unwrap_or(0);
        let tls = self.tls(location.scheme)?;
        let servers = self.servers(location)?;
        if matches!(servers, Servers::Cluster(_)) && db != 0 {
            return Err(wrong("db", db, "a cluster has database 0 only"));
        }
        Ok(Target {
            servers,
            login,
            db,
            tls,
            timeout: self.timeout,
            client_name: self.client_name.clone(),
            key_prefix: self.key_prefix.clone(),
        })
    }

    fn login(&self, location: &Location) -> Result<Login, String> {
        let user = once("username", location.user.clone(), self.username.clone())?;
        let password = once(
            "password",
            location.password.as_deref().map(Secret::from),
            self.password.clone(),
        )?;
        let password = match (password, &self.password_file) {
            (Some(_), Some(_)) => {
                let both = "there is a password as well; give one of them";
                return Err(format!("option \"password_file\": {both}"));
            }
            (Some(password), None) => Password::Given(password),
            (None, Some(path)) => Password::File(path.clone()),
            (None, None) => Password::None,
        };
        // An unreadable file is better known now.
        password.read()?;
        needs_password("username", user.as_deref(), &password)?;
        Ok(Login { user, password })
    }

    fn servers(&self, location: Location) -> Result<Servers, String> {
        let Location { scheme, mut servers, .. } = location;
        if let Some(master) = &self.sentinel_master {
            if master.is_empty() {
                return Err(wrong("sentinel_master", master, "a name is needed"));
            }
            if self.cluster == Some(true) {
                return Err("options \"cluster\" and \"sentinel_master\" exclude each other".into());
            }
            if scheme == Scheme::RedisUnix {
                return Err("option \"sentinel_master\": sentinels are reached by redis:// or \
                            rediss://"
                    .into());
            }
            let password = self.sentinel_password.clone().map_or(Password::None, Password::Given);
            needs_password("sentinel_user", self.sentinel_user.as_deref(), &password)?;
            let login = Login { user: self.sentinel_user.clone(), password };
            return Ok(Servers::Sentinels { sentinels: servers, master: master.clone(), login });
        }
        for (option, given) in [
            ("sentinel_user", self.sentinel_user.is_some()),
            ("sentinel_password", self.sentinel_password.is_some()),
        ] {
            if given {
                return Err(format!("option {option:?} needs \"sentinel_master\" beside it"));
            }
        }
        match (self.cluster, servers.len()) {
            (Some(true), _) if scheme == Scheme::RedisUnix => {
                Err("option \"cluster\": a cluster is reached by redis:// or rediss://".into())
            }
            (Some(false), 2..) => Err(
                "option \"cluster\" is false, but the URL names several servers; leave it out, \
                     name one server, or give \"sentinel_master\""
                    .into(),
            ),
            (Some(true), _) | (None, 2..) => Ok(Servers::Cluster(servers)),
            _ => Ok(Servers::Single(servers.remove(0))),
        }
    }

    fn tls(&self, scheme: Scheme) -> Result<Option<Tls>, String> {
        let files = [
            ("ca_file", &self.ca_file),
            ("cert_file", &self.cert_file),
            ("key_file", &self.key_file),
        ];
        if scheme != Scheme::Rediss {
            return match files.iter().find(|(_, file)| file.is_some()) {
                Some((option, _)) => Err(format!("option {option:?} is for rediss:// only")),
                None => Ok(None),
            };
        }
        let identity = match (self.cert_file.as_deref(), self.key_file.as_deref()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("options \"cert_file\" and \"key_file\" go together".into()),
        };
        Tls::new(self.ca_file.as_deref(), identity).map(Some)
    }
}

/// What is said by the location or by an option, not by both.
fn once<T>(option: &str, location: Option<T>, given: Option<T>) -> Result<Option<T>, String> {
    match (location, given) {
        (Some(_), Some(_)) => {
            Err(format!("option {option:?} stands in the location as well; give it once"))
        }
        (location, given) => Ok(location.or(given)),
    }
}

fn needs_password(option: &str, user: Option<&str>, password: &Password) -> Result<(), String> {
    match (user, password) {
        (Some(user), Password::None) => Err(wrong(
            option,
            user,
            "a user needs a password; where the server asks for none, give an empty one",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(location: &str, options: &str) -> Result<Target, ConfigError> {
        toml::from_str::<RedisConfig>(options).expect(options).locate(location)
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    #[test]
    fn user_password_and_database_come_from_the_location_or_from_options() {
        let by_location = locate("redis://shop:s3cret@db/3", "").unwrap();
        let options = "username = 'shop'\npassword = 's3cret'\ndb = 3";
        let by_options = locate("redis://db", options).unwrap();
        for target in [by_location, by_options] {
            assert_eq!(target.servers, Servers::Single(tcp("db", 6379)));
            assert_eq!(target.login.user.as_deref(), Some("shop"));
            assert_eq!(target.login.password, Password::Given("s3cret".into()));
            assert_eq!(target.db, 3);
        }
    }

    #[test]
    fn several_hosts_are_a_cluster_or_sentinels() {
        let several = vec![tcp("a", 1), tcp("b", 2)];
        let target = locate("redis://a:1,b:2", "").unwrap();
        assert_eq!(target.servers, Servers::Cluster(several.clone()));
        let target = locate("redis://a:1", "cluster = true").unwrap();
        assert_eq!(target.servers, Servers::Cluster(vec![tcp("a", 1)]));
        let target = locate("redis://a:1", "cluster = false").unwrap();
        assert_eq!(target.servers, Servers::Single(tcp("a", 1)));
        let options = "sentinel_master = 'mymaster'\nsentinel_password = 's3cret'";
        let target = locate("redis://:other@a:1,b:2", options).unwrap();
        let login = Login { user: None, password: Password::Given("s3cret".into()) };
        let master = "mymaster".into();
        assert_eq!(target.servers, Servers::Sentinels { sentinels: several, master, login });
        assert_eq!(target.login.password, Password::Given("other".into()));
    }

    #[test]
    fn a_password_file_is_read_at_every_connect_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let config = RedisConfig { password_file: Some(path.clone()), ..RedisConfig::default() };
        for (text, password) in [("a\n", "a"), ("b\r\n", "b"), ("c", "c"), (" d \n\n", " d \n")] {
            std::fs::write(&path, text).unwrap();
            let target = config.locate("redis://db").unwrap();
            assert_eq!(target.login.password.read(), Ok(Some(password.into())));
            std::fs::write(&path, "changed").unwrap();
            assert_eq!(target.login.password.read(), Ok(Some("changed".into())));
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (location, options, message) in [
            (
                "redis://shop:x@db",
                "username = 'a'",
                "option \"username\" stands in the location as well",
            ),
            (
                "redis://:x@db",
                "password = 'a'",
                "option \"password\" stands in the location as well",
            ),
            ("redis://db/1", "db = 1", "option \"db\" stands in the location as well"),
            (
                "redis://:x@db",
                "password_file = '/a'",
                "option \"password_file\": there is a password",
            ),
            (
                "redis://db",
                "password_file = '/no/such'",
                "option \"password_file\" is \"/no/such\": it cannot be read",
            ),
            ("redis://shop@db", "", "option \"username\" is \"shop\": a user needs a password"),
            ("redis://a,b", "cluster = false", "the URL names several servers"),
            ("redis://a,b/1", "", "option \"db\" is 1: a cluster has database 0 only"),
            ("redis://a", "cluster = true\nsentinel_master = 'm'", "exclude each other"),
            ("redis://a", "sentinel_master = ''", "option \"sentinel_master\" is \"\""),
            (
                "redis://a",
                "sentinel_user = 'm'",
                "option \"sentinel_user\" needs \"sentinel_master\"",
            ),
            (
                "redis://a",
                "sentinel_master = 'm'\nsentinel_user = 'u'",
                "option \"sentinel_user\" is \"u\": a user needs",
            ),
            ("redis+unix:///a", "cluster = true", "a cluster is reached by redis://"),
            ("redis+unix:///a", "sentinel_master = 'm'", "sentinels are reached by redis://"),
            ("redis://a", "ca_file = '/a'", "option \"ca_file\" is for rediss:// only"),
            ("rediss://a", "cert_file = '/a'", "\"cert_file\" and \"key_file\" go together"),
            ("redis://a", "shards = 0", "option \"shards\" is 0: from 1 to 1024 are possible"),
        ] {
            let error = locate(location, options).expect_err(location).to_string();
            assert!(error.contains(message), "{location} {options}: {error}");
            let begin = format!("backend URL {:?}: ", redact(location));
            assert!(error.starts_with(&begin), "{error}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn without_tls_its_scheme_is_told_how_to_get_it() {
        let error = locate("rediss://db", "").unwrap_err().to_string();
        assert!(error.contains("built without TLS; enable the feature \"tls\""), "{error}");
    }

    #[test]
    fn no_password_is_shown_by_errors_or_by_debug() {
        for location in [
            "redis://shop:hunter2@db/x",
            "redis://shop:hunter2@db:x",
            "redis://shop:hunter2@d b",
            "redis://shop:hunter2%zz@db",
            "redis://shop:hunter2/@db",
            "redis:shop:hunter2@db",
            "redis+unix://shop:hunter2@db/",
        ] {
            let error = locate(location, "").expect_err(location);
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
        }
        let options = "sentinel_master = 'm'\nsentinel_password = 'hunter3'";
        let target = locate("redis://shop:hunter2@db", options).unwrap();
        assert!(!format!("{target:?}").contains("hunter"), "{target:?}");
    }
}
