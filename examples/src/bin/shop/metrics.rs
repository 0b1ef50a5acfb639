//! What the shop counts.

use crate::AnyError;
use crate::catalogue::COUNTRIES;
use pytheus::{
    Counter, Family, Gauge, GaugeMode, Histogram, LabelSet, LabelValue, Partial, Registry,
    TypedFamily,
};
use std::collections::BTreeMap;

/// Method of a request. Clients may send any word, so the rest is one value.
#[derive(Debug, LabelValue)]
#[label(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Other,
}

/// The labels of an answered request.
#[derive(Debug, LabelSet)]
pub(crate) struct Answered<'a> {
    pub(crate) method: Method,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
}

/// Every metric of the shop.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) requests: TypedFamily<Counter, Answered<'static>>,
    pub(crate) request_seconds: Family<Histogram, 1>,
    in_flight: Gauge,
    /// For each country its view of the orders: the country is set, the channel is `web` unless an
    /// order says otherwise.
    pub(crate) orders: BTreeMap<&'static str, Partial<Counter>>,
    pub(crate) basket_items: Histogram,
    pub(crate) checkout_seconds: Histogram,
    pub(crate) checkout_errors: Counter,
    pub(crate) sold_out: Counter,
    pub(crate) items_sold: Family<Counter, 1>,
    pub(crate) stock: Family<Gauge, 1>,
}

/// A request that is being answered, until this is dropped: also if that is in the middle, because the
/// client has gone.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, AnyError> {
        let build = registry
            .info("build", "What runs here")
            .label_names(["version", "backend"])
            .register()?;
        build.with([env!("CARGO_PKG_VERSION"), registry.backend_name()]);
        // One for each process that serves; who is dead counts no more.
        let workers = registry
            .gauge("worker_processes", "Processes that serve now")
            .mode(GaugeMode::LiveSum)
            .register()?;
        workers.set(1);
        // An up-down counter would be faster, but is a sum over all that ever counted: a worker that is
        // killed while it answers never takes its request back. The live sum forgets the worker and
        // what it had in flight.
        let in_flight = registry
            .gauge("requests_in_flight", "Requests being answered now")
            .mode(GaugeMode::LiveSum)
            .register()?;
        in_flight.set(0);

        let orders = registry
            .counter("orders_total", "Orders placed")
            .label_names(["channel", "country"])
            .default_label("channel", "web")
            .register()?;
        let view = |country| Ok((country, orders.labels([("country", country)])?));

        Ok(Self {
            requests: registry
                .counter("requests_total", "Requests answered")
                .labels_of::<Answered<'_>>()
                .register()?,
            request_seconds: registry
                .histogram("request_seconds", "Time to answer a request")
                .unit("seconds")
                .buckets([0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0])
                .label_names(["route"])
                .register()?,
            in_flight,
            orders: COUNTRIES.into_iter().map(view).collect::<Result<_, AnyError>>()?,
            basket_items: registry
                .histogram("basket_items", "Items in an order")
                .buckets([1.0, 2.0, 3.0, 5.0, 10.0])
                .register()?,
            checkout_seconds: registry
                .histogram("checkout_seconds", "Time from a cart to an order, or to a refusal")
                .unit("seconds")
                .buckets([0.000_01, 0.000_1, 0.001, 0.01, 0.1])
                .register()?,
            checkout_errors: registry
                .counter("checkout_errors_total", "Checkouts that did not become an order")
                .register()?,
            sold_out: registry
                .counter("sold_out_total", "Checkouts refused because there was too little left")
                .register()?,
            items_sold: registry
                .counter("items_sold_total", "Items sold")
                .label_names(["product"])
                .register()?,
            // Every process has a warehouse of its own; what can be bought is their sum.
            stock: registry
                .gauge("stock", "Items in stock")
                .label_names(["product"])
                .mode(GaugeMode::LiveSum)
                .register()?,
        })
    }

    /// One more request is being answered.
    pub(crate) fn in_flight(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }
}
