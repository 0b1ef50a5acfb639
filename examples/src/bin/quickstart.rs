//! Counts orders, times an answer, and prints what a scrape would show.

use pytheus::{Registry, exposition};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::builder(pytheus::connect_env()?).prefix("shop").build()?;
    let orders = registry
        .counter("orders_total", "Orders placed")
        .label_names(["channel", "country"])
        .default_label("channel", "web")
        .register()?;
    let latency =
        registry.histogram("latency_seconds", "Time to answer").buckets([0.1, 1.0]).register()?;

    orders.with(["phone", "fr"]).inc(); // every label, in declared order
    let germany = orders.labels([("country", "de")])?; // a view with one label set
    germany.resolve()?.inc_by(3); // channel="web", the default
    germany.labels([("channel", "app")])?.resolve()?.inc();
    latency.observe(0.25);

    exposition::encode_text(&registry.collect_blocking()?, std::io::stdout())?;
    Ok(())
}
