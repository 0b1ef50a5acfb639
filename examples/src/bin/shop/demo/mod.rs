//! The shop as its own customer: visitors order over TCP, a worker is killed in the middle, somebody
//! scrapes meanwhile, and in the end what was counted must be what was answered.

mod client;
mod ledger;
mod notice;
mod page;
mod visitor;

use crate::crew::Crew;
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
/// A worker that takes longer to be replaced will not be.
const REPLACE_WITHIN: Duration = Duration::from_secs(20);

/// Orders, scrapes, kills and checks for `time`. Returns whether everything added up.
pub(crate) async fn run(
    address: SocketAddr,
    staff: &Staff,
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
        kill_one(crew, &notice).await?;
    }
    let mut ledger = Ledger::default();
    for visitor in visitors {
        ledger.add(visitor.await??);
    }
    ledger.close(notice.killed());
    let scrapes = watcher.await??;

    let after = scrape(address).await?;
    say(&after.text)?;
    Verdict { ledger, before, after, scrapes, workers, killed: notice.killed() }.say()
}

/// Kills a worker that has much to do, and waits until there is another one.
async fn kill_one(crew: &Crew, notice: &Notice) -> Result<(), AnyError> {
    let victim = notice.answered_last().ok_or("nobody was answered in half of the time")?;
    notice.kill(victim);
    match tokio::time::timeout(REPLACE_WITHIN, crew.kill(victim)).await {
        Ok(replaced) => replaced.map(|_| ()),
        Err(late) => Err(format!("process {victim} was killed and not replaced: {late}").into()),
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
    killed: Option<u32>,
}

impl Verdict {
    fn say(&self) -> Result<bool, AnyError> {
        let Self { ledger, before, after, scrapes, workers, killed } = self;
        let mut wrong = ledger.differences(before, after);
        wrong.extend(after.histograms_that_disagree());
        let lost = ledger.lost();
        // A visitor has one request in flight at a time.
        let may_be_lost = if killed.is_some() { VISITORS as i64 } else { 0 };
        if lost > may_be_lost {
            wrong.push(format!("{lost} requests without an answer, {may_be_lost} were in flight"));
        }
        for difference in &wrong {
            say(&format!("{difference}\n"))?;
        }
        let counted = |name: &str| after.total(name) - before.total(name);
        say(&format!(
            "{}: {} requests answered, {} counted, {lost} without an answer; \
             {} orders answered, {} counted; in flight {}; {workers} {}, {} killed, {} answered; \
             {} values compared, {} differ; {scrapes} scrapes meanwhile, no counter went backwards\n",
            if wrong.is_empty() { "OK" } else { "WRONG" },
            ledger.sure("shop_requests_total"),
            counted("shop_requests_total"),
            ledger.sure("shop_orders_total"),
            counted("shop_orders_total"),
            after.value("shop_requests_in_flight"),
            if *workers == 1 { "process" } else { "workers" },
            usize::from(killed.is_some()),
            ledger.workers(),
            ledger.len(),
            wrong.len(),
        ))?;
        Ok(wrong.is_empty())
    }
}
