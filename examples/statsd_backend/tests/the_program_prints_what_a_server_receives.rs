//! `examples/send.rs`, run as its documentation says.

use std::process::Command;

#[test]
fn the_program_prints_what_a_server_receives() {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--example", "send"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let (url, rest) = printed.split_once('\n').unwrap();
    assert!(url.starts_with("statsd://127.0.0.1:") && url.ends_with("?prefix=shop"), "{url}");
    let (lines, backend) = rest.rsplit_once("\n\n").unwrap();
    let received = [
        "",
        "shop.stock:12|g",
        "shop.door:1|g|#door:open",
        "shop.door:0|g|#door:shut",
        "shop.in_flight:+1|g",
        "shop.orders_total:1|c|#channel:phone,country:fr",
        "shop.orders_total:3|c|#channel:web,country:de",
        "shop.latency_seconds:0.25|h",
        "shop.in_flight:-1|g",
        "shop.stock:-4|g",
    ];
    assert_eq!(lines, received.join("\n"));
    assert!(backend.contains("dropped: 0 "), "{backend}");
}
