//! `examples/shop.rs`, run as its documentation says.

use std::process::Command;

#[test]
fn the_program_prints_what_three_workers_counted() {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--example", "shop"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    for line in [
        "latency_seconds_bucket{le=\"0.1\"} 750",
        "latency_seconds_bucket{le=\"1\"} 3000",
        "latency_seconds_sum 1125",
        "latency_seconds_count 3000",
        "orders_total{channel=\"phone\"} 1000",
        "orders_total{channel=\"web\"} 2000",
        "stock -3000",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
}
