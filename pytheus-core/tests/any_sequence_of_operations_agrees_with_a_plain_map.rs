//! Registrations, look-ups by every way, updates on several threads, removals, expiry and scrapes in
//! any order: a registry and a plain map say the same.
//!
//! `PYTHEUS_TEST_CASES` asks for a longer run.

mod backends;
mod model;

use model::{Run, case};
use proptest::prelude::*;

fn cases() -> u32 {
    std::env::var("PYTHEUS_TEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_agrees_with_a_plain_map(case in case(0..120)) {
        let mut run = Run::new(&case);
        for op in &case.ops {
            run.apply(op);
        }
        run.compare(0);
        run.compare(1);
    }
}
