//! The shop as its own customer: visitors order over TCP, a worker is killed in the middle, somebody
//! scrapes meanwhile, and in the end what was counted must be what was answered.
//!
//! Where a server is told from time to time, whoever is killed takes along what it had not told yet, so a
//! worker is sent home there; and a page may be an interval behind the workers that did not answer for
//! it, so the last one is waited for.

mod client;
mod ledger;
mod notice;
mod page;
mod visitor;

use crate::crew::{Crew, Leave};
use crate::staff::Staff;
use crate::{AnyError, say};
use client::Client;
use ledger::Ledger;
use notice::Notice;
use page::Page;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many visitors are in the shop at a time. Each waits for an answer before it asks again.
const VISITORS: u64 = 4;
const SCRAPE_EVERY: Duration = Duration::from_millis(200);
/// Longer than the interval after which a server is told.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// A worker that takes longer to be replaced will not be.
const REPLACE_WITHIN: Duration = Duration::from_secs(20);

/// Orders, scrapes, kills and checks for `time`. Returns whether everything added up.
pub(crate) async fn run(
    address: SocketAddr,
    staff: &Staff,
    leave: Leave,
    time: Duration,
) -> Result<bool, AnyError> {
    let (crew, workers) = match staff {
        Staff::Alone { .. } => (None, 1),
        Staff::Crew(crew) => (Some(crew), crew.size()),
    };
    say(&format!(
        "the shop is open at http://{address}/ for a demo: {workers} {}, {VISITORS} visitors, {} s\n",
        if workers == 1 { "process" } else { "worker processes" },
        time.as_secs(),
    ))?;
    // The metrics may be older than the demo.
    let before = scrape(address).await?;

    let end = Instant::now() + time;
    let notice = Arc::new(Notice::default());
    let visit = |n| tokio::spawn(visitor::visit_until(address, n, end, notice.clone()));
    let visitors: Vec<_> = (0..VISITORS).map(visit).collect();
    let watcher = tokio::spawn(watch(address, end, notice.clone()));
    if let Some(crew) = crew {
        tokio::time::sleep(time / 2).await;
        replace_one(crew, leave, &notice).await?;
    }
    let mut ledger = Ledger::default();
    for visitor in visitors {
        ledger.add(visitor.await??);
    }
    ledger.close(notice.killed());
    let scrapes = watcher.await??;

    let mut after = scrape(address).await?;
    let deadline = Instant::now() + TOLD_WITHIN;
    while leave == Leave::SentHome
        && !ledger.differences(&before, &after).is_empty()
        && Instant::now() < deadline
    {
        tokio::time::sleep(SCRAPE_EVERY).await;
        after = scrape(address).await?;
    }
    say(&after.text)?;
    Verdict { ledger, before, after, scrapes, workers, leave, left: notice.killed() }.say()
}

/// Has a worker leave that has much to do, and waits until there is another one.
async fn replace_one(crew: &Crew, leave: Leave, notice: &Notice) -> Result<(), AnyError> {
    let victim = notice.answered_last().ok_or("nobody was answered in half of the time")?;
    notice.kill(victim);
    match tokio::time::timeout(REPLACE_WITHIN, crew.replace(victim, leave)).await {
        Ok(replaced) => replaced.map(|_| ()),
        Err(late) => Err(format!("process {victim} left and was not replaced: {late}").into()),
    }
}

/// Scrapes until `end`, as Prometheus would, only more often. Returns how many times.
///
/// # Errors
///
/// Besides those of scraping: a counter that went backwards.
async fn watch(address: SocketAddr, end: Instant, notice: Arc<Notice>) -> Result<u64, AnyError> {
    let mut before = Page::default();
    let (mut scrapes, mut lost) = (0, 0);
    while Instant::now() < end {
        match scrape(address).await {
            Ok(page) => {
                if let Some(series) = page.went_backwards_since(&before) {
                    return Err(format!("{series} went backwards between two scrapes").into());
                }
                before = page;
                scrapes += 1;
            }
            // The worker was killed while it answered this one.
            Err(error) if lost == 0 && is_explained(&error, &notice) => lost += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep_until(end.min(Instant::now() + SCRAPE_EVERY)).await;
    }
    Ok(scrapes)
}

fn is_explained(error: &AnyError, notice: &Notice) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| notice.explains(error, None))
}

async fn scrape(address: SocketAddr) -> Result<Page, AnyError> {
    let answer = Client::connect(address).await?.send("GET", "/metrics").await?;
    if answer.status != 200 {
        return Err(format!("/metrics answered {}: {}", answer.status, answer.body).into());
    }
    Page::parse(answer.body)
}

/// How it went.
struct Verdict {
    ledger: Ledger,
    before: Page,
    after: Page,
    scrapes: u64,
    workers: usize,
    leave: Leave,
    left: Option<u32>,
}

impl Verdict {
    fn say(&self) -> Result<bool, AnyError> {
        let Self { ledger, before, after, scrapes, workers, leave, left } = self;
        let mut wrong = ledger.differences(before, after);
        wrong.extend(after.histograms_that_disagree());
        let lost = ledger.lost();
        // A visitor has one request in flight at a time.
        let may_be_lost = if left.is_some() { VISITORS as i64 } else { 0 };
        if lost > may_be_lost {
            wrong.push(format!("{lost} requests without an answer, {may_be_lost} were in flight"));
        }
        for difference in &wrong {
            say(&format!("{difference}\n"))?;
        }
        let counted = |name: &str| after.total(name) - before.total(name);
        say(&format!(
            "{}: {} requests answered, {} counted, {lost} without an answer; \
             {} orders answered, {} counted; in flight {}; {workers} {}, {} {}, {} answered; \
             {} values compared, {} differ; {scrapes} scrapes meanwhile, no counter went backwards\n",
            if wrong.is_empty() { "OK" } else { "WRONG" },
            ledger.sure("shop_requests_total"),
            counted("shop_requests_total"),
            ledger.sure("shop_orders_total"),
            counted("shop_orders_total"),
            after.value("shop_requests_in_flight"),
            if *workers == 1 { "process" } else { "workers" },
            usize::from(left.is_some()),
            match leave {
                Leave::Killed => "killed",
                Leave::SentHome => "sent home",
            },
            ledger.workers(),
            ledger.len(),
            wrong.len(),
        ))?;
        Ok(wrong.is_empty())
    }
}
