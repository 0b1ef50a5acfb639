//! The shop itself, without HTTP: from a cart to an order.

use crate::AnyError;
use crate::cart::Cart;
use crate::catalogue::{CHANNELS, COUNTRIES};
use crate::metrics::Metrics;
use crate::warehouse::{SoldOut, Warehouse};
use pytheus::{LabelError, Registry, counted_errors, timed};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many orders are remembered.
const REMEMBERED: usize = 10;

/// A shop of one process: a till with a stock room of its own. Where several processes serve, each is
/// one of the shop's tills, and what they count is the shop's.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) registry: Registry,
    pub(crate) metrics: Metrics,
    warehouse: Warehouse,
    latest: Mutex<VecDeque<Order>>,
}

/// What was bought.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) items: u32,
    pub(crate) cents: u64,
    pub(crate) country: &'static str,
}

/// Why a cart did not become an order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckoutError {
    #[error("the cart is empty")]
    Empty,
    #[error("no delivery to {0:?}; countries: {COUNTRIES:?}")]
    Country(String),
    #[error("unknown channel {0:?}; channels: {CHANNELS:?}")]
    Channel(String),
    #[error(transparent)]
    SoldOut(#[from] SoldOut),
    /// A mistake in the shop's own code.
    #[error(transparent)]
    Labels(#[from] LabelError),
}

impl Store {
    pub(crate) fn open(registry: Registry) -> Result<Self, AnyError> {
        let metrics = Metrics::register(&registry)?;
        let warehouse = Warehouse::new(&metrics.stock);
        Ok(Self { registry, metrics, warehouse, latest: Mutex::default() })
    }

    /// Makes an order of a cart.
    #[timed(self.metrics.checkout_seconds)]
    #[counted_errors(self.metrics.checkout_errors)]
    pub(crate) fn checkout(
        &self,
        cart: &Cart,
        country: &str,
        channel: Option<&str>,
    ) -> Result<Order, CheckoutError> {
        let Some((country, orders)) = self.metrics.orders.get_key_value(country) else {
            return Err(CheckoutError::Country(country.to_owned()));
        };
        if let Some(channel) = channel.filter(|channel| !CHANNELS.contains(channel)) {
            return Err(CheckoutError::Channel(channel.to_owned()));
        }
        if cart.is_empty() {
            return Err(CheckoutError::Empty);
        }
        self.metrics.sold_out.count_err(self.warehouse.take(cart))?;

        // The country's view lacks the channel only, and that has a default.
        let orders = match channel {
            Some(channel) => orders.labels([("channel", channel)])?.resolve()?,
            None => orders.resolve()?,
        };
        orders.inc();
        self.metrics.basket_items.observe(cart.items());
        for (product, quantity) in cart.lines() {
            self.metrics.items_sold.with([product.name]).inc_by(quantity);
        }
        let order = Order { items: cart.items(), cents: cart.cents(), country };
        self.remember(order.clone());
        Ok(order)
    }

    /// The latest orders of this process, newest first.
    pub(crate) fn latest(&self) -> Vec<Order> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.iter().rev().cloned().collect()
    }

    fn remember(&self, order: Order) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.push_back(order);
        if latest.len() > REMEMBERED {
            latest.pop_front();
        }
    }
}
