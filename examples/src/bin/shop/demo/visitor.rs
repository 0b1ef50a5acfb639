//! A visitor: looks around, fills a cart, orders, sometimes asks for what there is not.

use super::client::Client;
use super::ledger::{Fate, Ledger};
use super::notice::Notice;
use crate::AnyError;
use crate::cart::Cart;
use crate::catalogue::{CHANNELS, COUNTRIES, PRODUCTS};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// A connection is kept for this many visits.
const VISITS_PER_CONNECTION: u32 = 50;
/// One in so many visits asks for each of the things that cannot be had.
const ODD_VISITS: usize = 10;

/// Why a visit ended early.
enum Interruption {
    /// The worker was killed. It is written down, and the visitor comes again.
    Lost,
    Failed(AnyError),
}

impl<E: Into<AnyError>> From<E> for Interruption {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Visits until `end`, once at least. Gives what was sent, as far as a metric must show it.
///
/// # Errors
///
/// A connection that breaks though nobody killed the worker, and an answer that is not what such a
/// request must get.
pub(crate) async fn visit_until(
    address: SocketAddr,
    number: u64,
    end: Instant,
    notice: Arc<Notice>,
) -> Result<Ledger, AnyError> {
    let client = Client::connect(address).await?;
    let mut visitor = Visitor { client, ledger: Ledger::default(), dice: Dice(number), notice };
    loop {
        for _ in 0..VISITS_PER_CONNECTION {
            match visitor.visit().await {
                Ok(()) => {}
                Err(Interruption::Lost) => break,
                Err(Interruption::Failed(error)) => return Err(error),
            }
            if Instant::now() >= end {
                return Ok(visitor.ledger);
            }
        }
        visitor.client = Client::connect(address).await?;
    }
}

struct Visitor {
    client: Client,
    ledger: Ledger,
    dice: Dice,
    notice: Arc<Notice>,
}

impl Visitor {
    async fn visit(&mut self) -> Result<(), Interruption> {
        self.send("GET", "/", "", "/", &[200]).await?;
        if self.dice.once_in(ODD_VISITS) {
            self.send("GET", "/products/", "999", "/products/{id}", &[404]).await?;
        }
        if self.dice.once_in(ODD_VISITS) {
            self.send("GET", "/no/such/page", "", "none", &[404]).await?;
        }
        if self.dice.once_in(ODD_VISITS) {
            self.send("GET", "/orders", "", "/orders", &[200]).await?;
        }
        if self.dice.once_in(ODD_VISITS) {
            // The cart is still empty.
            self.send("POST", "/checkout", "?country=de", "/checkout", &[409]).await?;
        }
        let cart = self.fill_cart().await?;
        if self.dice.once_in(ODD_VISITS) {
            self.send("POST", "/checkout", "?country=atlantis", "/checkout", &[400]).await?;
        }
        self.order(&cart).await
    }

    async fn fill_cart(&mut self) -> Result<Cart, Interruption> {
        let mut cart = Cart::default();
        for _ in 0..=self.dice.below(2) {
            // The last product is the rare one.
            let kinds = PRODUCTS.len() - usize::from(!self.dice.once_in(ODD_VISITS));
            let product = &PRODUCTS[self.dice.below(kinds)];
            let quantity = 1 + self.dice.below(3) as u32;
            cart.add(product, quantity);
            let id = product.id.to_string();
            self.send("GET", "/products/", &id, "/products/{id}", &[200]).await?;
            let wanted = format!("?product={id}&quantity={quantity}");
            self.send("POST", "/cart", &wanted, "/cart", &[303]).await?;
            self.send("GET", "/cart", "", "/cart", &[200]).await?;
        }
        Ok(cart)
    }

    /// Half of the orders do not say which channel they come through.
    async fn order(&mut self, cart: &Cart) -> Result<(), Interruption> {
        let country = COUNTRIES[self.dice.below(COUNTRIES.len())];
        let channel = self.dice.once_in(2).then(|| CHANNELS[self.dice.below(CHANNELS.len())]);
        let said = channel.map(|channel| format!("&channel={channel}")).unwrap_or_default();
        let channel = channel.unwrap_or(CHANNELS[0]);
        let asked = format!("?country={country}{said}");

        let rare = PRODUCTS.last().map(|product| product.id);
        let may_be_sold_out = cart.lines().any(|(product, _)| Some(product.id) == rare);
        let allowed: &[u16] = if may_be_sold_out { &[201, 409] } else { &[201] };
        match self.send("POST", "/checkout", &asked, "/checkout", allowed).await {
            Ok(201) => {
                self.ledger.ordered(Fate::Answered, channel, country, cart);
                self.ledger.taken_from_stock(self.worker()?, cart);
            }
            Ok(_) => self.ledger.sold_out(Fate::Answered),
            Err(Interruption::Lost) => {
                self.ledger.ordered(Fate::Lost, channel, country, cart);
                if may_be_sold_out {
                    self.ledger.sold_out(Fate::Lost);
                }
                return Err(Interruption::Lost);
            }
            Err(failed) => return Err(failed),
        }
        self.client.forget();
        Ok(())
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        rest: &str,
        route: &str,
        allowed: &[u16],
    ) -> Result<u16, Interruption> {
        let path = format!("{path}{rest}");
        let answer = match self.client.send(method, &path).await {
            Ok(answer) => answer,
            Err(error) if self.notice.explains(&error, self.client.worker()) => {
                self.ledger.request(Fate::Lost, method, route, allowed);
                return Err(Interruption::Lost);
            }
            Err(error) => return Err(error.into()),
        };
        let worker = self.worker()?;
        self.notice.answered(worker);
        self.ledger.answered_by(worker);
        let (status, body) = (answer.status, answer.body);
        if !allowed.contains(&status) {
            let wrong = format!("{method} {path} answered {status}, not {allowed:?}: {body}");
            return Err(wrong.into());
        }
        self.ledger.request(Fate::Answered, method, route, &[status]);
        Ok(status)
    }

    /// Who answered last on this connection.
    fn worker(&self) -> Result<u32, AnyError> {
        Ok(self.client.worker().ok_or("an answer does not name its worker")?)
    }
}

/// Numbers that look random and are the same in every run. The generator is `SplitMix64`
/// (<https://doi.org/10.1145/2714064.2660195>).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn once_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}
