//! The command line.

use std::ffi::OsString;
use std::time::Duration;

pub(crate) const HELP: &str = "\
A web shop that counts what happens in it.

usage: shop [--listen ADDRESS] [--backend URL] [--demo | --demo-seconds N]

  --listen ADDRESS   where to serve; port 0 takes a free one
                     (127.0.0.1:8080, in a demo 127.0.0.1:0)
  --backend URL      where the metrics are kept; without it the environment decides
                     (PYTHEUS_BACKEND, PYTHEUS_BACKEND_CONFIG), and without that, local:
  --demo             drives itself over TCP for five seconds, scrapes itself, and checks
                     that what was counted is what was sent
  --demo-seconds N   the same for N seconds
  --help             this text

exit status: 0 all is well, 1 the shop could not be opened or a demo did not add up,
2 the command line or the backend's configuration makes no sense
";

const LISTEN: &str = "127.0.0.1:8080";
/// Any free port, so that a demo never collides.
const LISTEN_IN_DEMO: &str = "127.0.0.1:0";
const DEMO: Duration = Duration::from_secs(5);
const LONGEST_DEMO_SECONDS: u64 = 3600;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    Help,
    Shop(Options),
}

/// How to run the shop.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) listen: String,
    /// `None`: as the environment says.
    pub(crate) backend: Option<String>,
    /// How long to run the demo; `None`: serve.
    pub(crate) demo: Option<Duration>,
}

/// A command line that makes no sense.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Mistake {
    #[error("unknown argument {0:?}")]
    Unknown(OsString),
    #[error("{0} needs a value behind it")]
    NoValue(&'static str),
    #[error("--demo-seconds {0:?}: it takes a whole number from 1 to {LONGEST_DEMO_SECONDS}")]
    Seconds(String),
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Asked, Mistake> {
        let mut arguments = arguments.into_iter();
        let (mut listen, mut backend, mut demo) = (None, None, None);
        while let Some(argument) = arguments.next() {
            let mut value = |option| {
                let value = arguments.next().and_then(|value| value.into_string().ok());
                value.ok_or(Mistake::NoValue(option))
            };
            match argument.to_str() {
                Some("--help" | "-h") => return Ok(Asked::Help),
                Some("--listen") => listen = Some(value("--listen")?),
                Some("--backend") => backend = Some(value("--backend")?),
                Some("--demo") => demo = demo.or(Some(DEMO)),
                Some("--demo-seconds") => demo = Some(seconds(value("--demo-seconds")?)?),
                _ => return Err(Mistake::Unknown(argument)),
            }
        }
        let usual = if demo.is_some() { LISTEN_IN_DEMO } else { LISTEN };
        let listen = listen.unwrap_or_else(|| usual.to_owned());
        Ok(Asked::Shop(Self { listen, backend, demo }))
    }
}

fn seconds(text: String) -> Result<Duration, Mistake> {
    match text.parse() {
        Ok(seconds @ 1..=LONGEST_DEMO_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err(Mistake::Seconds(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Asked, Mistake> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    fn shop(listen: &str, backend: Option<&str>, demo: Option<u64>) -> Result<Asked, Mistake> {
        Ok(Asked::Shop(Options {
            listen: listen.to_owned(),
            backend: backend.map(str::to_owned),
            demo: demo.map(Duration::from_secs),
        }))
    }

    #[test]
    fn a_demo_takes_a_free_port_unless_told_otherwise() {
        assert_eq!(parse(""), shop("127.0.0.1:8080", None, None));
        assert_eq!(parse("--demo"), shop("127.0.0.1:0", None, Some(5)));
        assert_eq!(parse("--demo --listen [::1]:9"), shop("[::1]:9", None, Some(5)));
        assert_eq!(parse("--demo-seconds 1 --demo"), shop("127.0.0.1:0", None, Some(1)));
        assert_eq!(parse("--backend local:"), shop("127.0.0.1:8080", Some("local:"), None));
        assert_eq!(parse("--demo --help"), Ok(Asked::Help));
    }

    #[test]
    fn a_mistake_is_named() {
        assert_eq!(parse("--dmeo"), Err(Mistake::Unknown("--dmeo".into())));
        assert_eq!(parse("--listen"), Err(Mistake::NoValue("--listen")));
        assert_eq!(parse("--demo-seconds 0"), Err(Mistake::Seconds("0".into())));
        assert_eq!(parse("--demo-seconds soon"), Err(Mistake::Seconds("soon".into())));
    }
}
