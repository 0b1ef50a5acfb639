//! Closing flushes, forgets the client and ends the thread, and so does dropping the last handle; after
//! that, nothing waits and nothing is wrong. Whoever waits for a store that panics is told so.

mod store;

use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, Unavailable, WriteBehind};
use pytheus_core::{Backend, BackendError, BackendErrorKind, ManualClock, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use store::{Connection, Member, Server, calm, until};

/// Tests here count threads, so there is one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// How many flushers run in this process.
fn flushers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "pytheus-memory").count()
}

#[test]
fn closing_flushes_forgets_and_ends() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let kept = hits.with(["a"]);
    kept.inc();
    member.registry.close_blocking().unwrap();
    assert_eq!(server.count("hits_total", "a\n"), 1.0);
    assert_eq!(server.state(|state| state.forgotten.len()), 1);
    kept.inc();
    hits.with(["b"]).inc();
    hits.remove(["b"]);
    member.registry.counter("late_total", "d").register().unwrap().inc();
    member.registry.unregister("late_total");
    for error in
        [member.flush().unwrap_err(), member.registry.collect_blocking().map(drop).unwrap_err()]
    {
        assert_eq!(error.kind, BackendErrorKind::Unavailable);
        assert!(error.to_string().contains("closed"), "{error}");
    }
    member.registry.close_blocking().unwrap();
    assert_eq!(server.count("hits_total", "a\n"), 1.0);
    until("no flusher", || flushers() == 0);
}

#[test]
fn dropping_the_last_handle_tells_what_is_left() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let Member { backend, registry } = Member::on(&server, &clock);
    let hits = registry.counter("hits_total", "d").register().unwrap();
    hits.inc();
    drop(backend);
    drop(registry);
    until("it is told", || server.count("hits_total", "") == 1.0);
    until("it is forgotten", || server.state(|state| state.forgotten.len()) == 1);
    until("no flusher", || flushers() == 0);
    hits.inc();
}

#[test]
fn a_thousand_backends_opened_and_closed_leave_no_thread() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::new();
    for n in 0..1_000 {
        let member = Member::new(&server);
        member.registry.counter("hits_total", "d").register().unwrap().inc();
        match n % 3 {
            0 => member.registry.close_blocking().unwrap(),
            1 => member.flush().unwrap(),
            _ => {}
        }
    }
    until("all told", || server.count("hits_total", "") == 1_000.0);
    until("all forgotten", || server.state(|state| state.forgotten.len()) == 1_000);
    until("no flusher", || flushers() == 0);
}

#[test]
fn nobody_waits_in_vain_for_a_backend_that_is_being_closed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::new();
    for _ in 0..100 {
        let member = Member::new(&server);
        std::thread::scope(|scope| {
            for n in 0..6 {
                let registry = &member.registry;
                scope.spawn(move || match n % 3 {
                    0 => drop(registry.flush_blocking()),
                    1 => drop(registry.collect_blocking()),
                    _ => registry.close_blocking().unwrap(),
                });
            }
        });
    }
}

#[test]
fn a_store_that_panics_is_an_error_and_is_opened_anew() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let opened = Arc::new(AtomicUsize::new(0));
    let connect = (server.clone(), opened.clone());
    let open = move || -> Result<Connection, BackendError> {
        connect.1.fetch_add(1, Ordering::Relaxed);
        Ok(connect.0.connect())
    };
    let backend = WriteBehind::start(Engine::private().unwrap(), open, calm(&clock)).unwrap();
    let registry = Registry::new(backend.clone());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    hits.inc();
    registry.flush_blocking().unwrap();
    hits.inc();
    server.trouble(|trouble| trouble.panic = Some("out of cheese"));
    let error = registry.flush_blocking().unwrap_err().to_string();
    assert!(error.contains("out of cheese"), "{error}");
    assert_eq!(backend.status().failures, 1);
    registry.flush_blocking().unwrap();
    server.trouble(|trouble| trouble.panic = Some("again"));
    assert!(registry.collect_blocking().is_err());
    assert_eq!(registry.value("hits_total", []).unwrap(), Some(2.0));
    assert_eq!(opened.load(Ordering::Relaxed), 3);
    server.trouble(|trouble| trouble.panic = Some("at the end"));
    let _ = backend.close_blocking();
}

#[test]
fn opening_that_panics_is_an_error_at_the_start_or_later() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::new();
    for at_start in [Unavailable::Fail, Unavailable::GoOn] {
        let panics = Arc::new(AtomicBool::new(true));
        let (server, does) = (server.clone(), panics.clone());
        let mut options = Options::default();
        options.at_start = at_start;
        let open = move || -> Result<Connection, BackendError> {
            assert!(!does.load(Ordering::Relaxed), "no key");
            Ok(server.connect())
        };
        let started = WriteBehind::start(Engine::private().unwrap(), open, options);
        if at_start == Unavailable::Fail {
            let error = started.unwrap_err().to_string();
            assert!(error.contains("no key"), "{error}");
            continue;
        }
        let registry = Registry::new(started.unwrap());
        assert!(registry.flush_blocking().is_err());
        panics.store(false, Ordering::Relaxed);
        registry.flush_blocking().unwrap();
    }
    until("no flusher", || flushers() == 0);
}
