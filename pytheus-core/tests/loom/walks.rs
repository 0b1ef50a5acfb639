//! The list of entries: appending against appending, and against a walk.

use crate::list::{self, List};
use crate::mortal::killed_after;
use crate::primitive::{AtomicU32, Ordering};
use crate::world::check;
use loom::sync::Arc;
use loom::thread::spawn;

const ENTRIES: usize = 4;

/// Entries are numbered from 1; those that are complete have a text.
#[derive(Default)]
struct Entries {
    list: List,
    next: [AtomicU32; ENTRIES],
    text: [AtomicU32; ENTRIES],
}

impl list::Links for Entries {
    fn next(&self, at: u32) -> &AtomicU32 {
        &self.next[at as usize - 1]
    }

    fn most(&self) -> usize {
        self.next.len()
    }
}

impl Entries {
    fn append(&self, at: u32) {
        self.text[at as usize - 1].store(at, Ordering::Relaxed);
        assert!(self.list.append(self, at));
    }

    fn walk(&self) -> Vec<u32> {
        let walked = self.list.iter(self);
        let complete = walked.inspect(|at| {
            let text = self.text[*at as usize - 1].load(Ordering::Relaxed);
            assert_eq!(text, *at, "entry {at} was met before it was complete");
        });
        complete.collect()
    }
}

/// As a scrape walks while series are made.
#[test]
fn a_walk_meets_what_was_there_before_it_and_nothing_twice_or_half_made() {
    // All orders of three threads take minutes.
    check(3, || {
        let entries = Arc::new(Entries::default());
        entries.append(1);
        let appending = [2, 3].map(|at| {
            let entries = entries.clone();
            spawn(move || entries.append(at))
        });
        let walking = spawn({
            let entries = entries.clone();
            move || entries.walk()
        });
        let met = walking.join().unwrap();
        appending.into_iter().for_each(|thread| thread.join().unwrap());
        let all = entries.walk();
        assert!(matches!(all[..], [1, 2, 3] | [1, 3, 2]), "{all:?}");
        assert!(all.starts_with(&met) && met.starts_with(&[1]), "{met:?} of {all:?}");
    });
}

#[test]
fn whoever_is_killed_while_appending_leaves_a_list_that_goes_on() {
    for stores in 0.. {
        let lived = std::sync::Arc::new(std::sync::Mutex::new(false));
        let lived_here = lived.clone();
        check(None, move || {
            let entries = Arc::new(Entries::default());
            entries.append(1);
            let killed = spawn({
                let entries = entries.clone();
                move || killed_after(stores, || entries.append(2))
            });
            let appending = spawn({
                let entries = entries.clone();
                move || entries.append(3)
            });
            let lives = killed.join().unwrap();
            *lived_here.lock().unwrap() = lives;
            appending.join().unwrap();
            entries.append(4);
            let all = entries.walk();
            let others: Vec<_> = all.iter().copied().filter(|at| *at != 2).collect();
            assert!(matches!(others[..], [1, 3, 4]), "{all:?}");
            assert!(all.contains(&2) || !lives, "{all:?}");
        });
        if *lived.lock().unwrap() {
            break;
        }
    }
}
