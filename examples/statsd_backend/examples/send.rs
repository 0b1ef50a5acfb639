//! Ordinary instrumentation code, and the lines that a statsd server would receive.
//!
//! ```text
//! cargo run -p pytheus-statsd-backend-example --example send
//! ```
//!
//! The server is here too: a socket on a free port of this host.

use pytheus::{Backend, Registry};
use statsd_backend::StatsdConfig;
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    pytheus::register_scheme::<StatsdConfig>()?;

    let server = UdpSocket::bind("127.0.0.1:0")?;
    let url = format!("statsd://{}?prefix=shop", server.local_addr()?);
    println!("{url}\n");

    let backend = pytheus::connect(&url)?;
    serve_customers(backend.clone())?;

    // On one host a datagram is there once it is sent; nothing more will come.
    server.set_nonblocking(true)?;
    let mut datagram = [0; 2048];
    while let Ok(bytes) = server.recv(&mut datagram) {
        println!("{}", String::from_utf8_lossy(&datagram[..bytes]));
    }
    println!("\n{backend:?}");
    Ok(())
}

/// The application, which knows nothing of statsd.
fn serve_customers(backend: Arc<dyn Backend>) -> Result<(), Box<dyn Error>> {
    let registry = Registry::new(backend);
    let orders = registry
        .counter("orders_total", "Orders placed")
        .label_names(["channel", "country"])
        .default_label("channel", "web")
        .register()?;
    let latency = registry.histogram("latency_seconds", "Time to answer").register()?;
    let in_flight = registry.up_down_counter("in_flight", "Requests being answered").register()?;
    let stock = registry.gauge("stock", "Articles there are").register()?;
    let door = registry.state_set("door", "The door").states(["open", "shut"]).register()?;

    stock.set(12);
    door.only("open")?;
    {
        let _request = in_flight.in_flight();
        orders.with(["phone", "fr"]).inc();
        orders.labels([("country", "de")])?.resolve()?.inc_by(3);
        latency.observe(0.25);
    }
    stock.add(-4);
    Ok(())
}
