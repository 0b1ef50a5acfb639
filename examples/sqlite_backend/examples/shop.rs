//! Three worker processes count in one database; then the page with what all of them counted.
//!
//! ```text
//! cargo run -p pytheus-sqlite-backend-example --example shop
//! ```

use pytheus::{Backend, Registry};
use pytheus_exposition::encode_text;
use sqlite_backend::SqliteConfig;
use std::error::Error;
use std::process::{Child, Command};
use std::sync::Arc;
use std::{env, io};

const WORKERS: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    pytheus::register_scheme::<SqliteConfig>()?;
    let mut arguments = env::args().skip(1);
    if let (Some(url), Some(channel)) = (arguments.next(), arguments.next()) {
        return serve_customers(&channel, pytheus::connect(&url)?);
    }

    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/metrics.db?interval=1s", folder.path().display());
    println!("{url}");
    let program = env::current_exe()?;
    let start = |channel| Command::new(&program).args([url.as_str(), channel]).spawn();
    let workers = ["web", "phone", "web"].map(start);
    for worker in workers {
        let mut worker: Child = worker?;
        println!("worker {} ended: {}", worker.id(), worker.wait()?);
    }

    println!("\nwhat the {WORKERS} of them counted:\n");
    let backend = pytheus::connect(&url)?;
    encode_text(&backend.collect_blocking()?, &mut io::stdout().lock())?;
    Ok(())
}

/// The application, which knows nothing of SQLite.
fn serve_customers(channel: &str, backend: Arc<dyn Backend>) -> Result<(), Box<dyn Error>> {
    let registry = Registry::new(backend);
    let orders = registry.counter("orders_total", "Orders placed").label_names(["channel"]);
    let orders = orders.register()?;
    let latency = registry.histogram("latency_seconds", "Time to answer").buckets([0.1, 1.0]);
    let latency = latency.register()?;
    let stock = registry.up_down_counter("stock", "Articles there are").register()?;
    for customer in 0..1_000 {
        orders.with([channel]).inc();
        latency.observe(f64::from(customer % 4) / 4.0);
        stock.add(-1);
    }
    registry.close_blocking()?;
    Ok(())
}
