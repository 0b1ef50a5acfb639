//! A web shop that counts what happens in it: orders by channel and country, requests and their
//! latency by route, what is being answered now, what is in stock, what went wrong.
//!
//! `shop` serves; `shop --demo` serves, orders from itself over TCP for five seconds, scrapes itself,
//! and checks that what was counted is what was sent. `shop --help` says the rest.

#![forbid(unsafe_code)]

mod cart;
mod catalogue;
mod demo;
mod metrics;
mod options;
mod routes;
mod server;
mod store;
mod warehouse;

use options::{Asked, Options};
use pytheus::{Backend, Registry};
use std::error::Error;
use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;

type AnyError = Box<dyn Error + Send + Sync>;

/// A demo that did not add up, or a shop that could not be opened.
const FAILED: u8 = 1;
/// A command line or a configuration that makes no sense.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Shop(options)) => options,
        Ok(Asked::Help) => return finish(say(options::HELP).map(|()| true)),
        Err(mistake) => return misused(&mistake),
    };
    let backend = match &options.backend {
        Some(url) => pytheus::connect(url),
        None => pytheus::connect_env(),
    };
    match backend {
        Ok(backend) => finish(run(&options, backend)),
        Err(error) => misused(&error),
    }
}

/// Makes a shop on `backend`, and opens it. Returns whether all is well.
fn run(options: &Options, backend: Arc<dyn Backend>) -> Result<bool, AnyError> {
    let listener = server::listen(&options.listen)?;
    let registry = Registry::builder(backend).prefix("shop").build()?;
    let store = Arc::new(Store::open(registry.clone())?);

    let runtime = tokio::runtime::Runtime::new()?;
    let well = match options.demo {
        Some(time) => runtime.block_on(demo::run(listener, store, time))?,
        None => runtime.block_on(open(listener, store))?,
    };
    registry.close_blocking()?;
    Ok(well)
}

/// Serves until somebody closes the shop.
async fn open(listener: TcpListener, store: Arc<Store>) -> Result<bool, AnyError> {
    let stop = server::asked_to_stop()?;
    say(&format!(
        "the shop is open at     http://{address}/\n\
         its metrics are at      http://{address}/metrics\n\
         they are kept in        {backend}:\n\
         Ctrl-C closes it\n",
        address = listener.local_addr()?,
        backend = store.registry.backend_name(),
    ))?;
    server::serve(listener, store, stop).await?;
    say("the shop is closed\n")?;
    Ok(true)
}

fn say(text: &str) -> Result<(), AnyError> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn misused(error: &dyn Error) -> ExitCode {
    complain(error);
    eprintln!("shop --help tells what is allowed");
    MISUSED.into()
}

fn finish(outcome: Result<bool, AnyError>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => FAILED.into(),
        Err(error) => {
            complain(&*error);
            FAILED.into()
        }
    }
}

fn complain(error: &dyn Error) {
    eprint!("shop: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
}
