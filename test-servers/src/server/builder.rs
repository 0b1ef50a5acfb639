//! How a server is started.

use std::fs::File;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Ended, Server, USER};
use crate::certificates::Certificates;
use crate::port::Port;
use crate::process::Process;
use crate::wait::eventually;

/// Time for a server to answer for the first time, on a busy machine.
const START: Duration = Duration::from_secs(20);

/// How often a start is tried on another port when somebody took the one chosen.
const ATTEMPTS: u32 = 10;

/// What a [`Server`] is to be.
///
/// # Examples
///
/// ```
/// use pytheus_test_servers::Server;
///
/// let server = Server::builder().args(["--appendonly", "yes"]).start();
/// server.command(["SET", "name", "shop"]);
/// server.restart();
/// assert_eq!(server.query::<String>(["GET", "name"]), "shop");
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerBuilder {
    arguments: Vec<String>,
    settings: Vec<String>,
    tls: Option<&'static str>,
    cluster: bool,
    sentinel: bool,
}

impl ServerBuilder {
    /// More arguments of `redis-server`, such as `--maxmemory 64mb`. They win over the defaults.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The port speaks TLS only; a client may show a certificate.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Some("optional");
        self
    }

    /// The port speaks TLS only; a client has to show a certificate of the same authority.
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        self.tls = Some("yes");
        self
    }

    /// A node of a cluster, alone at first.
    pub(crate) fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// A sentinel with these settings.
    pub(crate) fn sentinel(mut self, settings: impl IntoIterator<Item = String>) -> Self {
        self.sentinel = true;
        self.settings.extend(settings);
        self
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it does not come up.
    pub fn start(self) -> Server {
        for _ in 1..ATTEMPTS {
            match self.try_start() {
                Ok(server) => return server,
                Err(Ended { log }) if log.contains("Address already in use") => {}
                Err(Ended { log }) => panic!("redis-server does not start:\n{log}"),
            }
        }
        panic!("redis-server does not start: {ATTEMPTS} free ports were taken before it came up");
    }

    fn try_start(&self) -> Result<Server, Ended> {
        let folder = TempDir::with_prefix("pytheus-redis-").expect("a temporary folder");
        let mut server = Server {
            process: Mutex::new(None),
            port: Port::reserve(),
            bus: self.cluster.then(Port::reserve),
            certificates: self.tls.map(|_| Certificates::write(folder.path())),
            arguments: Vec::new(),
            folder,
        };
        let settings = server.folder.path().join("redis.conf");
        std::fs::write(&settings, self.settings(&server)).expect("the folder can be written");
        server.arguments.push(settings.display().to_string());
        server.arguments.extend(self.arguments.iter().cloned());
        if self.sentinel {
            server.arguments.push("--sentinel".to_owned());
        }
        server.launch()?;
        Ok(server)
    }

    /// The text of the settings file.
    fn settings(&self, server: &Server) -> String {
        let folder = server.folder.path().display();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("dir {folder}"),
            format!("unixsocket {}", server.socket().display()),
            format!("logfile {folder}/redis.log"),
            "daemonize no".to_owned(),
            format!("user {USER} on nopass ~* &* +@all"),
        ];
        let port = server.port();
        match (&server.certificates, self.tls) {
            (Some(files), Some(clients)) => lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-ca-cert-file {}", files.authority().display()),
                format!("tls-cert-file {}", files.server().display()),
                format!("tls-key-file {}", files.server_key().display()),
                format!("tls-auth-clients {clients}"),
            ]),
            _ => lines.push(format!("port {port}")),
        }
        if let Some(bus) = &server.bus {
            lines.push("cluster-enabled yes".to_owned());
            lines.push(format!("cluster-port {}", bus.number()));
        }
        if !self.sentinel {
            lines.push("save \"\"".to_owned());
            lines.push("enable-debug-command local".to_owned());
            // Otherwise a replica waits five seconds for others to come before it is served.
            lines.push("repl-diskless-sync-delay 0".to_owned());
        }
        lines.extend(self.settings.iter().cloned());
        lines.join("\n") + "\n"
    }
}

impl Server {
    /// Starts the process and returns when it answers, or when it ended.
    pub(super) fn launch(&self) -> Result<(), Ended> {
        let output = self.folder.path().join("output.log");
        let output = File::options().create(true).append(true).open(output);
        let output = output.expect("the server's folder can be written");
        let mut process = Process::start("redis-server", &self.arguments, self.folder(), output);
        let started = Instant::now();
        let mut ended = false;
        eventually("redis-server answers", START, || {
            ended = process.ended().is_some();
            let left = START.saturating_sub(started.elapsed()).max(Duration::from_millis(1));
            ended
                || self.connect(left).is_ok_and(|mut server| {
                    redis::cmd("PING").query::<String>(&mut server).is_ok_and(|pong| pong == "PONG")
                })
        });
        if ended {
            return Err(Ended { log: self.log() });
        }
        *self.process() = Some(process);
        Ok(())
    }
}
