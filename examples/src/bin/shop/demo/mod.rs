//! The shop as its own customer: visitors order over TCP, somebody scrapes meanwhile, and in the end
//! what was counted must be what was sent.

mod client;
mod ledger;
mod page;
mod visitor;

use crate::store::Store;
use crate::{AnyError, say, server};
use client::Client;
use ledger::Ledger;
use page::Page;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How many visitors are in the shop at a time.
const VISITORS: u64 = 4;
const SCRAPE_EVERY: Duration = Duration::from_millis(200);

/// Serves, orders, scrapes and checks for `time`. Returns whether everything added up.
pub(crate) async fn run(
    listener: TcpListener,
    store: Arc<Store>,
    time: Duration,
) -> Result<bool, AnyError> {
    let address = listener.local_addr()?;
    say(&format!(
        "the shop is open at http://{address}/ for a demo: {VISITORS} visitors, {} s\n",
        time.as_secs()
    ))?;
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(server::serve(listener, store, async {
        let _ = stopped.await;
    }));

    let end = Instant::now() + time;
    let visitors: Vec<_> =
        (0..VISITORS).map(|n| tokio::spawn(visitor::visit_until(address, n, end))).collect();
    let watcher = tokio::spawn(watch(address, end));
    let mut ledger = Ledger::new();
    for visitor in visitors {
        ledger.add(visitor.await??);
    }
    let scrapes = watcher.await??;

    let page = scrape(address).await?;
    let _ = stop.send(());
    server.await??;
    say(&page.text)?;
    report(&ledger, &page, scrapes)
}

/// Scrapes until `end`, as Prometheus would, only more often. Returns how many times.
///
/// # Errors
///
/// Besides those of scraping: a counter that went backwards.
async fn watch(address: SocketAddr, end: Instant) -> Result<u64, AnyError> {
    let mut before = Page::default();
    let mut scrapes = 0;
    while Instant::now() < end {
        let page = scrape(address).await?;
        if let Some(series) = page.went_backwards_since(&before) {
            return Err(format!("{series} went backwards between two scrapes").into());
        }
        before = page;
        scrapes += 1;
        tokio::time::sleep_until(end.min(Instant::now() + SCRAPE_EVERY)).await;
    }
    Ok(scrapes)
}

async fn scrape(address: SocketAddr) -> Result<Page, AnyError> {
    let answer = Client::connect(address).await?.send("GET", "/metrics").await?;
    if answer.status != 200 {
        return Err(format!("/metrics answered {}: {}", answer.status, answer.body).into());
    }
    Page::parse(answer.body)
}

/// The verdict.
fn report(ledger: &Ledger, page: &Page, scrapes: u64) -> Result<bool, AnyError> {
    let wrong = ledger.differences(page);
    for difference in &wrong {
        say(&format!("{difference}\n"))?;
    }
    let verdict = if wrong.is_empty() { "OK" } else { "WRONG" };
    say(&format!(
        "{verdict}: {} requests sent, {} counted; {} orders placed, {} counted; in flight {}; \
         {} values compared, {} differ; {scrapes} scrapes meanwhile, no counter went backwards\n",
        ledger.sent("shop_requests_total"),
        page.total("shop_requests_total"),
        ledger.sent("shop_orders_total"),
        page.total("shop_orders_total"),
        page.value("shop_requests_in_flight"),
        ledger.len(),
        wrong.len(),
    ))?;
    Ok(wrong.is_empty())
}
