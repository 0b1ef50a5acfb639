//! Holding a run of cells in one process against using it for something else in another.

use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::stripe::{Cells, Header, Lease, claims, holders, pins};
use crate::world::{check, fence};
use loom::cell::Cell;
use loom::sync::Arc;
use loom::thread::spawn;
use std::sync::Mutex;

/// They let each thread go on twice at any point of the others; all orders take long.
const PREEMPTIONS: usize = 2;

const LIVE: u32 = 1;
const REMOVED: u32 = 2;
const BIT: u64 = 1;
/// What the threads of the holding process pin with, and count holders in.
const THREADS: usize = 2;

/// A series whose run is changed without any care when it is used again: loom fails if anybody touches it
/// then who has not been waited for.
struct World {
    state: AtomicU32,
    run: Mutex<Cell<u32>>,
    /// Whether the process that holds the run says so.
    mark: AtomicU64,
    holders: [AtomicU64; THREADS],
    headers: [Header; THREADS],
    epoch: AtomicU64,
}

/// The cell in which one thread counts holders.
struct Count<'a>(&'a AtomicU64);

impl Cells for Count<'_> {
    fn cell(&self, _: u32) -> &AtomicU64 {
        self.0
    }
}

impl World {
    fn new(mark: u64) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU32::new(LIVE),
            run: Mutex::new(Cell::new(0)),
            mark: AtomicU64::new(mark),
            holders: Default::default(),
            headers: Default::default(),
            epoch: AtomicU64::new(1),
        })
    }

    fn lease(&self, thread: usize) {
        let header = &self.headers[thread];
        let granted = header.lease(&Count(&self.holders[thread]), thread as u64 + 1, |_| true);
        assert_eq!(granted, Lease::Granted);
    }

    fn is_held(&self) -> bool {
        holders::is_held(|| self.holders.iter().map(Count), 0)
    }

    /// Finds the series, and updates it.
    fn use_once(&self, thread: usize) {
        holders::count_found(&self.holders[thread]);
        if !claims::is_set(&self.mark, BIT) {
            claims::set(&self.mark, BIT);
        }
        if self.state.load(Ordering::Acquire) == LIVE {
            self.run.lock().unwrap().get();
        }
        holders::count_dropped(&self.holders[thread]);
    }

    fn take_back(&self, thread: usize) {
        self.headers[thread].pin(&self.epoch, |pinned| {
            claims::take_back(pinned, &self.mark, BIT, || self.is_held(), || false);
        });
    }

    /// Another process removes the series and uses the run if nobody holds it.
    fn remove_and_use_again(&self) {
        self.state.store(REMOVED, Ordering::Release);
        let epoch = pins::retire(&self.epoch);
        if !pins::is_forgotten(|| self.headers.iter(), epoch, |_| true) {
            return;
        }
        if !claims::is_set(&self.mark, BIT) {
            self.run.lock().unwrap().set(1);
        }
    }
}

fn hold_against_removal(mark: u64) {
    check(PREEMPTIONS, move || {
        let world = World::new(mark);
        (0..THREADS).for_each(|thread| world.lease(thread));
        let using = spawn({
            let world = world.clone();
            move || {
                world.use_once(0);
                if mark == 0 {
                    world.take_back(0);
                }
            }
        });
        let letting_go = spawn({
            let world = world.clone();
            move || world.take_back(1)
        });
        let removing = spawn({
            let world = world.clone();
            move || world.remove_and_use_again()
        });
        using.join().unwrap();
        letting_go.join().unwrap();
        removing.join().unwrap();
    });
}

#[test]
fn a_run_that_a_process_holds_for_the_first_time_is_not_used_again() {
    hold_against_removal(0);
}

#[test]
fn a_mark_from_an_earlier_time_is_taken_back_only_when_nobody_relies_on_it() {
    hold_against_removal(BIT);
}

/// Once all is over, a run that nobody holds can be used again.
#[test]
fn a_mark_is_gone_when_the_last_one_let_go() {
    check(PREEMPTIONS, || {
        let world = World::new(0);
        (0..THREADS).for_each(|thread| world.lease(thread));
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let world = world.clone();
                spawn(move || {
                    world.use_once(thread);
                    fence(Ordering::SeqCst);
                    world.take_back(thread);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(world.mark.load(Ordering::Relaxed), 0);
    });
}
