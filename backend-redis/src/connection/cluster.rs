//! Servers that have a part of the keys each.

use super::errors::{self, Advice};
use super::link::Link;
use super::slots::{Map, Redirect, slot};
use super::{Attempts, pipeline};
use crate::config::{Address, Target};
use pytheus_core::BackendError;
use pytheus_core::BackendErrorKind::{Other, Unavailable, Unsupported};
use redis::{Pipeline, Value};
use std::collections::HashMap;

/// How often in a row a command is sent elsewhere. A slot that moves takes one or two.
const MOST_REDIRECTS: usize = 5;

#[derive(Debug)]
pub(super) struct Cluster {
    seeds: Vec<Address>,
    /// The node to ask first.
    first: usize,
    map: Map,
    /// Whether the map is to be asked for before it is used.
    is_stale: bool,
    links: HashMap<Address, Link>,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>) -> Self {
        Self { seeds, first: 0, map: Map::default(), is_stale: true, links: HashMap::new() }
    }

    /// Learns who has which slots, unless that is known.
    pub(super) fn connect(&mut self, target: &Target) -> Result<(), BackendError> {
        if self.is_stale {
            self.learn(target)?;
        }
        Ok(())
    }

    /// The answers, and the node that gave the last of them.
    pub(super) fn send(
        &mut self,
        target: &Target,
        key: &[u8],
        commands: &Pipeline,
    ) -> Result<(Address, Vec<Value>), BackendError> {
        self.connect(target)?;
        let slot = slot(key);
        let Some(mut node) = self.map.owner(slot).cloned() else {
            self.is_stale = true;
            return Err(errors::new(
                Unavailable,
                format!("no node of the cluster has slot {slot}, in which key {} is", shown(key)),
            ));
        };
        let mut answers = vec![Value::Nil; commands.len()];
        let mut open: Vec<usize> = (0..commands.len()).collect();
        let mut asking = false;
        for _ in 0..=MOST_REDIRECTS {
            let part = self.exchange(target, &node, commands, &open, asking)?;
            let mut moved = None;
            let mut ask = None;
            let mut refused = Vec::new();
            for (number, answer) in open.iter().zip(part) {
                match Redirect::read(&answer, &node) {
                    Some(Redirect::Moved { slot, to }) => moved = Some((slot, to)),
                    Some(Redirect::Ask { to }) => ask = Some(to),
                    None => {
                        answers[*number] = answer;
                        continue;
                    }
                }
                refused.push(*number);
                answers[*number] = answer;
            }
            (node, asking) = match (moved, ask) {
                (Some((slot, to)), _) => {
                    self.map.set(slot, to.clone());
                    (to, false)
                }
                (None, Some(to)) => (to, true),
                (None, None) => return Ok((node, answers)),
            };
            // Of a transaction, nothing was done.
            if !commands.is_transaction() {
                open = refused;
            }
        }
        self.is_stale = true;
        Ok((node, answers))
    }

    /// The map may be wrong.
    pub(super) fn doubt(&mut self) {
        self.is_stale = true;
    }

    fn exchange(
        &mut self,
        target: &Target,
        node: &Address,
        commands: &Pipeline,
        which: &[usize],
        asking: bool,
    ) -> Result<Vec<Value>, BackendError> {
        let link = match self.links.remove(node).and_then(Link::if_quiet) {
            Some(link) => Ok(link),
            None => Link::open(node, target, &target.login, 0, target.deadline()),
        };
        let done = link.and_then(|link| pipeline::exchange(link, commands, which, asking));
        match done {
            Ok((link, answers)) => {
                self.links.insert(node.clone(), link);
                Ok(answers)
            }
            Err(error) => {
                // Another node may have taken over.
                self.is_stale = true;
                Err(error)
            }
        }
    }

    /// Asks one node after the other who has which slots.
    fn learn(&mut self, target: &Target) -> Result<(), BackendError> {
        let mut nodes = self.map.masters().to_vec();
        nodes.extend(self.seeds.iter().filter(|seed| !self.map.masters().contains(seed)).cloned());
        // One that has just answered is the likeliest to answer again.
        nodes.sort_by_key(|node| !self.links.contains_key(node));
        let mut attempts = Attempts::new(target);
        for step in 0..nodes.len() {
            let number = (self.first + step) % nodes.len();
            match self.ask(&nodes[number], target) {
                Ok(map) => {
                    self.links.retain(|node, _| map.masters().contains(node));
                    self.map = map;
                    self.is_stale = false;
                    self.first = 0;
                    return Ok(());
                }
                Err(error) => {
                    if !attempts.failed(error) {
                        // The next time begins where this one ended.
                        self.first = number + 1;
                        break;
                    }
                }
            }
        }
        Err(attempts.into_error())
    }

    fn ask(&mut self, node: &Address, target: &Target) -> Result<Map, BackendError> {
        let deadline = target.deadline();
        let link = match self.links.remove(node).and_then(Link::if_quiet) {
            Some(link) => link,
            None => Link::open(node, target, &target.login, 0, deadline)?,
        };
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        let (link, answer) =
            link.ask(&question, Advice::new(target), deadline).map_err(|error| {
                if !error.message.contains("cluster support disabled") {
                    return error;
                }
                let todo = "leave out option \"cluster\" and name one server";
                errors::new(Unsupported, format!("{node} does not belong to a cluster; {todo}"))
            })?;
        let map = Map::read(&answer, node).ok_or_else(|| {
            errors::new(Other, format!("{node} answers CLUSTER SLOTS with something else"))
        })?;
        self.links.insert(node.clone(), link);
        Ok(map)
    }
}

fn shown(key: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(key))
}
