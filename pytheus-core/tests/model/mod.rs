//! A registry beside a plain map that does the same, and random things to do to both.

mod oracle;
mod page;
mod run;
mod subject;
mod thing;
mod workers;

pub(crate) use run::Run;
pub(crate) use thing::case;
