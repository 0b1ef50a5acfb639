//! `shop --demo` compares what was answered with what was counted, and says so.

mod program;

use program::{Outcome, SHOP, Server, folder, program, value};
use std::error::Error;
use std::path::Path;

/// The number in front of `what`.
fn number(text: &str, what: &str) -> Option<u64> {
    text.split_once(what)?.0.split_whitespace().next_back()?.parse().ok()
}

/// The page of a short demo, and its verdict.
fn demo(options: &[&str]) -> Result<(String, String), Box<dyn Error>> {
    let output = program(SHOP).args(["--demo-seconds", "1"]).args(options).output()?;
    let printed = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(0), "{errors}{printed}");
    assert!(errors.is_empty(), "{errors}");
    let verdict = printed.lines().last().unwrap_or_default().to_owned();
    assert!(verdict.starts_with("OK: "), "{verdict}");
    assert_eq!(number(&verdict, " differ"), Some(0), "{verdict}");
    Ok((printed, verdict))
}

/// All requests that are on the page, counted again, not by the demo's own arithmetic.
fn counted(page: &str) -> u64 {
    let requests = page.lines().filter(|line| line.starts_with("shop_requests_total{"));
    requests.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn four_workers_one_of_them_killed_count_what_they_answered() -> Outcome {
    const VISITORS: u64 = 4;

    let (page, verdict) = demo(&[])?;
    assert!(verdict.contains("; 4 workers, 1 killed, "), "{verdict}");
    assert!(page.contains(", ended: signal: 9"), "{page}");
    // Whoever was killed had answered, and then others did.
    assert!(number(&verdict, " answered; ").is_some_and(|n| (2..=5).contains(&n)), "{verdict}");
    let answered = number(&verdict, " requests answered").ok_or("no number")?;
    let lost = number(&verdict, " without an answer").ok_or("no number")?;
    assert!(answered > 0, "{verdict}");
    assert!(lost <= VISITORS, "{verdict}");
    assert!((answered..=answered + lost).contains(&counted(&page)), "{page}");
    assert_eq!(number(&verdict, " counted, "), Some(counted(&page)), "{verdict}");
    assert_eq!(value(&page, "shop_requests_in_flight"), Some(0.0), "{page}");
    assert_eq!(value(&page, "shop_worker_processes"), Some(4.0), "{page}");
    Ok(())
}

#[test]
fn one_process_counts_exactly_what_it_answered() -> Outcome {
    let (page, verdict) = demo(&["--backend", "local:"])?;
    assert!(verdict.contains("; 1 process, 0 killed, "), "{verdict}");
    let answered = number(&verdict, " requests answered");
    assert!(answered > Some(0), "{verdict}");
    assert_eq!(answered, Some(counted(&page)), "{page}");
    assert_eq!(number(&verdict, " without an answer"), Some(0), "{verdict}");
    assert_eq!(value(&page, "shop_requests_in_flight"), Some(0.0), "{page}");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_segment_of_ones_own_keeps_what_earlier_demos_counted() -> Outcome {
    let folder = folder()?;
    let url = format!("shm://{}", folder.path().join("shop").display());
    let (first, _) = demo(&["--backend", &url, "--workers", "2"])?;
    let (second, verdict) = demo(&["--backend", &url, "--workers", "3"])?;
    assert!(verdict.contains("; 3 workers, 1 killed, "), "{verdict}");
    let in_second = number(&verdict, " counted, ").ok_or("no number")?;
    assert_eq!(counted(&second), counted(&first) + in_second, "{verdict}");
    // One worker is the shop itself, which nobody kills.
    let (_, verdict) = demo(&["--backend", &url, "--workers", "1"])?;
    assert!(verdict.contains("; 1 process, 0 killed, "), "{verdict}");
    Ok(())
}

#[test]
fn workers_that_meet_on_a_server_count_exactly_what_they_answered() -> Outcome {
    let server = pytheus_test_servers::Server::start();
    let (page, verdict) = demo(&["--backend", &server.url(), "--workers", "3"])?;
    // Whoever is killed takes along what it did not tell, so nobody is.
    assert!(verdict.contains("; 3 workers, 1 sent home, "), "{verdict}");
    assert!(page.contains(", ended: exit status: 0; now it is "), "{page}");
    assert_eq!(number(&verdict, " counted, "), Some(counted(&page)), "{verdict}");
    assert_eq!(value(&page, "shop_worker_processes"), Some(3.0), "{page}");
    // The next one goes on with what is there.
    let (second, verdict) = demo(&["--backend", &server.url(), "--workers", "1"])?;
    let in_second = number(&verdict, " counted, ").ok_or("no number")?;
    assert_eq!(counted(&second), counted(&page) + in_second, "{verdict}");
    Ok(())
}

/// The file that a demo says it keeps its metrics in.
#[cfg(target_os = "linux")]
fn segment_of(printed: &str) -> Result<&Path, Box<dyn Error>> {
    let rest = printed.split_once("the metrics are in shm://").ok_or("it does not say where")?.1;
    Ok(Path::new(rest.split(' ').next().ok_or("nothing behind it")?))
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_leaves_no_segment_behind() -> Outcome {
    let (printed, _) = demo(&[])?;
    let folder = segment_of(&printed)?.parent().ok_or("a file is in a folder")?;
    assert!(folder.is_absolute() && !folder.exists(), "{}", folder.display());
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_stopped_leaves_no_segment_behind_either() -> Outcome {
    let shop = Server::shop(&["--demo-seconds", "60"])?;
    let said = shop.said.join("\n");
    let segment = segment_of(&said)?;
    assert!(segment.exists(), "{}", segment.display());
    let (status, rest) = shop.end_with("-INT")?;
    assert_eq!(status.code(), Some(1), "{rest}");
    assert!(!segment.exists(), "{}", segment.display());
    Ok(())
}

#[test]
fn a_demo_on_an_address_that_is_taken_fails_and_says_so() -> Outcome {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let output = program(SHOP).args(["--demo-seconds", "1", "--listen", &address]).output()?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&format!("cannot listen on {address:?}")), "{errors}");
    Ok(())
}
