//! The command line.

use std::ffi::OsString;
use std::time::Duration;

pub(crate) const HELP: &str = "\
A web shop that counts what happens in it.

usage: shop [--listen ADDRESS] [--backend URL] [--workers N] [--demo | --demo-seconds N]

  --listen ADDRESS   where to serve; port 0 takes a free one
                     (127.0.0.1:8080, in a demo 127.0.0.1:0)
  --backend URL      where the metrics are kept: local:, shm:///dev/shm/shop,
                     redis://localhost:6379/0; without it the environment decides
                     (PYTHEUS_BACKEND, PYTHEUS_BACKEND_CONFIG), and without that it is local:,
                     in a demo a segment of its own in /dev/shm
  --workers N        how many processes serve (1, in a demo 4); with local: no more than one
  --demo             drives itself over TCP for five seconds, kills one of its workers (with redis:
                     sends it home, since it may lose what it did not tell yet), scrapes itself,
                     and checks that what was counted is what was answered
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
/// More would be a slip of the finger.
const MOST_WORKERS: u16 = 256;

/// The first argument of a worker. It is the shop's own business, so `--help` does not tell.
pub(crate) const AS_WORKER: &str = "worker";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    Help,
    Shop(Options),
    /// To be one of a shop's workers, on the backend of this URL or, without one, as the environment
    /// says.
    Worker(Option<String>),
}

/// How to run the shop.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) listen: String,
    /// `None`: as the environment says.
    pub(crate) backend: Option<String>,
    /// `None`: as many as fit what is asked for.
    pub(crate) workers: Option<u16>,
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
    #[error("{option} {given:?}: it takes a whole number from 1 to {most}")]
    Number { option: &'static str, given: String, most: u64 },
    #[error(
        "--workers {workers} with the backend {backend:?}, which keeps metrics in the memory of one \
         process; take one worker, or a backend that processes share, such as shm:///dev/shm/shop"
    )]
    OneProcess { workers: u16, backend: &'static str },
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Asked, Mistake> {
        let mut arguments = arguments.into_iter().peekable();
        let is_worker = arguments.next_if(|first| first == AS_WORKER).is_some();
        let (mut listen, mut backend, mut workers, mut demo) = (None, None, None, None);
        while let Some(argument) = arguments.next() {
            let mut value = |option| {
                let value = arguments.next().and_then(|value| value.into_string().ok());
                value.ok_or(Mistake::NoValue(option))
            };
            match argument.to_str() {
                Some("--backend") => backend = Some(value("--backend")?),
                _ if is_worker => return Err(Mistake::Unknown(argument)),
                Some("--help" | "-h") => return Ok(Asked::Help),
                Some("--listen") => listen = Some(value("--listen")?),
                Some("--workers") => {
                    let given = value("--workers")?;
                    workers = Some(number("--workers", given, MOST_WORKERS)?);
                }
                Some("--demo") => demo = demo.or(Some(DEMO)),
                Some("--demo-seconds") => {
                    let given = value("--demo-seconds")?;
                    let seconds = number("--demo-seconds", given, LONGEST_DEMO_SECONDS)?;
                    demo = Some(Duration::from_secs(seconds));
                }
                _ => return Err(Mistake::Unknown(argument)),
            }
        }
        if is_worker {
            return Ok(Asked::Worker(backend));
        }
        let usual = if demo.is_some() { LISTEN_IN_DEMO } else { LISTEN };
        let listen = listen.unwrap_or_else(|| usual.to_owned());
        Ok(Asked::Shop(Self { listen, backend, workers, demo }))
    }
}

/// A number from 1 to `most`.
fn number<N>(option: &'static str, given: String, most: N) -> Result<N, Mistake>
where
    N: std::str::FromStr + PartialOrd + From<u8> + Into<u64>,
{
    match given.parse() {
        Ok(number) if number >= N::from(1) && number <= most => Ok(number),
        _ => Err(Mistake::Number { option, given, most: most.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Asked, Mistake> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    fn shop(
        listen: &str,
        backend: Option<&str>,
        workers: Option<u16>,
        demo: Option<u64>,
    ) -> Result<Asked, Mistake> {
        Ok(Asked::Shop(Options {
            listen: listen.to_owned(),
            backend: backend.map(str::to_owned),
            workers,
            demo: demo.map(Duration::from_secs),
        }))
    }

    #[test]
    fn a_demo_takes_a_free_port_unless_told_otherwise() {
        assert_eq!(parse(""), shop("127.0.0.1:8080", None, None, None));
        assert_eq!(parse("--demo"), shop("127.0.0.1:0", None, None, Some(5)));
        assert_eq!(parse("--demo --listen [::1]:9"), shop("[::1]:9", None, None, Some(5)));
        assert_eq!(parse("--demo-seconds 1 --demo"), shop("127.0.0.1:0", None, None, Some(1)));
        assert_eq!(parse("--backend local:"), shop("127.0.0.1:8080", Some("local:"), None, None));
        assert_eq!(parse("--workers 3"), shop("127.0.0.1:8080", None, Some(3), None));
        assert_eq!(parse("--demo --help"), Ok(Asked::Help));
    }

    #[test]
    fn a_worker_is_told_the_backend_alone() {
        assert_eq!(parse("worker"), Ok(Asked::Worker(None)));
        assert_eq!(parse("worker --backend a:b"), Ok(Asked::Worker(Some("a:b".into()))));
        assert_eq!(parse("worker --demo"), Err(Mistake::Unknown("--demo".into())));
        assert_eq!(parse("--demo worker"), Err(Mistake::Unknown("worker".into())));
    }

    #[test]
    fn a_mistake_is_named() {
        let number = |option, given: &str, most| {
            Err(Mistake::Number { option, given: given.to_owned(), most })
        };
        assert_eq!(parse("--dmeo"), Err(Mistake::Unknown("--dmeo".into())));
        assert_eq!(parse("--listen"), Err(Mistake::NoValue("--listen")));
        assert_eq!(parse("--demo-seconds 0"), number("--demo-seconds", "0", 3600));
        assert_eq!(parse("--demo-seconds soon"), number("--demo-seconds", "soon", 3600));
        assert_eq!(parse("--workers 0"), number("--workers", "0", 256));
        assert_eq!(parse("--workers 70000"), number("--workers", "70000", 256));
    }
}
