//! Carts. A cart travels in a cookie of the client's, so that any worker can answer any request.

use crate::catalogue::{self, Product};
use std::collections::BTreeMap;
use std::fmt;

/// More of one thing than this is not sold at once.
pub(crate) const MOST_OF_ONE: u32 = 99;

/// How many of which product.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cart {
    lines: BTreeMap<u32, u32>,
}

impl Cart {
    /// The cart in a `Cookie` header. It is the client's text: what makes no sense is left out.
    pub(crate) fn from_cookies(cookies: &str) -> Self {
        let mut cookies = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
        let text = cookies.find(|(name, _)| *name == "cart").map_or("", |(_, text)| text);
        let mut cart = Self::default();
        for line in text.split('.') {
            let Some((id, quantity)) = line.split_once('x') else { continue };
            if let (Ok(id), Ok(quantity)) = (id.parse(), quantity.parse())
                && let Some(product) = catalogue::product(id)
            {
                cart.add(product, quantity);
            }
        }
        cart
    }

    /// As the value of a `Set-Cookie` header.
    pub(crate) fn to_set_cookie(&self) -> String {
        format!("cart={self}; Path=/; HttpOnly; SameSite=Lax")
    }

    pub(crate) fn add(&mut self, product: &Product, quantity: u32) {
        let most = MOST_OF_ONE - self.lines.get(&product.id).copied().unwrap_or(0);
        if quantity > 0 && most > 0 {
            *self.lines.entry(product.id).or_default() += quantity.min(most);
        }
    }

    /// Each product with how many of it.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static Product, u32)> {
        self.lines.iter().filter_map(|(id, quantity)| Some((catalogue::product(*id)?, *quantity)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn items(&self) -> u32 {
        self.lines.values().sum()
    }

    pub(crate) fn cents(&self) -> u64 {
        self.lines().map(|(product, quantity)| u64::from(product.cents) * u64::from(quantity)).sum()
    }
}

/// `1x2.4x1`: two of the first product, one of the fourth.
impl fmt::Display for Cart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (id, quantity)) in self.lines.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            write!(f, "{dot}{id}x{quantity}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_comes_back_from_its_cookie() {
        let mut cart = Cart::default();
        for (product, quantity) in catalogue::PRODUCTS.iter().zip([2, 0, 1]) {
            cart.add(product, quantity);
        }
        assert_eq!(cart.to_string(), "1x2.3x1");
        assert_eq!(cart.items(), 3);
        assert_eq!(Cart::from_cookies("theme=dark; cart=1x2.3x1"), cart);
    }

    #[test]
    fn what_makes_no_sense_in_a_cookie_is_left_out() {
        for cookies in
            ["", "cart", "cart=", "cart=x.1x.x1.1y1", "cart=999x1", "cart=1x0", "tart=1x1"]
        {
            assert!(Cart::from_cookies(cookies).is_empty(), "{cookies:?}");
        }
        assert_eq!(Cart::from_cookies("cart=1x4294967295.1x4294967295").items(), MOST_OF_ONE);
    }
}
