//! Updates of two cells against readers, with a writer that goes on, stops or is killed.
//!
//! A writer that is stopped is one that does not run while the reader does; these models hold many.

use crate::mortal::killed_after;
use crate::world::{Stripe, check_reader};
use loom::sync::Arc;
use loom::thread::spawn;

/// What an observation stores until it is complete: three words of the note, the odd sequence.
const COMPLETE: usize = 3 + 1;

/// The third update takes the place of the first one's note.
#[test]
fn a_snapshot_is_whole_even_if_the_writer_laps_the_reader() {
    let seen = check_reader(|| {
        let stripe = Arc::new(Stripe::default());
        let writer = spawn({
            let stripe = stripe.clone();
            move || [1, 2, 1].into_iter().for_each(|bucket| stripe.observe(bucket))
        });
        let reader = spawn({
            let stripe = stripe.clone();
            move || stripe.observations()
        });
        writer.join().unwrap();
        let seen = reader.join().unwrap();
        assert_eq!(stripe.observations(), 3);
        seen
    });
    assert_eq!(Vec::from_iter(seen), [0, 1, 2, 3]);
}

#[test]
fn a_later_snapshot_holds_no_less() {
    let seen = check_reader(|| {
        let stripe = Arc::new(Stripe::default());
        let writer = spawn({
            let stripe = stripe.clone();
            move || [1, 2].into_iter().for_each(|bucket| stripe.observe(bucket))
        });
        let reader = spawn({
            let stripe = stripe.clone();
            move || (stripe.observations(), stripe.observations())
        });
        writer.join().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(Vec::from_iter(seen), [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]);
}

#[test]
fn a_reader_needs_nothing_of_a_writer_that_was_killed_anywhere() {
    for stores in 0.. {
        let seen = check_reader(move || {
            let stripe = Arc::new(Stripe::default());
            let writer = spawn({
                let stripe = stripe.clone();
                move || {
                    stripe.observe(1);
                    killed_after(stores, || stripe.observe(2))
                }
            });
            let reader = spawn({
                let stripe = stripe.clone();
                move || stripe.observations()
            });
            let lived = writer.join().unwrap();
            let seen = reader.join().unwrap();
            assert_eq!(stripe.observations(), if stores < COMPLETE { 1 } else { 2 });
            (lived, seen)
        });
        let lived = seen.iter().all(|(lived, _)| *lived);
        let seen: Vec<u64> = seen.into_iter().map(|(_, seen)| seen).collect();
        assert_eq!(seen, if stores < COMPLETE { vec![0, 1] } else { vec![0, 1, 2] });
        if lived {
            assert!(stores > COMPLETE);
            break;
        }
    }
}
