//! What a client does that counts in a hash, and takes no care that each amount counts once.

use super::series::name;
use super::server::start;
use crate::BoxError;
use pytheus_test_servers::{Server, redis};
use std::time::{Duration, Instant};

const KEY: &str = "counters";

/// As many as a batch of pytheus has.
const AT_ONCE: usize = 500;

/// How a hash is added to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command {
    /// `HINCRBY` with 1.
    Whole,
    /// `HINCRBYFLOAT` with 0.5.
    Fraction,
}

impl Command {
    fn put(self, pipeline: &mut redis::Pipeline, name: &str) {
        match self {
            Self::Whole => pipeline.cmd("HINCRBY").arg(KEY).arg(name).arg(1),
            Self::Fraction => pipeline.cmd("HINCRBYFLOAT").arg(KEY).arg(name).arg(0.5),
        };
    }

    fn amount(self) -> f64 {
        match self {
            Self::Whole => 1.0,
            Self::Fraction => 0.5,
        }
    }
}

/// A client, its connection, and its server.
pub(super) struct Unguarded {
    command: Command,
    names: Vec<String>,
    connection: redis::Connection,
    total: f64,
    server: Server,
}

impl Unguarded {
    pub(super) fn new(command: Command, series: usize) -> Result<Self, BoxError> {
        let server = start()?;
        let connection = server.client().get_connection()?;
        let names = (0..series).map(name).collect();
        Ok(Self { command, names, connection, total: 0.0, server })
    }

    /// How many fields.
    pub(super) fn names(&self) -> usize {
        self.names.len()
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Adds to all of them; how long that took.
    pub(super) fn add(&mut self) -> Result<Duration, BoxError> {
        let began = Instant::now();
        for names in self.names.chunks(AT_ONCE) {
            let mut pipeline = redis::Pipeline::with_capacity(names.len());
            names.iter().for_each(|name| self.command.put(&mut pipeline, name));
            let _: Vec<redis::Value> = pipeline.query(&mut self.connection)?;
        }
        let took = began.elapsed();
        self.total += self.names.len() as f64 * self.command.amount();
        Ok(took)
    }

    /// Whether the server has all of it.
    pub(super) fn check(&self) -> Result<(), BoxError> {
        let values: Vec<f64> = self.server.query(["HVALS", KEY]);
        let found = (values.len(), values.iter().sum::<f64>());
        let expected = (self.names.len(), self.total);
        if found == expected {
            return Ok(());
        }
        Err(format!("fields and their sum are {found:?} instead of {expected:?}").into())
    }
}
