//! Servers that know which server is the master.

use super::errors::{self, Advice};
use super::link::Link;
use super::{Attempts, text};
use crate::config::{Address, Login, Target};
use pytheus_core::BackendError;
use pytheus_core::BackendErrorKind::{Other, Unavailable};
use redis::Value;

#[derive(Debug)]
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    master: String,
    login: Login,
    /// The one to ask first: the one that answered last.
    first: usize,
}

impl Sentinels {
    pub(super) fn new(addresses: Vec<Address>, master: String, login: Login) -> Self {
        Self { addresses, master, login, first: 0 }
    }

    /// A connection to the master. A sentinel that does not know, or still names the old one, is not
    /// the last to be asked.
    pub(super) fn connect(&mut self, target: &Target) -> Result<Link, BackendError> {
        let mut attempts = Attempts::new(target);
        for step in 0..self.addresses.len() {
            let number = (self.first + step) % self.addresses.len();
            match self.connect_through(&self.addresses[number], target) {
                Ok(link) => {
                    self.first = number;
                    return Ok(link);
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

    fn connect_through(&self, sentinel: &Address, target: &Target) -> Result<Link, BackendError> {
        let address = self.ask(sentinel, target)?;
        let deadline = target.deadline();
        let (link, role) = Link::open(&address, target, &target.login, target.db, deadline)
            .and_then(|link| link.ask(&redis::cmd("ROLE"), Advice::new(target), deadline))
            .map_err(|mut error| {
                let master = &self.master;
                error.message = format!("the master of {master:?}: {}", error.message);
                error
            })?;
        let role = match &role {
            Value::Array(items) => items.first().and_then(text),
            _ => None,
        };
        if role.as_deref() == Some("master") {
            return Ok(link);
        }
        let role = role.unwrap_or_else(|| "something else".to_owned());
        Err(errors::new(
            Unavailable,
            format!(
                "sentinel {sentinel} names {address} as master of {:?}, which says it is {role}; a \
                 fail-over may be under way",
                self.master,
            ),
        ))
    }

    /// The address of the master, as the sentinel knows it.
    fn ask(&self, sentinel: &Address, target: &Target) -> Result<Address, BackendError> {
        let advice = Advice::new(target).at(&self.login);
        let deadline = target.deadline();
        let link = Link::open(sentinel, target, &self.login, 0, deadline)?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let (link, answer) = link.ask(&question, advice, deadline)?;
        if let Value::Array(parts) = &answer
            && let [host, port] = parts.as_slice()
            && let (Some(host), Some(port)) = (text(host), text(port))
            && let Ok(port) = port.parse()
        {
            return Ok(Address::Tcp { host, port });
        }
        let mut question = redis::cmd("SENTINEL");
        question.arg("MASTERS");
        let (_, masters) = link.ask(&question, advice, deadline)?;
        Err(errors::new(
            Other,
            format!(
                "sentinel {sentinel} knows no master {:?} (option \"sentinel_master\"); it knows {:?}",
                self.master,
                names(&masters),
            ),
        ))
    }
}

/// The names in an answer to `SENTINEL MASTERS`, a list of lists of alternating names and values.
fn names(masters: &Value) -> Vec<String> {
    let Value::Array(masters) = masters else { return Vec::new() };
    let name = |master: &Value| match master {
        Value::Array(fields) => fields
            .chunks_exact(2)
            .find(|field| text(&field[0]).as_deref() == Some("name"))
            .and_then(|field| text(&field[1])),
        _ => None,
    };
    masters.iter().filter_map(name).collect()
}
