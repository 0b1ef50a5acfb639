//! By `init`, or by the first use; whoever comes later is told who was first.

#![cfg(feature = "local")]

mod child;

use pytheus::{InitError, Local, Registry, counter, global, init};
use std::ptr;

fn registry(prefix: &str) -> Registry {
    Registry::builder(Local::new()).prefix(prefix).build().unwrap()
}

#[test]
fn init_decides_and_macros_count_there() {
    child::alone("init_decides_and_macros_count_there", || {
        let shop = registry("shop");
        init(shop.clone()).unwrap();
        counter!("hits_total", "Hits").inc();
        assert_eq!(global().value("shop_hits_total", []).unwrap(), Some(1.0));
        assert_eq!(shop.value("shop_hits_total", []).unwrap(), Some(1.0));
    });
}

#[test]
fn a_second_init_names_the_line_of_the_first() {
    child::alone("a_second_init_names_the_line_of_the_first", || {
        let (line, first) = (line!(), init(registry("first")));
        first.unwrap();
        let error = init(registry("second")).unwrap_err();
        let InitError::Initialised { at } = error else { panic!("{error:?}") };
        assert_eq!((at.file(), at.line()), (file!(), line));
        assert_eq!(
            error.to_string(),
            format!(
                "the global registry is already set: init was first called at {at}; call it once, \
                 at the start of main"
            ),
        );
        counter!("hits_total", "Hits").inc();
        assert_eq!(global().value("first_hits_total", []).unwrap(), Some(1.0));
    });
}

#[test]
fn an_init_after_the_first_metric_names_the_metric_and_its_line() {
    child::alone("an_init_after_the_first_metric_names_the_metric_and_its_line", || {
        let (line, hits) = (line!(), counter!("hits_total", "Hits"));
        hits.inc();
        counter!("later_total", "Not the first").inc();
        let error = init(registry("late")).unwrap_err();
        let InitError::Used { metric, at } = error else { panic!("{error:?}") };
        assert_eq!((metric, at.file(), at.line()), (Some("hits_total"), file!(), line));
        assert_eq!(
            error.to_string(),
            format!(
                "the global registry is already decided by the environment: first used by \
                 \"hits_total\" at {at}; call init before that"
            ),
        );
        assert_eq!(global().value("hits_total", []).unwrap(), Some(1.0));
    });
}

#[test]
fn an_init_after_a_use_without_a_macro_names_the_line() {
    child::alone("an_init_after_a_use_without_a_macro_names_the_line", || {
        let (line, used) = (line!(), global());
        assert_eq!(used.problems().len(), 0);
        let error = init(registry("late")).unwrap_err();
        let InitError::Used { metric: None, at } = error else { panic!("{error:?}") };
        assert_eq!((at.file(), at.line()), (file!(), line));
        assert!(error.to_string().contains(&format!(": first used at {at};")), "{error}");
    });
}

#[test]
fn every_thread_gets_the_same_one() {
    child::alone("every_thread_gets_the_same_one", || {
        let start = std::sync::Barrier::new(8);
        let addresses: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        ptr::from_ref(global()).addr()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(addresses.iter().all(|address| *address == addresses[0]), "{addresses:?}");
    });
}

#[test]
fn of_many_inits_at_once_one_wins() {
    child::alone("of_many_inits_at_once_one_wins", || {
        let start = std::sync::Barrier::new(8);
        let won = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let registry = registry("app");
                        start.wait();
                        init(registry).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    });
}
