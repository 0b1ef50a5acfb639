//! What is in stock. Every process has a warehouse of its own, full when it starts.

use crate::cart::Cart;
use crate::catalogue::PRODUCTS;
use pytheus::{Family, Gauge};
use std::sync::{Mutex, PoisonError};

/// What is in stock, and a gauge of each product that says so.
#[derive(Debug)]
pub(crate) struct Warehouse {
    shelves: Mutex<Vec<Shelf>>,
}

#[derive(Debug)]
struct Shelf {
    product: u32,
    left: u32,
    gauge: Gauge,
}

/// There is less of a product than a cart holds.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{product} is sold out: {asked} asked for, {left} left")]
pub(crate) struct SoldOut {
    pub(crate) product: &'static str,
    pub(crate) asked: u32,
    pub(crate) left: u32,
}

impl Warehouse {
    pub(crate) fn new(stock: &Family<Gauge, 1>) -> Self {
        let shelf = |product: &crate::catalogue::Product| {
            let gauge = stock.with([product.name]);
            gauge.set(product.stock);
            Shelf { product: product.id, left: product.stock, gauge }
        };
        Self { shelves: Mutex::new(PRODUCTS.iter().map(shelf).collect()) }
    }

    /// Takes all that is in the cart, or nothing.
    pub(crate) fn take(&self, cart: &Cart) -> Result<(), SoldOut> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        for (product, asked) in cart.lines() {
            let shelf = shelves.iter().find(|shelf| shelf.product == product.id);
            let left = shelf.map_or(0, |shelf| shelf.left);
            if asked > left {
                return Err(SoldOut { product: product.name, asked, left });
            }
        }
        for (product, asked) in cart.lines() {
            if let Some(shelf) = shelves.iter_mut().find(|shelf| shelf.product == product.id) {
                shelf.left -= asked;
                // While the lock is held, so that the last word is the newest.
                shelf.gauge.set(shelf.left);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::product;
    use pytheus::{Local, Registry};

    #[test]
    fn a_cart_that_cannot_be_filled_takes_nothing() -> Result<(), crate::AnyError> {
        let registry = Registry::new(Local::new());
        let stock = registry.gauge("stock", "Stock").label_names(["product"]).register()?;
        let warehouse = Warehouse::new(&stock);
        let (abacus, engine) = (product(1).ok_or("1")?, product(4).ok_or("4")?);

        let mut cart = Cart::default();
        cart.add(abacus, 1);
        cart.add(engine, engine.stock);
        assert_eq!(warehouse.take(&cart), Ok(()));
        assert_eq!(stock.with([engine.name]).get(), Some(0.0));

        let refused = warehouse.take(&cart);
        assert_eq!(refused, Err(SoldOut { product: engine.name, asked: engine.stock, left: 0 }));
        assert_eq!(stock.with([abacus.name]).get(), Some(f64::from(abacus.stock - 1)));
        Ok(())
    }
}
