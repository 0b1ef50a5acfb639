//! What the metrics must say, written down by the visitors as they go.

use super::page::{Page, name_of};
use crate::cart::Cart;
use crate::catalogue::Product;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// For each series, by how much it must have changed in the end.
#[derive(Default)]
pub(crate) struct Ledger {
    changes: BTreeMap<String, Change>,
    /// What each worker sold. A worker's stock is its own, and gone with it.
    sold: BTreeMap<(u32, &'static str), i64>,
    /// The processes that answered.
    workers: BTreeSet<u32>,
    answered: i64,
    lost: i64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// It was answered, so it must have been counted.
    Answered,
    /// Its worker was killed. Nobody knows how far it had come: it may have been counted, or half of it.
    Lost,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Change {
    sure: i64,
    /// Up to so much more.
    unsure: i64,
}

impl Change {
    fn is_kept_by(self, change: f64) -> bool {
        (self.sure as f64..=(self.sure + self.unsure) as f64).contains(&change)
    }
}

/// `3`, or `3 to 4`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sure)?;
        if self.unsure > 0 {
            write!(f, " to {}", self.sure + self.unsure)?;
        }
        Ok(())
    }
}

impl Ledger {
    /// One request had this answer or, if it was lost, would have had one of these.
    pub(crate) fn request(&mut self, fate: Fate, method: &str, route: &str, statuses: &[u16]) {
        match fate {
            Fate::Answered => self.answered += 1,
            Fate::Lost => self.lost += 1,
        }
        for status in statuses {
            let labels = format!("method={method:?},route={route:?},status=\"{status}\"");
            self.count(fate, format!("shop_requests_total{{{labels}}}"), 1);
        }
        self.count(fate, format!("shop_request_seconds_count{{route={route:?}}}"), 1);
        let all = format!("shop_request_seconds_bucket{{route={route:?},le=\"+Inf\"}}");
        self.count(fate, all, 1);
        if route == "/checkout" {
            let refused = statuses.iter().any(|status| *status != 201);
            self.count(fate, "shop_checkout_seconds_count".into(), 1);
            self.count(fate, "shop_checkout_errors_total".into(), refused.into());
        }
    }

    /// This process answered.
    pub(crate) fn answered_by(&mut self, worker: u32) {
        self.workers.insert(worker);
    }

    /// A cart became an order.
    pub(crate) fn ordered(&mut self, fate: Fate, channel: &str, country: &str, cart: &Cart) {
        let orders = format!("shop_orders_total{{channel={channel:?},country={country:?}}}");
        self.count(fate, orders, 1);
        self.count(fate, "shop_basket_items_count".into(), 1);
        self.count(fate, "shop_basket_items_sum".into(), cart.items().into());
        for (product, quantity) in cart.lines() {
            let sold = format!("shop_items_sold_total{{product={:?}}}", product.name);
            self.count(fate, sold, quantity.into());
        }
    }

    /// A worker took from its stock.
    pub(crate) fn taken_from_stock(&mut self, worker: u32, cart: &Cart) {
        for (Product { name, .. }, quantity) in cart.lines() {
            *self.sold.entry((worker, name)).or_default() += i64::from(quantity);
        }
    }

    /// There was too little left for a cart.
    pub(crate) fn sold_out(&mut self, fate: Fate) {
        self.count(fate, "shop_sold_out_total".into(), 1);
    }

    fn count(&mut self, fate: Fate, series: String, amount: i64) {
        let change = self.changes.entry(series).or_default();
        match fate {
            Fate::Answered => change.sure += amount,
            Fate::Lost => change.unsure += amount,
        }
    }

    /// Adds what another visitor wrote down.
    pub(crate) fn add(&mut self, other: Self) {
        for (series, Change { sure, unsure }) in other.changes {
            let change = self.changes.entry(series).or_default();
            change.sure += sure;
            change.unsure += unsure;
        }
        for (sold, quantity) in other.sold {
            *self.sold.entry(sold).or_default() += quantity;
        }
        self.workers.extend(other.workers);
        self.answered += other.answered;
        self.lost += other.lost;
    }

    /// Ends the day: nothing is in flight, as many serve as in the morning, and what the workers sold is
    /// missing in their stock. Who was killed took its stock along, and another one came with as much.
    pub(crate) fn close(&mut self, killed: Option<u32>) {
        for idle in ["shop_requests_in_flight", "shop_worker_processes"] {
            self.count(Fate::Answered, idle.into(), 0);
        }
        for ((worker, product), quantity) in std::mem::take(&mut self.sold) {
            if Some(worker) != killed {
                self.count(Fate::Answered, format!("shop_stock{{product={product:?}}}"), -quantity);
            }
        }
    }

