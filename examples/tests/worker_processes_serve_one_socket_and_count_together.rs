//! A shop of several processes: whoever answers shows what all have counted, and who dies is replaced.

#![cfg(target_os = "linux")]

mod program;

use program::{Outcome, Server, eventually, folder, signal, value};
use std::error::Error;
use std::fs;
use std::path::Path;

const WORKERS: usize = 3;

fn open(folder: &Path) -> Result<(Server, Vec<u32>), Box<dyn Error>> {
    let url = format!("shm://{}", folder.join("shop").display());
    let shop = Server::shop(&["--workers", &WORKERS.to_string(), "--backend", &url])?;
    let last_word = |line: &String| line.split(' ').next_back()?.parse().ok();
    let workers: Vec<u32> = shop.said.iter().filter_map(last_word).collect();
    assert_eq!(workers.len(), WORKERS, "{:?}", shop.said);
    Ok((shop, workers))
}

/// Stops every other worker, so that only this one can answer.
fn alone<T>(
    worker: u32,
    workers: &[u32],
    work: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let others = || workers.iter().copied().filter(|other| *other != worker);
    for other in others() {
        signal("-STOP", other)?;
        eventually("all of its threads stand still", || Ok(stands_still(other)?.then_some(())))?;
    }
    let done = work();
    for other in others() {
        signal("-CONT", other)?;
    }
    done
}

fn stands_still(pid: u32) -> Result<bool, Box<dyn Error>> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("stat"))?;
        let state = stat.rsplit_once(") ").ok_or("no state")?.1;
        if !state.starts_with('T') {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended, whoever has yet to hear of it.
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

fn answered_by(shop: &Server, request: &str) -> Result<u32, Box<dyn Error>> {
    let (head, _) = shop.ask(request)?;
    let worker = head.lines().find_map(|line| line.strip_prefix("shop-worker: "));
    Ok(worker.ok_or("an answer names its worker")?.parse()?)
}

#[test]
fn any_worker_answers_with_what_all_have_counted() -> Outcome {
    let folder = folder()?;
    let (shop, workers) = open(folder.path())?;
    let mut sent = 0;
    for (number, worker) in (1..).zip(&workers) {
        alone(*worker, &workers, || {
            // As many as nobody else, so that no sum is another one by chance.
            for _ in 0..1 << number {
                assert_eq!(answered_by(&shop, "POST /checkout?country=fr")?, *worker);
                sent += 1;
            }
            Ok(())
        })?;
    }
    for worker in &workers {
        alone(*worker, &workers, || {
            assert_eq!(answered_by(&shop, "GET /metrics")?, *worker);
            let page = shop.scrape()?;
            let orders = r#"shop_orders_total{channel="web",country="fr"}"#;
            let requests = r#"shop_requests_total{method="POST",route="/checkout",status="201"}"#;
            for (series, expected) in [
                (orders, sent),
                (requests, sent),
                ("shop_checkout_seconds_count", sent),
                ("shop_basket_items_sum", 2 * sent),
                ("shop_requests_in_flight", 0),
                ("shop_worker_processes", WORKERS as i32),
            ] {
                assert_eq!(value(&page, series), Some(expected.into()), "{series}\n{page}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_worker_that_is_killed_is_replaced_and_what_it_counted_stays() -> Outcome {
    let folder = folder()?;
    let (mut shop, workers) = open(folder.path())?;
    let victim = workers[1];
    alone(victim, &workers, || shop.ask("POST /checkout?country=it"))?;
    let stock = r#"shop_stock{product="abacus"}"#;
    let full = |page: &str| value(page, stock).map(|left| left + 2.0);
    let before = shop.scrape()?;

    signal("-KILL", victim)?;
    while !shop.next_line()?.contains(&format!("process {victim}, ended: signal: 9")) {}
    let page = shop.scrape()?;
    assert_eq!(
        value(&page, r#"shop_orders_total{channel="web",country="it"}"#),
        Some(1.0),
        "{page}"
    );
    assert_eq!(value(&page, "shop_worker_processes"), Some(WORKERS as f64), "{page}");
    // What it had in stock is gone with it, and the new one's is full.
    assert_eq!(value(&page, stock), full(&before), "{page}");
    assert!(!is_alive(victim));
    Ok(())
}

#[test]
fn a_worker_that_is_asked_to_end_is_replaced_as_well() -> Outcome {
    let folder = folder()?;
    let (mut shop, workers) = open(folder.path())?;
    signal("-TERM", workers[0])?;
    let ended = format!("process {}, ended: exit status: 0", workers[0]);
    while !shop.next_line()?.contains(&ended) {}
    assert_eq!(value(&shop.scrape()?, "shop_worker_processes"), Some(WORKERS as f64));
    Ok(())
}

#[test]
fn the_workers_end_with_the_shop_and_the_counts_are_there_when_it_opens_again() -> Outcome {
    let folder = folder()?;
    for (signal, orders) in [("-INT", 1.0), ("-TERM", 2.0)] {
        let (shop, workers) = open(folder.path())?;
        shop.ask("POST /checkout?country=pl")?;
        let page = shop.scrape()?;
        let series = r#"shop_orders_total{channel="web",country="pl"}"#;
        assert_eq!(value(&page, series), Some(orders), "{page}");
        assert_eq!(value(&page, "shop_worker_processes"), Some(WORKERS as f64), "{page}");

        let (status, rest) = shop.end_with(signal)?;
        assert_eq!(status.code(), Some(0), "{signal}: {rest}");
        assert!(rest.ends_with("the shop is closed\n"), "{signal}: {rest}");
        assert!(!workers.into_iter().any(is_alive), "{signal}");
    }
    Ok(())
}

#[test]
fn the_workers_end_when_the_shop_is_killed() -> Outcome {
    let folder = folder()?;
    let (shop, workers) = open(folder.path())?;
    let _ = shop.end_with("-KILL")?;
    eventually("no worker is left", || {
        Ok((!workers.iter().any(|worker| is_alive(*worker))).then_some(()))
    })
}
