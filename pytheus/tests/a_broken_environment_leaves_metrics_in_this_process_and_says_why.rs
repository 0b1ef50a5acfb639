//! The first use of the global registry never fails.

#![cfg(feature = "local")]

mod child;
mod probe;

use pytheus::{counter, global};

/// Counts, and returns the one problem there is, without its line.
fn problem_of_first_use() -> String {
    let (line, hits) = (line!(), counter!("hits_total", "Hits"));
    hits.inc();
    assert_eq!(global().value("hits_total", []).unwrap(), Some(1.0));
    let problems = global().problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((problems[0].at.file(), problems[0].at.line()), (file!(), line));
    assert_eq!(problems[0].metric, "pytheus::global()");
    problems[0].message.clone()
}

#[test]
fn where_the_scheme_is_unknown() {
    let variables = [("PYTHEUS_BACKEND", "lcoal:")];
    child::with_environment("where_the_scheme_is_unknown", &variables, || {
        let mut known = vec!["local"];
        if cfg!(feature = "redis") {
            known.extend(["redis", "redis+unix", "rediss"]);
        }
        if cfg!(feature = "shm") {
            known.push("shm");
        }
        assert_eq!(
            problem_of_first_use(),
            format!(
                "metrics are kept in this process only: PYTHEUS_BACKEND=\"lcoal:\": unknown backend \
                 scheme \"lcoal\"; known: {known:?}"
            ),
        );
    });
}

#[test]
fn where_an_option_is_wrong() {
    let variables = [("PYTHEUS_BACKEND", "probe://shop:hunter2@db?retries=x")];
    child::with_environment("where_an_option_is_wrong", &variables, || {
        probe::register();
        assert_eq!(
            problem_of_first_use(),
            "metrics are kept in this process only: PYTHEUS_BACKEND=\"probe://shop:***@db\": \
             option \"retries\": expected a whole number from 0 to 4294967295, found string \"x\"",
        );
    });
}

#[test]
fn where_the_file_is_missing() {
    let variables = [("PYTHEUS_BACKEND_CONFIG", "nowhere/metrics.toml")];
    child::with_environment("where_the_file_is_missing", &variables, || {
        let problem = problem_of_first_use();
        let cause = "cannot read the configuration file \"nowhere/metrics.toml\": ";
        assert!(problem.contains(cause) && !problem.ends_with(cause), "{problem}");
    });
}

#[test]
fn where_it_is_in_order_there_is_no_problem() {
    let variables = [("PYTHEUS_BACKEND", "probe:?retries=3")];
    child::with_environment("where_it_is_in_order_there_is_no_problem", &variables, || {
        probe::register();
        counter!("hits_total", "Hits").inc();
        assert_eq!(global().problems().len(), 0);
    });
}
