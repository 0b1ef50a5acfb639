//! A flush returns once every update that any thread made before it is in the store; however many
//! flush at a time, it costs the store a few calls.

mod store;

use pytheus_core::{ManualClock, Registry};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use store::{Member, Server, until};

struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_thousand_flushes_at_a_time_cost_the_store_a_few_calls() {
    const FLUSHES: usize = 1_000;
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    member.flush().unwrap();
    let before = server.state(|state| state.calls);
    let woken = Arc::new(Count(AtomicU64::new(0)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let hung = server.hang();
    let mut flushes: Vec<_> = (0..FLUSHES)
        .map(|_| {
            hits.inc();
            Box::pin(member.registry.flush())
        })
        .collect();
    for flush in &mut flushes {
        assert!(flush.as_mut().poll(&mut context).is_pending());
    }
    drop(hung);
    for flush in flushes {
        let mut flush = pin!(flush);
        until("a flush", || match flush.as_mut().poll(&mut context) {
            Poll::Ready(flushed) => {
                flushed.unwrap();
                true
            }
            Poll::Pending => false,
        });
    }
    assert_eq!(server.count("hits_total", ""), FLUSHES as f64);
    assert!(woken.0.load(Ordering::Relaxed) >= 1);
    let calls = server.state(|state| state.calls) - before;
    assert!(calls <= 4, "{calls} calls");
}

#[test]
fn a_flush_that_nobody_waits_for_any_more_does_no_harm() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    for _ in 0..100 {
        hits.inc();
        let mut flush = Box::pin(member.registry.flush());
        let _ = flush.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", ""), 100.0);
}

#[test]
fn what_any_thread_counted_before_a_flush_is_in_the_store_after_it() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 200;
    let server = Server::new();
    let member = Member::new(&server);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let made = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (hits, made, server, member) = (&hits, &made, &server, &member);
            scope.spawn(move || {
                let mine = hits.with([&thread.to_string()]);
                for _ in 0..ROUNDS {
                    mine.inc();
                    made.fetch_add(1, Ordering::AcqRel);
                    let expected = made.load(Ordering::Acquire);
                    member.flush().unwrap();
                    let total: f64 =
                        (0..THREADS).map(|n| server.count("hits_total", &format!("{n}\n"))).sum();
                    assert!(total >= expected as f64, "{total} of {expected}");
                }
            });
        }
    });
}

#[test]
fn what_was_removed_from_a_family_registered_during_a_flush_is_gone_after_the_next() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let [member, other] = [0; 2].map(|_| Member::on(&server, &clock));
    let late = |registry: &Registry| {
        registry.counter("late_total", "d").label_names(["n"]).register().unwrap()
    };
    late(&other.registry).with(["gone"]).inc();
    other.flush().unwrap();
    member.registry.counter("hits_total", "d").register().unwrap().inc();
    // While it is asked where the families are that were listed.
    server.at_look({
        let registry = member.registry.clone();
        move || {
            let late = late(&registry);
            late.with(["gone"]);
            late.remove(["gone"]);
        }
    });
    member.flush().unwrap();
    member.flush().unwrap();
    assert!(!server.has("late_total", "gone\n"));
}
