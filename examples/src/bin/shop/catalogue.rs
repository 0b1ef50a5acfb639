//! What is sold, to where, and through which channels.
//!
//! All of these become label values, so they are lists: what a client sends is looked up here, and
//! never becomes a label by itself.

/// Something to buy.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) cents: u32,
    /// How many there are when the shop opens.
    pub(crate) stock: u32,
}

/// Plenty for every demo, and a rare thing that sells out.
pub(crate) const PRODUCTS: [Product; 4] = [
    Product { id: 1, name: "abacus", cents: 2_900, stock: 1_000_000_000 },
    Product { id: 2, name: "tally counter", cents: 950, stock: 1_000_000_000 },
    Product { id: 3, name: "slide rule", cents: 4_500, stock: 1_000_000_000 },
    Product { id: 4, name: "difference engine", cents: 175_000_000, stock: 25 },
];

pub(crate) const COUNTRIES: [&str; 4] = ["de", "fr", "it", "pl"];

/// Where an order comes from. The first is what an order that does not say comes from.
pub(crate) const CHANNELS: [&str; 3] = ["web", "app", "phone"];

pub(crate) fn product(id: u32) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}
