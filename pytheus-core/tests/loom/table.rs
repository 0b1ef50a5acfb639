//! The index of the table: inserting against inserting and against taking out.

use crate::index::{self, Index, ROOT_WAYS};
use crate::mortal::killed_after;
use crate::primitive::{AtomicU32, Ordering};
use crate::world::check;
use loom::sync::Arc;
use loom::thread::spawn;
use std::convert::Infallible;

const ENTRIES: usize = 4;
const BRANCHES: usize = 3;

/// Entries are numbered from 1; those that exist have a key, which is its own hash.
#[derive(Default)]
struct Table {
    root: Index,
    keys: [AtomicU32; ENTRIES],
    gone: [AtomicU32; ENTRIES],
    /// As many ways as the widest have.
    branches: [[AtomicU32; ROOT_WAYS]; BRANCHES],
    branches_used: AtomicU32,
}

impl index::Table for Table {
    type Key<'a> = u32;
    type Error = Infallible;

    fn branch(&self, at: u32, ways: usize) -> &[AtomicU32] {
        &self.branches[at as usize - 1][..ways]
    }

    fn new_branch(&self, _: usize) -> Result<u32, Infallible> {
        Ok(self.branches_used.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn is_gone(&self, at: u32) -> bool {
        self.gone[at as usize - 1].load(Ordering::Acquire) == 1
    }

    fn is(&self, at: u32, key: u32) -> bool {
        self.hash_of(at, 0) == u64::from(key)
    }

    fn hash(&self, key: u32, _: u32) -> u64 {
        key.into()
    }

    fn too_deep(&self) -> Infallible {
        unreachable!("two keys part at their hashes")
    }

    fn hash_of(&self, at: u32, _: u32) -> u64 {
        let key = self.keys[at as usize - 1].load(Ordering::Relaxed);
        assert_ne!(key, 0, "entry {at} was found before it was complete");
        key.into()
    }
}

impl Table {
    /// Makes entry `at` for `key` and enters it. Returns the one that was there already.
    fn insert(&self, at: u32, key: u32) -> Option<u32> {
        self.keys[at as usize - 1].store(key, Ordering::Relaxed);
        let Ok(found) = self.root.insert(self, key, at);
        found
    }

    fn find(&self, key: u32) -> Option<u32> {
        self.root
            .locate(self, key)
            .filter(|at| index::Table::is(self, *at, key) && !index::Table::is_gone(self, *at))
    }

    fn remove(&self, at: u32) {
        self.gone[at as usize - 1].store(1, Ordering::Release);
        self.root.unlink(self, at);
    }
}

/// Three keys that part at the second level, and one that parts from the first at the third.
const FIRST: u32 = 0x1_11;
const SECOND: u32 = 0x1_21;
const THIRD: u32 = 0x1_31;
const DEEP: u32 = 0x2_11;

#[test]
fn of_two_that_insert_one_key_one_finds_the_other() {
    check(None, || {
        let table = Arc::new(Table::default());
        let threads = [1, 2].map(|at| {
            let table = table.clone();
            spawn(move || (table.insert(at, FIRST), table.find(FIRST)))
        });
        match threads.map(|thread| thread.join().unwrap()) {
            [(None, Some(1)), (Some(1), Some(1))] | [(Some(2), Some(2)), (None, Some(2))] => {}
            wrong => panic!("{wrong:?}"),
        }
    });
}

/// Both push the entry that is there a level down, to the same place or not.
fn both_are_found(keys: [u32; 2]) {
    check(None, move || {
        let table = Arc::new(Table::default());
        assert_eq!(table.insert(1, FIRST), None);
        let inserting = [(2, keys[0]), (3, keys[1])].map(|(at, key)| {
            let table = table.clone();
            spawn(move || {
                assert_eq!(table.insert(at, key), None);
                assert_eq!(table.find(key), Some(at));
                assert_eq!(table.find(FIRST), Some(1));
            })
        });
        inserting.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(table.find(keys[0]), Some(2));
        assert_eq!(table.find(keys[1]), Some(3));
        assert_eq!(table.find(FIRST), Some(1));
    });
}

#[test]
fn two_keys_that_push_a_third_down_are_both_found() {
    both_are_found([SECOND, THIRD]);
}

#[test]
fn two_keys_that_push_a_third_down_to_different_depths_are_both_found() {
    both_are_found([SECOND, DEEP]);
}

#[test]
fn an_entry_is_found_while_it_is_pushed_down() {
    check(None, || {
        let table = Arc::new(Table::default());
        assert_eq!(table.insert(1, FIRST), None);
        let inserting = spawn({
            let table = table.clone();
            move || table.insert(2, DEEP)
        });
        let looking = spawn({
            let table = table.clone();
            move || {
                assert_eq!(table.find(FIRST), Some(1));
                assert!(matches!(table.find(DEEP), None | Some(2)));
            }
        });
        assert_eq!(inserting.join().unwrap(), None);
        looking.join().unwrap();
    });
}

/// An entry that could be found again could be used for another key while it stands at its old place.
#[test]
fn an_entry_that_is_taken_out_while_it_is_pushed_down_is_nowhere() {
    for key in [SECOND, DEEP, FIRST] {
        check(None, move || {
            let table = Arc::new(Table::default());
            assert_eq!(table.insert(1, FIRST), None);
            let inserting = spawn({
                let table = table.clone();
                move || table.insert(2, key)
            });
            let removing = spawn({
                let table = table.clone();
                move || {
                    table.remove(1);
                    assert_ne!(table.root.locate(&*table, FIRST), Some(1));
                }
            });
            let found = inserting.join().unwrap();
            removing.join().unwrap();
            assert_ne!(table.root.locate(&*table, FIRST), Some(1));
            if found.is_none() {
                assert_eq!(table.find(key), Some(2));
            } else {
                // It came before the removal, and found what was removed then.
                assert_eq!((key, found), (FIRST, Some(1)));
            }
        });
    }
}

/// The branch that was made to push one entry down is used for another, and must not bring the first.
#[test]
fn a_branch_that_came_too_late_for_one_entry_takes_only_the_next_one_down() {
    check(None, || {
        let table = Arc::new(Table::default());
        assert_eq!(table.insert(1, FIRST), None);
        let replacing = spawn({
            let table = table.clone();
            move || {
                table.remove(1);
                assert_eq!(table.insert(2, SECOND), None);
            }
        });
        let inserting = spawn({
            let table = table.clone();
            move || assert_eq!(table.insert(3, THIRD), None)
        });
        replacing.join().unwrap();
        inserting.join().unwrap();
        assert_eq!(table.root.locate(&*table, FIRST), None);
        assert_eq!(table.find(SECOND), Some(2));
        assert_eq!(table.find(THIRD), Some(3));
    });
}

#[test]
fn an_entry_is_taken_out_once_and_its_successor_stays() {
    // All orders of three threads take minutes.
    check(2, || {
        let table = Arc::new(Table::default());
        assert_eq!(table.insert(1, FIRST), None);
        let removing = spawn({
            let table = table.clone();
            move || table.remove(1)
        });
        let inserting = [2, 3].map(|at| {
            let table = table.clone();
            spawn(move || table.insert(at, FIRST))
        });
        removing.join().unwrap();
        let found = inserting.map(|thread| thread.join().unwrap());
        let expected = match found {
            [None, Some(2)] => Some(2),
            [Some(3), None] => Some(3),
            [None, Some(1)] => Some(2),
            [Some(1), None] => Some(3),
            [Some(1), Some(1)] => None,
            wrong => panic!("{wrong:?}"),
        };
        assert_eq!(table.find(FIRST), expected);
    });
}

#[test]
fn whoever_is_killed_half_way_leaves_nothing_half_linked() {
    for stores in 0.. {
        let lived = std::sync::Arc::new(std::sync::Mutex::new(false));
        let lived_here = lived.clone();
        check(None, move || {
            let table = Arc::new(Table::default());
            assert_eq!(table.insert(1, FIRST), None);
            let killed = spawn({
                let table = table.clone();
                move || killed_after(stores, || assert_eq!(table.insert(2, DEEP), None))
            });
            let inserting = spawn({
                let table = table.clone();
                move || {
                    assert_eq!(table.insert(3, SECOND), None);
                    assert_eq!(table.find(FIRST), Some(1));
                }
            });
            let lives = killed.join().unwrap();
            *lived_here.lock().unwrap() = lives;
            inserting.join().unwrap();
            assert_eq!(table.find(FIRST), Some(1));
            assert_eq!(table.find(SECOND), Some(3));
            assert_eq!(table.find(DEEP), lives.then_some(2));
        });
        if *lived.lock().unwrap() {
            break;
        }
    }
}