    /// Where the change between two pages is another one; also series that nobody caused to change.
    pub(crate) fn differences(&self, before: &Page, after: &Page) -> Vec<String> {
        let mut differences = Vec::new();
        let counted = |series: &str| after.value(series) - before.value(series);
        for (series, expected) in &self.changes {
            let counted = counted(series);
            if !expected.is_kept_by(counted) {
                differences.push(format!("{series}: expected {expected}, counted {counted}"));
            }
        }
        // Which bucket a request belongs to, its visitor cannot know.
        let names: BTreeSet<_> = self.changes.keys().map(|series| name_of(series)).collect();
        for name in names.into_iter().filter(|name| !name.ends_with("_bucket")) {
            for (series, _) in after.of(name) {
                if counted(series) != 0.0 && !self.changes.contains_key(series) {
                    let counted = counted(series);
                    differences.push(format!("{series}: expected nothing, counted {counted}"));
                }
            }
        }
        // Each lost request once, whichever its answer would have been.
        let name = "shop_requests_total";
        let all = Change { sure: self.answered, unsure: self.lost };
        let counted = after.total(name) - before.total(name);
        if !all.is_kept_by(counted) {
            differences.push(format!("{name}, all of them: expected {all}, counted {counted}"));
        }
        differences
    }

    /// The sum over all series of this name.
    pub(crate) fn sure(&self, name: &str) -> i64 {
        let of_name = self.changes.iter().filter(|(series, _)| name_of(series) == name);
        of_name.map(|(_, change)| change.sure).sum()
    }

    /// How many requests had no answer.
    pub(crate) fn lost(&self) -> i64 {
        self.lost
    }

    /// How many processes answered.
    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "shop_requests_in_flight 0\n\
                        shop_requests_total{method=\"GET\",route=\"/\",status=\"200\"} 2\n\
                        shop_request_seconds_count{route=\"/\"} 2\n\
                        shop_request_seconds_bucket{route=\"/\",le=\"0.1\"} 1\n\
                        shop_request_seconds_bucket{route=\"/\",le=\"+Inf\"} 2\n";

    fn page(text: &str) -> Result<Page, crate::AnyError> {
        Page::parse(text.to_owned())
    }

    fn two_visits() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.request(Fate::Answered, "GET", "/", &[200]);
        ledger.request(Fate::Answered, "GET", "/", &[200]);
        ledger
    }

    #[test]
    fn a_page_that_says_the_same_has_no_differences() -> Result<(), crate::AnyError> {
        assert!(two_visits().differences(&Page::default(), &page(PAGE)?).is_empty());
        Ok(())
    }

    #[test]
    fn only_what_came_to_the_page_before_counts() -> Result<(), crate::AnyError> {
        let before = page(PAGE)?;
        let after = page(&PAGE.replace("} 2\n", "} 4\n"))?;
        assert!(two_visits().differences(&before, &after).is_empty());
        assert_eq!(two_visits().differences(&before, &before).len(), 4);
        Ok(())
    }

    #[test]
    fn too_much_too_little_and_what_nobody_sent_are_differences() -> Result<(), crate::AnyError> {
        let stray = "shop_requests_total{method=\"PUT\",route=\"/\",status=\"200\"} 1\n";
        let page = page(&format!("{}{stray}", PAGE.replace("count{route=\"/\"} 2", "count 3")))?;
        assert_eq!(
            two_visits().differences(&Page::default(), &page),
            [
                "shop_request_seconds_count{route=\"/\"}: expected 2, counted 0",
                "shop_request_seconds_count: expected nothing, counted 3",
                "shop_requests_total{method=\"PUT\",route=\"/\",status=\"200\"}: expected nothing, counted 1",
                "shop_requests_total, all of them: expected 2, counted 3",
            ],
        );
        Ok(())
    }

    #[test]
    fn what_was_lost_is_counted_once_or_not_at_all() -> Result<(), crate::AnyError> {
        let answers = |twos: u32, fours: u32| {
            page(&format!(
                "shop_requests_total{{method=\"POST\",route=\"/cart\",status=\"201\"}} {twos}\n\
                 shop_requests_total{{method=\"POST\",route=\"/cart\",status=\"409\"}} {fours}\n"
            ))
        };
        let mut ledger = Ledger::default();
        ledger.request(Fate::Lost, "POST", "/cart", &[201, 409]);
        for (twos, fours, differences) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1), (2, 0, 2)] {
            let found = ledger.differences(&Page::default(), &answers(twos, fours)?);
            assert_eq!(found.len(), differences, "{twos} {fours}: {found:?}");
        }
        Ok(())
    }

    #[test]
    fn stock_is_gone_with_the_worker_that_had_it() -> Result<(), crate::AnyError> {
        let mut cart = Cart::default();
        cart.add(&crate::catalogue::PRODUCTS[0], 2);
        let mut ledger = Ledger::default();
        ledger.taken_from_stock(1, &cart);
        ledger.taken_from_stock(2, &cart);
        ledger.close(Some(2));
        let before = page("shop_stock{product=\"abacus\"} 10\n")?;
        assert!(
            ledger.differences(&before, &page("shop_stock{product=\"abacus\"} 8\n")?).is_empty()
        );
        assert_eq!(ledger.differences(&before, &before).len(), 1);
        Ok(())
    }
}
