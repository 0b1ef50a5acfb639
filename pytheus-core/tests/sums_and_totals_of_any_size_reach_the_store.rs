//! Sums that are no finite numbers combine in a store as floats do; totals are exact beyond 2⁵³, and
//! near enough beyond what a store can add up.

mod store;

use store::{Member, Server};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

#[test]
fn sums_that_are_not_finite_combine_as_floats_do_and_buckets_stay_exact() {
    let cases: [(&[f64], &[f64], f64); 7] = [
        (&[INF], &[], INF),
        (&[-INF], &[1.0], -INF),
        (&[INF], &[-INF], NAN),
        (&[INF, -INF], &[], NAN),
        (&[NAN], &[INF], NAN),
        (&[0.5], &[NAN, 0.5], NAN),
        (&[0.5], &[0.25], 0.75),
    ];
    for (one, other, expected) in cases {
        let server = Server::new();
        let members = [0; 2].map(|_| Member::new(&server));
        for turn in 0..3 {
            for (member, values) in members.iter().zip([one, other]) {
                let times = member.registry.histogram("times", "d").buckets([1.0]);
                let times = times.register().unwrap();
                let sizes = member.registry.summary("sizes", "d").register().unwrap();
                if turn == 0 {
                    for value in values {
                        times.observe(*value);
                        sizes.observe(*value);
                    }
                }
                if turn == 2 {
                    times.observe(0.0);
                }
                member.flush().unwrap();
            }
            if turn == 1 {
                server.restart_empty();
            }
        }
        for name in ["times_sum", "sizes_sum"] {
            if name == "sizes_sum" {
                members.iter().for_each(|m| {
                    m.registry.summary("sizes", "d").register().unwrap().observe(0.0);
                });
                members.iter().for_each(|member| member.flush().unwrap());
            }
            let sum = members[0].value(name, []).unwrap();
            let same = sum == expected || sum.is_nan() && expected.is_nan();
            assert!(same, "{name} {sum} of {one:?} and {other:?}");
        }
        let all = one.iter().chain(other);
        let low = all.clone().filter(|value| **value <= 1.0).count() + 2;
        let count = all.count() + 2;
        let bucket = |le| members[0].value("times_bucket", [("le", le)]);
        assert_eq!(bucket("1"), Some(low as f64), "{one:?} {other:?}");
        assert_eq!(bucket("+Inf"), Some(count as f64));
        assert_eq!(members[0].value("times_count", []), Some(count as f64));
    }
}

#[test]
fn totals_are_exact_beyond_what_floats_can_count() {
    let server = Server::new();
    let members = [0; 2].map(|_| Member::new(&server));
    for member in &members {
        let hits = member.registry.counter("hits_total", "d").register().unwrap();
        hits.inc_by((1_u64 << 53) + 1);
        member.flush().unwrap();
        hits.inc();
        member.flush().unwrap();
    }
    let page = pytheus_exposition_of(&members[0]);
    assert!(page.contains(&format!("hits_total {}\n", (1_u64 << 54) + 4)), "{page}");
}

#[test]
fn a_total_beyond_the_whole_numbers_of_a_store_goes_on() {
    let server = Server::new();
    let member = Member::new(&server);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    for amount in [i64::MAX as u64, 1 << 60, 1 << 62, u64::MAX] {
        hits.inc_by(amount);
        member.flush().unwrap();
        let (told, truth) = (member.value("hits_total", []).unwrap(), hits.get().unwrap());
        assert!((told - truth).abs() <= truth * 1e-9, "{told} {truth}");
    }
    server.restart_empty();
    let other = member.registry.counter("other_total", "d").register().unwrap();
    other.inc();
    let (told, truth) = (member.value("hits_total", []).unwrap(), hits.get().unwrap());
    assert!((told - truth).abs() <= truth * 1e-9, "{told} {truth}");
}

/// The page as text.
fn pytheus_exposition_of(member: &Member) -> String {
    let collection = member.registry.collect_blocking().unwrap();
    let mut page = Vec::new();
    pytheus_exposition::encode_text(&collection, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}
