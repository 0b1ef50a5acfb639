//! What the threads of a proxy share.

use std::collections::{HashMap, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::harm::{Harm, HarmKind};

/// What happens to everything that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Relay,
    Hold,
    Refuse,
    /// The proxy is being dropped.
    End,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) mode: Mode,
    pub(super) listening: bool,
    pub(super) harm: Option<Harm>,
    /// Requests since that harm was told.
    pub(super) harm_requests: u64,
    /// Harm for the next requests, whatever else is chosen.
    pub(super) next: VecDeque<HarmKind>,
    pub(super) requests: u64,
    pub(super) harms: Vec<HarmKind>,
    /// Both ends of each open connection, by number.
    connections: HashMap<u64, [TcpStream; 2]>,
    accepted: u64,
}

impl State {
    /// Counts a request and says what happens to it.
    pub(super) fn request(&mut self) -> Option<HarmKind> {
        self.requests += 1;
        let number = self.harm_requests;
        self.harm_requests += 1;
        let next = self.next.pop_front();
        let kind = next.or_else(|| self.harm.as_ref()?.choose(number))?;
        self.harms.push(kind);
        Some(kind)
    }

    /// Ends all open connections; each says so to its own thread.
    pub(super) fn cut(&self) {
        for ends in self.connections.values() {
            cut(ends);
        }
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new() -> Self {
        let state = State {
            mode: Mode::Relay,
            listening: false,
            harm: None,
            harm_requests: 0,
            next: VecDeque::new(),
            requests: 0,
            harms: Vec::new(),
            connections: HashMap::new(),
            accepted: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it and tells everybody who waits.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits as long as this is so.
    pub(super) fn wait_while(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.changed.wait_while(self.state(), |state| is_so(state));
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for that long, or for the proxy's end.
    pub(super) fn delay(&self, duration: Duration) {
        let state = self.state();
        let _ = self.changed.wait_timeout_while(state, duration, |state| state.mode != Mode::End);
    }

    /// Makes a connection known to [`State::cut`]; nothing if the proxy ends.
    pub(super) fn connected(&self, client: &TcpStream, server: &TcpStream) -> Option<u64> {
        let ends = [client.try_clone().ok()?, server.try_clone().ok()?];
        let mut state = self.state();
        if state.mode == Mode::End {
            return None;
        }
        state.accepted += 1;
        let number = state.accepted;
        state.connections.insert(number, ends);
        Some(number)
    }

    /// Ends a connection.
    pub(super) fn disconnected(&self, number: u64) {
        if let Some(ends) = self.state().connections.remove(&number) {
            cut(&ends);
        }
    }
}

fn cut(ends: &[TcpStream; 2]) {
    for end in ends {
        // It may be over already.
        let _ = end.shutdown(Shutdown::Both);
    }
}
