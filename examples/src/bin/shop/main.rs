//! A web shop that counts what happens in it: orders by channel and country, requests and their
//! latency by route, what is being answered now, what is in stock, what went wrong.
//!
//! `shop` serves, with `--workers` from several processes that share one set of metrics. `shop --demo`
//! serves, orders from itself over TCP for five seconds, kills one of its workers meanwhile, scrapes
//! itself, and checks that what was counted is what was answered. `shop --help` says the rest.

#![forbid(unsafe_code)]

mod cart;
mod catalogue;
mod crew;
mod demo;
mod metrics;
mod options;
mod routes;
mod server;
mod staff;
mod store;
mod warehouse;
mod worker;

use crew::Leave;
use options::{Asked, Mistake, Options};
use pytheus::{Backend, ConfigError, Registry};
use staff::Staff;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;
use tempfile::TempDir;
use tokio::runtime::Runtime;

type AnyError = Box<dyn Error + Send + Sync>;

/// A demo that did not add up, or a shop that could not be opened.
const FAILED: u8 = 1;
/// A command line or a configuration that makes no sense.
const MISUSED: u8 = 2;

const WORKERS_IN_DEMO: u16 = 4;

fn main() -> ExitCode {
    match Options::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Shop(options)) => shop(options),
        Ok(Asked::Worker(url)) => worker(url.as_deref()),
        Ok(Asked::Help) => finish(say(options::HELP).map(|()| true)),
        Err(mistake) => misused(&mistake),
    }
}

fn shop(mut options: Options) -> ExitCode {
    // Removed when this function returns, so after everything else has ended.
    let folder = match folder_of_demo(&options) {
        Ok(folder) => folder,
        Err(error) => return finish(Err(error.into())),
    };
    if let Some(folder) = &folder {
        options.backend = Some(format!("shm://{}", folder.path().join("shop").display()));
    }
    let backend = match connect(options.backend.as_deref()) {
        Ok(backend) => backend,
        Err(error) => return misused(&error),
    };
    let is_shared = backend.name() != "local";
    let usual = if options.demo.is_some() && is_shared { WORKERS_IN_DEMO } else { 1 };
    let workers = options.workers.unwrap_or(usual);
    if workers > 1 && !is_shared {
        return misused(&Mistake::OneProcess { workers, backend: backend.name() });
    }
    let told = match (&folder, &options.backend) {
        (Some(_), Some(url)) => say(&format!("the metrics are in {url} meanwhile\n")),
        _ => Ok(()),
    };
    finish(told.and_then(|()| run(options, backend, workers)))
}

/// A folder for a segment, if it is a demo and nobody says where the metrics are to be kept.
fn folder_of_demo(options: &Options) -> io::Result<Option<TempDir>> {
    const SHARED_MEMORY: &str = "/dev/shm";
    let is_said = options.backend.is_some()
        || ["PYTHEUS_BACKEND", "PYTHEUS_BACKEND_CONFIG"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    // Segments need Linux; elsewhere it is a demo of one process.
    if options.demo.is_none() || is_said || !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("pytheus-shop-");
    if Path::new(SHARED_MEMORY).is_dir() {
        return folder.tempdir_in(SHARED_MEMORY).map(Some);
    }
    folder.tempdir().map(Some)
}

fn connect(url: Option<&str>) -> Result<Arc<dyn Backend>, ConfigError> {
    match url {
        Some(url) => pytheus::connect(url),
        None => pytheus::connect_env(),
    }
}

/// Opens a shop whose metrics are on `backend`. Returns whether all is well.
fn run(options: Options, backend: Arc<dyn Backend>, workers: u16) -> Result<bool, AnyError> {
    let listener = server::listen(&options.listen)?;
    let address = listener.local_addr()?;
    // In memory, what was counted is there at once; a server is told from time to time.
    let is_memory = ["local", "shm"].contains(&backend.name());
    let leave = if is_memory { Leave::Killed } else { Leave::SentHome };
    let registry = Registry::builder(backend).prefix("shop").build()?;
    let well = Runtime::new()?.block_on(async {
        let stop = server::asked_to_stop()?;
        let staff = match workers {
            1 => Staff::alone(listener, Store::open(registry.clone())?),
            _ => Staff::crew(listener, options.backend, workers).await?,
        };
        let well = match options.demo {
            Some(time) => tokio::select! {
                well = demo::run(address, &staff, leave, time) => well,
                () = stop => Err("the demo was stopped".into()),
            },
            None => {
                say(&sign(address, &registry))?;
                stop.await;
                Ok(true)
            }
        };
        let gone = staff.go_home().await;
        well.and_then(|well| gone.map(|()| well))
    })?;
    registry.close_blocking()?;
    if options.demo.is_none() {
        say("the shop is closed\n")?;
    }
    Ok(well)
}

/// What a shop says when it is open.
fn sign(address: SocketAddr, registry: &Registry) -> String {
    format!(
        "the shop is open at     http://{address}/\n\
         its metrics are at      http://{address}/metrics\n\
         they are kept in        {}:\n\
         Ctrl-C closes it\n",
        registry.backend_name(),
    )
}

/// Serves, as one of several processes, for the one that started it.
fn worker(url: Option<&str>) -> ExitCode {
    let backend = match connect(url) {
        Ok(backend) => backend,
        Err(error) => return misused(&error),
    };
    let work = || -> Result<bool, AnyError> {
        let registry = Registry::builder(backend).prefix("shop").build()?;
        let store = Arc::new(Store::open(registry.clone())?);
        // The others' pages show its stock from its first customer on.
        registry.flush_blocking()?;
        Runtime::new()?.block_on(worker::work(store))?;
        registry.close_blocking()?;
        Ok(true)
    };
    finish(work())
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
