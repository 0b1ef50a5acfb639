//! What the page must say, written down by the visitors as they go.

use super::page::{Page, name_of};
use crate::cart::Cart;
use crate::catalogue::{PRODUCTS, Product};
use std::collections::{BTreeMap, BTreeSet};

/// For each series, what it must be in the end.
#[derive(Default)]
pub(crate) struct Ledger {
    expected: BTreeMap<String, i64>,
}

impl Ledger {
    /// A shop where nothing has happened: nothing in flight, everything in stock.
    pub(crate) fn new() -> Self {
        let mut ledger = Self::default();
        ledger.count("shop_requests_in_flight".into(), 0);
        for product in &PRODUCTS {
            ledger.count(stock(product), product.stock.into());
        }
        ledger
    }

    /// One request was answered.
    pub(crate) fn answered(&mut self, method: &str, route: &str, status: u16) {
        let labels = format!("method={method:?},route={route:?},status=\"{status}\"");
        self.count(format!("shop_requests_total{{{labels}}}"), 1);
        self.count(format!("shop_request_seconds_count{{route={route:?}}}"), 1);
        self.count(format!("shop_request_seconds_bucket{{route={route:?},le=\"+Inf\"}}"), 1);
        if route == "/checkout" {
            self.count("shop_checkout_seconds_count".into(), 1);
            self.count("shop_checkout_errors_total".into(), (status != 201).into());
        }
    }

    /// A cart became an order.
    pub(crate) fn ordered(&mut self, channel: &str, country: &str, cart: &Cart) {
        self.count(format!("shop_orders_total{{channel={channel:?},country={country:?}}}"), 1);
        self.count("shop_basket_items_count".into(), 1);
        self.count("shop_basket_items_sum".into(), cart.items().into());
        for (product, quantity) in cart.lines() {
            let sold = format!("shop_items_sold_total{{product={:?}}}", product.name);
            self.count(sold, quantity.into());
            self.count(stock(product), -i64::from(quantity));
        }
    }

    /// There was too little left for a cart.
    pub(crate) fn sold_out(&mut self) {
        self.count("shop_sold_out_total".into(), 1);
    }

    fn count(&mut self, series: String, amount: i64) {
        *self.expected.entry(series).or_default() += amount;
    }

    /// Adds what another visitor wrote down.
    pub(crate) fn add(&mut self, other: Self) {
        for (series, amount) in other.expected {
            self.count(series, amount);
        }
    }

    /// Where the page says something else; also series that nobody caused.
    pub(crate) fn differences(&self, page: &Page) -> Vec<String> {
        let mut differences = Vec::new();
        for (series, expected) in &self.expected {
            let counted = page.value(series);
            if counted != *expected as f64 {
                differences.push(format!("{series}: expected {expected}, counted {counted}"));
            }
        }
        // Which bucket a request belongs to, its visitor cannot know.
        let names: BTreeSet<_> = self.expected.keys().map(|series| name_of(series)).collect();
        for name in names.into_iter().filter(|name| !name.ends_with("_bucket")) {
            for (series, counted) in page.of(name) {
                if counted != 0.0 && !self.expected.contains_key(series) {
                    differences.push(format!("{series}: expected nothing, counted {counted}"));
                }
            }
        }
        differences
    }

    /// The sum over all series of this name.
    pub(crate) fn sent(&self, name: &str) -> i64 {
        self.expected.iter().filter(|(series, _)| name_of(series) == name).map(|(_, n)| n).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.expected.len()
    }
}

fn stock(product: &Product) -> String {
    format!("shop_stock{{product={:?}}}", product.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "shop_requests_in_flight 0\n\
                        shop_requests_total{method=\"GET\",route=\"/\",status=\"200\"} 2\n\
                        shop_request_seconds_count{route=\"/\"} 2\n\
                        shop_request_seconds_bucket{route=\"/\",le=\"0.1\"} 1\n\
                        shop_request_seconds_bucket{route=\"/\",le=\"+Inf\"} 2\n";

    fn two_visits() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.answered("GET", "/", 200);
        ledger.answered("GET", "/", 200);
        ledger
    }

    #[test]
    fn a_page_that_says_the_same_has_no_differences() -> Result<(), crate::AnyError> {
        let page = Page::parse(PAGE.to_owned())?;
        assert!(two_visits().differences(&page).is_empty());
        Ok(())
    }

    #[test]
    fn too_much_too_little_and_what_nobody_sent_are_differences() -> Result<(), crate::AnyError> {
        let stray = "shop_requests_total{method=\"PUT\",route=\"/\",status=\"200\"} 1\n";
        let page =
            Page::parse(format!("{}{stray}", PAGE.replace("count{route=\"/\"} 2", "count 3")))?;
        assert_eq!(
            two_visits().differences(&page),
            [
                "shop_request_seconds_count{route=\"/\"}: expected 2, counted 0",
                "shop_request_seconds_count: expected nothing, counted 3",
                "shop_requests_total{method=\"PUT\",route=\"/\",status=\"200\"}: expected nothing, counted 1",
            ],
        );
        Ok(())
    }
}
