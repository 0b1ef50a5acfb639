//! A connection to a server, which is made again when it broke.

use crate::RedisConfig;
use crate::errors::client_error;
use pytheus_core::BackendError;
use redis::{ConnectionLike, Pipeline, Value};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Connection {
    client: redis::Client,
    open: Option<redis::Connection>,
}

impl Connection {
    pub(crate) fn open(config: &RedisConfig) -> Result<Self, BackendError> {
        let client = redis::Client::open(config.url.as_str()).map_err(|e| client_error(&e))?;
        Ok(Self { client, open: None })
    }

    /// Sends the commands in one go to the node that is master of the slot of `key`, and returns the
    /// replies in order. A reply that is a server error stands as such in its place.
    pub(crate) fn send(
        &mut self,
        _key: &[u8],
        commands: &Pipeline,
    ) -> Result<Vec<Value>, BackendError> {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => self.connect().map_err(|e| client_error(&e))?,
        };
        let packed = commands.get_packed_pipeline();
        let replies = connection
            .req_packed_commands(&packed, 0, commands.len())
            .map_err(|e| client_error(&e))?;
        self.open = Some(connection);
        Ok(replies)
    }

    fn connect(&self) -> redis::RedisResult<redis::Connection> {
        let connection = self.client.get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        Ok(connection)
    }

    pub(crate) fn is_cluster(&self) -> bool {
        false
    }
}
