//! `shop --demo` compares what it sent with what was counted, and says so.

mod program;

use program::{Outcome, SHOP, program};

/// The number in front of `what`.
fn number(text: &str, what: &str) -> Option<u64> {
    text.split_once(what)?.0.split_whitespace().next_back()?.parse().ok()
}

#[test]
fn the_demo_counts_what_it_sent_and_exits_with_zero() -> Outcome {
    let output = program(SHOP).args(["--demo-seconds", "1"]).output()?;
    let printed = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(0), "{errors}{printed}");

    let verdict = printed.lines().last().unwrap_or_default();
    assert!(verdict.starts_with("OK: "), "{verdict}");
    let sent = number(verdict, " requests sent");
    assert!(sent > Some(0), "{verdict}");
    assert_eq!(number(verdict, " differ"), Some(0), "{verdict}");

    // Counted again from the page, not by the demo's own arithmetic.
    let requests = printed.lines().filter(|line| line.starts_with("shop_requests_total{"));
    let counted = requests.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum();
    assert_eq!(sent, Some(counted), "{printed}");
    assert!(printed.contains("\nshop_requests_in_flight 0\n"), "{printed}");
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
