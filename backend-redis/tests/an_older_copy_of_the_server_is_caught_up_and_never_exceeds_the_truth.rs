//! A server that is set back to a copy of itself: what clients still have of the time since is told again,
//! and what they no longer have is a gap, which is shown. Nothing is counted twice.

mod workload;

use pytheus_test_servers::Server;
use std::time::{Duration, Instant};
use workload::{
    Application, Load, Page, Truth, assert_same, options, own, page, page_of, short_or_long,
    whole_page,
};

#[test]
fn a_copy_from_within_the_window_is_caught_up_completely() {
    let restores = short_or_long(3, 20);
    let server = Server::start();
    let config = options("interval = '20ms'");
    let applications = Application::open_many(3, &server.url(), &config);
    let mut truth = Truth::new();
    let mut missed = 0;
    Load::run(applications, 2, |load| {
        for restore in 1..=restores {
            load.go_on(100);
            let copy = server.snapshot();
            let before = load.batches();
            load.go_on(300);
            missed += load.batches() - before;
            server.restore(&copy);
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                let when = format!("restore {restore}");
                assert_same(&page_of(&server.url(), &config), &truth, &when);
            });
        }
        assert_eq!(load.gaps(), 0);
        println!("{restores} restores that missed {missed} batches: nothing lost");
    });
}

#[test]
fn who_has_nothing_new_to_tell_makes_good_what_a_copy_lacks_when_asked_to() {
    let server = Server::start();
    let config = options("interval = '1h'\nlease = '1d'");
    let applications = Application::open_many(3, &server.url(), &config);
    let mut truth = Truth::new();
    count(&applications, 2);
    let copy = server.snapshot();
    count(&applications, 3);
    server.restore(&copy);
    let truth = truth.of(&applications);
    // By a scrape or by a flush.
    let own = page(&applications[0].registry).expect("a page");
    assert!(own["paid_total"] < truth["paid_total"], "the others have not told again");
    assert!(own["paid_total"] > truth["paid_total"] / 2.0);
    for application in &applications[1..] {
        application.registry.flush_blocking().expect("a server");
    }
    assert_same(&page_of(&server.url(), &config), &truth, "all were asked");
}

#[test]
fn a_copy_from_before_the_window_never_exceeds_the_truth_and_the_gap_is_shown() {
    let restores = short_or_long(3, 20);
    // One way to have a short window is time, the other is memory.
    for window in ["window = '100ms'", "window_bytes = '4KiB'"] {
        let server = Server::start();
        let config = options(&format!("interval = '1h'\nlease = '1d'\n{window}"));
        let applications = Application::open_many(3, &server.url(), &config);
        let (mut truth, mut gaps) = (Truth::new(), 0);
        let mut lost = Page::new();
        for restore in 1..=restores {
            count(&applications, 5);
            let copy = server.snapshot();
            let kept = truth.of(&applications);
            let since = Instant::now();
            // Long enough for either window.
            while since.elapsed() < Duration::from_millis(150) {
                count(&applications, 5);
            }
            server.restore(&copy);
            count(&applications, 1);
            let shown = page_of(&server.url(), &config);
            let now = truth.of(&applications);
            for (sample, value) in &shown {
                // The rest goes down as well as up.
                if ["load", "carts"].contains(&sample.as_str()) {
                    continue;
                }
                let lost = lost.get(sample).unwrap_or(&0.0);
                let least = kept.get(sample).unwrap_or(lost) - lost;
                let most = now[sample] - lost;
                assert!(
                    (least..=most).contains(value),
                    "{window}, restore {restore}: {sample} is {value}, not {least} to {most}"
                );
            }
            assert!(shown["paid_total"] < now["paid_total"], "there was nothing to lose");
            let told: u64 = applications.iter().map(|one| one.redis.status().gaps).sum();
            assert!(told >= gaps + applications.len() as u64, "{window}: {told} after {gaps}");
            gaps = told;
            for application in &applications {
                let page = whole_page(&application.registry).expect("a page");
                let told = application.redis.status().gaps as f64;
                assert_eq!(own(&page, "pytheus_store_gaps_total"), told);
            }
            // What is lost is lost once: from here on every update counts.
            lost = now.iter().map(|(sample, is)| (sample.clone(), is - shown[sample])).collect();
            count(&applications, 5);
            let mut expected = truth.of(&applications);
            for (sample, value) in &mut expected {
                *value -= lost.get(sample).unwrap_or(&0.0);
            }
            let when = format!("{window}, after restore {restore}");
            assert_same(&page_of(&server.url(), &config), &expected, &when);
        }
        println!("{window}: {restores} restores, {gaps} gaps, never above the truth");
    }
}

/// Some updates of each, in as many batches.
fn count(applications: &[Application], batches: usize) {
    for _ in 0..batches {
        for application in applications {
            (0..5).for_each(|_| application.update());
            application.flush();
        }
    }
}
