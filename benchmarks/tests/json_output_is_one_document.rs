//! What a program reads must not be mixed with what people read.

use pytheus_benchmarks::Settings;
use serde_json::Value;
use std::process::Command;

#[test]
fn with_versions_and_every_sample() -> Result<(), Box<dyn std::error::Error>> {
    let output = Command::new(env!("CARGO_BIN_EXE_pytheus-benchmarks"))
        .args(["update", "--case", "gauge_set", "--only", "floor", "--quick", "--json"])
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let document: Value = serde_json::from_slice(&output.stdout)?;
    let versions = document["versions"].as_array().ok_or("versions are a list")?;
    assert!(versions.iter().any(|v| v["name"] == "prometheus" && v["version"] == "0.14.0"));

    let few = Settings::quick().series;
    assert_eq!(document["series"], few, "the reader must know that it was cut short");

    let measurement = &document["measurements"][0];
    assert_eq!(measurement["case"], "gauge_set");
    assert_eq!(measurement["threads"], 1);
    let line = &measurement["lines"][0];
    assert_eq!(line["samples"].as_array().map(Vec::len), Some(7));
    assert!(line["spread"]["median"].as_f64().is_some_and(|median| median > 0.0));
    assert!(line["ops"].as_u64().is_some_and(|ops| ops >= 1_000_000));
    assert!(line["times_ours"].is_null());
    Ok(())
}
