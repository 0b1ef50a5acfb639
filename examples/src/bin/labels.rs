//! Three ways to name a series, side by side: by position with defaults behind them, label by label,
//! and as a struct. Each step prints the line of code and what it changed in the exposition.

#![forbid(unsafe_code)]

use pytheus::{LabelSet, LabelValue, Registry, exposition};
use std::collections::HashMap;
use std::error::Error;

#[derive(LabelValue)]
enum Payment {
    Card,
    BankTransfer,
}

#[derive(LabelSet)]
struct Paid<'a> {
    payment: Payment,
    country: &'a str,
    #[label(name = "type")]
    kind: &'static str,
}

/// Runs one expression, and prints it with the lines that it added or changed.
macro_rules! step {
    ($log:ident, $code:expr) => {{
        let value = $code;
        $log.step(stringify!($code))?;
        value
    }};
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new(pytheus::connect_env()?);
    let mut log = Log { registry: registry.clone(), seen: HashMap::new() };

    println!("# Defaults: country has none, channel is \"web\" where nobody says otherwise");
    let orders = registry
        .counter("orders_total", "Orders placed")
        .label_names(["channel", "country"])
        .default_label("channel", "web")
        .register()?;
    step!(log, orders.with(["phone", "fr"]).inc());
    step!(log, orders.labels([("country", "fr")])?.resolve()?.inc());
    // A default given explicitly is the same series.
    step!(log, orders.labels([("channel", "web"), ("country", "fr")])?.resolve()?.inc());

    println!("\n# Defaults for every label: the series is there from the start");
    let visits = registry
        .counter("visits_total", "Visits")
        .label_names(["site"])
        .default_label("site", "main")
        .register()?;
    log.step("visits is registered")?;
    step!(log, visits.resolve()?.inc_by(2));

    println!("\n# Partial labels: set now what is known now, in any order");
    let germany = step!(log, orders.labels([("country", "de")])?);
    step!(log, germany.resolve()?.inc());
    step!(log, germany.labels([("channel", "app")])?.resolve()?.inc_by(3));
    step!(log, germany.with(&["phone"])?.inc());
    let app = orders.labels([("channel", "app")])?;
    step!(log, app.labels([("country", "de")])?.resolve()?.inc());
    println!("app.resolve()\n    error: {}", app.resolve().err().ok_or("a label is missing")?);

    println!("\n# Typed labels: a struct, so that nothing can be forgotten or misspelt");
    let paid = registry.counter("payments_total", "Payments").labels_of::<Paid<'_>>().register()?;
    let country = String::from("de");
    let card = Paid { payment: Payment::Card, country: &country, kind: "order" };
    step!(log, paid.with(&card).inc());
    let transfer = Paid { payment: Payment::BankTransfer, country: &country, kind: "refund" };
    step!(log, paid.with(&transfer).inc());

    println!("\n# A handle is resolved once; from then on an update is a store to memory");
    let handle = step!(log, orders.with(["app", "de"]));
    step!(log, handle.inc_by(10));
    Ok(())
}

/// What has been exported so far.
struct Log {
    registry: Registry,
    seen: HashMap<String, String>,
}

impl Log {
    fn step(&mut self, code: &str) -> Result<(), Box<dyn Error>> {
        println!("{code}");
        let page = exposition::to_text(&self.registry)?;
        let mut changed = 0;
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').ok_or("a sample is a name and a value")?;
            if self.seen.insert(series.into(), value.into()).as_deref() != Some(value) {
                println!("    {line}");
                changed += 1;
            }
        }
        if changed == 0 {
            println!("    (no series made, none changed)");
        }
        Ok(())
    }
}
