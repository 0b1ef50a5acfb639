//! One connection through a proxy: request, harm, reply, and again.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::harm::HarmKind;
use super::resp;
use super::state::{Mode, Shared};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Relays until one side is gone or a harm ends it.
pub(super) fn relay(shared: &Shared, client: &TcpStream, upstream: u16) {
    // A server that refuses is a connection that ends.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let Some(number) = shared.connected(client, &server) else { return };
    let (waiting, gone) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sender, replies) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            read_replies(&server, sender);
            gone.store(true, Ordering::SeqCst);
            // A client that waits for nothing hears of it at once.
            if !waiting.load(Ordering::SeqCst) {
                let _ = client.shutdown(Shutdown::Both);
            }
        });
        let mut relay = Relay { shared, client, server: &server, replies, ahead: Vec::new() };
        while let Some(request) = relay.read_request() {
            waiting.store(true, Ordering::SeqCst);
            if relay.serve(&request).is_none() {
                break;
            }
            waiting.store(false, Ordering::SeqCst);
            if gone.load(Ordering::SeqCst) {
                break;
            }
        }
        shared.disconnected(number);
    });
}

/// Hands over what the server sends, until it hangs up or nobody takes it.
fn read_replies(mut server: &TcpStream, replies: Sender<Vec<u8>>) {
    while let Some(bytes) = read(&mut server) {
        if replies.send(bytes).is_err() {
            return;
        }
    }
}

struct Relay<'a> {
    shared: &'a Shared,
    client: &'a TcpStream,
    server: &'a TcpStream,
    replies: Receiver<Vec<u8>>,
    /// Read from the server, not yet part of a complete reply.
    ahead: Vec<u8>,
}

struct Request {
    bytes: Vec<u8>,
    commands: usize,
}

impl Relay<'_> {
    /// What the client sends up to the end of a command. Nothing when it is gone.
    fn read_request(&mut self) -> Option<Request> {
        let mut bytes = Vec::new();
        loop {
            bytes.extend(read(&mut self.client)?);
            if let Some(commands) = resp::commands(&bytes) {
                return Some(Request { bytes, commands });
            }
        }
    }

    /// Nothing when the connection is to end.
    fn serve(&mut self, request: &Request) -> Option<()> {
        let harm = self.shared.state().request();
        self.pass()?;
        match harm {
            None => {}
            Some(HarmKind::CutRequest) => {
                self.send(&request.bytes[..request.bytes.len() / 2]);
                return None;
            }
            Some(HarmKind::CutBeforeReply) => {
                self.send(&request.bytes);
                self.read_reply(request.commands);
                return None;
            }
            Some(HarmKind::CutReply) => {
                self.send(&request.bytes);
                let reply = self.read_reply(request.commands)?;
                self.pass()?;
                let _ = self.client.write_all(&reply[..reply.len() / 2]);
                return None;
            }
            Some(HarmKind::ForwardLate(delay)) => {
                let _ = self.client.shutdown(Shutdown::Both);
                self.shared.delay(delay);
                self.send(&request.bytes);
                self.read_reply(request.commands);
                return None;
            }
            Some(HarmKind::Swallow) => {
                while read(&mut self.client).is_some() {}
                return None;
            }
            Some(HarmKind::Delay(delay)) => self.shared.delay(delay),
        }
        self.send(&request.bytes);
        let reply = self.read_reply(request.commands)?;
        self.pass()?;
        self.client.write_all(&reply).ok()
    }

    /// Waits while everything is held back. Nothing when the proxy ends.
    fn pass(&self) -> Option<()> {
        let state = self.shared.wait_while(|state| state.mode == Mode::Hold);
        (state.mode != Mode::End).then_some(())
    }

    fn send(&mut self, bytes: &[u8]) {
        // A server that is gone gives no reply either, and that is noticed.
        let _ = self.server.write_all(bytes);
    }

    /// As many replies. When the server hangs up before, what there is of them; nothing if nothing.
    fn read_reply(&mut self, commands: usize) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = resp::replies(&self.ahead, commands) {
                return Some(self.ahead.drain(..end).collect());
            }
            match self.replies.recv() {
                Ok(bytes) => self.ahead.extend(bytes),
                Err(_) if self.ahead.is_empty() => return None,
                Err(_) => return Some(std::mem::take(&mut self.ahead)),
            }
        }
    }
}

/// The next bytes. Nothing at the end.
fn read(stream: &mut &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; CHUNK];
    let length = stream.read(&mut bytes).ok().filter(|&length| length > 0)?;
    bytes.truncate(length);
    Some(bytes)
}
