//! A proxy that harms what passes through it.

mod harm;
mod relay;
mod resp;
mod state;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::port::Port;
use state::{Mode, Shared};

pub use harm::{Harm, HarmKind};

/// Stands between clients and a server, on a port of its own, and harms what passes as it is told.
///
/// It knows the protocol of Redis well enough to tell requests apart (see [`HarmKind`]), and so
/// passes neither TLS nor subscriptions nor a replica's stream. Dropping it cuts all connections.
///
/// # Examples
///
/// The server counts, and the client never learns of it:
///
/// ```
/// use pytheus_test_servers::{HarmKind, Proxy, Server};
///
/// let server = Server::start();
/// let proxy = Proxy::start(server.port());
/// let mut connection = redis::Client::open(proxy.url())?.get_connection()?;
///
/// proxy.harm_next(HarmKind::CutBeforeReply);
/// assert!(redis::cmd("INCR").arg("hits").query::<i64>(&mut connection).is_err());
/// assert_eq!(server.query::<i64>(["GET", "hits"]), 1);
/// assert_eq!(proxy.cuts(), 1);
/// # redis::RedisResult::Ok(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: Arc<Port>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one in front of this port on the loopback address; at first it does no harm.
    pub fn start(upstream_port: u16) -> Self {
        let (port, shared) = (Arc::new(Port::reserve()), Arc::new(Shared::new()));
        let acceptor = {
            let (port, shared) = (Arc::clone(&port), Arc::clone(&shared));
            thread::spawn(move || accept(&shared, port.number(), upstream_port))
        };
        drop(shared.wait_while(|state| !state.listening));
        Self { port, shared, acceptor: Some(acceptor) }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// From now on harms some of the requests, instead of what was told before.
    ///
    /// # Panics
    ///
    /// When `probability_percent` is above 100.
    pub fn harm(&self, harm: Harm) {
        let percent = harm.probability_percent;
        assert!(percent <= 100, "probability_percent: {percent} is above 100");
        self.shared.change(|state| (state.harm, state.harm_requests) = (Some(harm), 0));
    }

    /// Does this to the next request that is not yet spoken for. Told several times, one harm
    /// follows the other.
    pub fn harm_next(&self, kind: HarmKind) {
        self.shared.change(|state| state.next.push_back(kind));
    }

    /// Cuts all open connections, once. Requests on their way may or may not have reached the
    /// server.
    pub fn cut_all(&self) {
        self.shared.change(|state| state.cut());
    }

    /// Takes no new connections: a client is refused as by a machine on which nobody listens. Open
    /// ones go on.
    pub fn refuse(&self) {
        self.shared.change(|state| state.mode = Mode::Refuse);
        self.wake();
        drop(self.shared.wait_while(|state| state.listening && state.mode == Mode::Refuse));
    }

    /// Holds everything back, as a network that has gone silent: connections are taken and stay
    /// open, and neither request nor reply passes. When it is healed all goes on its way, the
    /// requests of clients that gave up meanwhile too.
    pub fn hold(&self) {
        self.shared.change(|state| state.mode = Mode::Hold);
        drop(self.shared.wait_while(|state| !state.listening && state.mode == Mode::Hold));
    }

    /// No harm any more.
    pub fn heal(&self) {
        self.shared.change(|state| {
            state.mode = Mode::Relay;
            state.harm = None;
            state.next.clear();
        });
        drop(self.shared.wait_while(|state| !state.listening && state.mode == Mode::Relay));
    }

    /// How many requests came, harmed or not.
    pub fn requests(&self) -> u64 {
        self.shared.state().requests
    }

    /// What was done to the harmed requests, in their order.
    pub fn harms(&self) -> Vec<HarmKind> {
        self.shared.state().harms.clone()
    }

    /// How many connections a harmed request ended; those of [`cut_all`](Self::cut_all) not counted.
    pub fn cuts(&self) -> u64 {
        self.shared.state().harms.iter().filter(|kind| kind.cuts()).count() as u64
    }

    /// Lets the acceptor look at the state.
    fn wake(&self) {
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.mode = Mode::End;
            state.cut();
        });
        self.wake();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// Takes connections, and while they are to be refused does not listen, until the proxy ends.
fn accept(shared: &Shared, port: u16, upstream: u16) {
    thread::scope(|scope| {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .unwrap_or_else(|error| panic!("the proxy's port {port}: {error}"));
            shared.change(|state| state.listening = true);
            for client in listener.incoming().map_while(Result::ok) {
                if matches!(shared.state().mode, Mode::Refuse | Mode::End) {
                    break;
                }
                scope.spawn(move || relay::relay(shared, &client, upstream));
            }
            drop(listener);
            shared.change(|state| state.listening = false);
            if shared.wait_while(|state| state.mode == Mode::Refuse).mode == Mode::End {
                return;
            }
        }
    });
}
