//! Nothing that can be written into a configuration makes the library panic.

mod probe;

use proptest::prelude::*;
use pytheus::{Backend, BackendSettings, ConfigError, OptionValue, connect};
use std::sync::Arc;

/// A backend or an error with a message.
fn check(result: Result<Arc<dyn Backend>, ConfigError>) -> Result<(), TestCaseError> {
    match result {
        Ok(backend) => prop_assert!(["local", "probe"].contains(&backend.name())),
        Err(error) => prop_assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "verbose", "retries", "offset", "ratio", "name", "letter", "shards", "size",
            "interval", "mode", "wrapped", "url", "",
        ])
        .prop_map(String::from),
        ".*",
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{0,40}",
        "-?[0-9]{1,20}(\\.[0-9]{0,5})?(e-?[0-9]{1,4})?",
        "[0-9]{1,20} ?(ns|us|ms|s|m|h|d|B|kB|MiB|GiB|TiB|TB)",
        "(true|false|slow|fast|inf|NaN|x)",
        "(%[0-9A-Fa-f]{0,2}|[&=?#+]|[a-z]){0,8}",
        ".*",
    ]
}

fn values() -> impl Strategy<Value = OptionValue> {
    prop_oneof![
        any::<bool>().prop_map(OptionValue::Bool),
        any::<i128>().prop_map(OptionValue::Int),
        any::<i64>().prop_map(OptionValue::from),
        any::<f64>().prop_map(OptionValue::Float),
        texts().prop_map(OptionValue::Text),
    ]
}

proptest! {
    #[test]
    fn any_text_as_a_url(text in ".*") {
        check(connect(&text))?;
    }

    #[test]
    fn anything_that_looks_like_a_url(
        scheme in "(local|probe|PROBE|[a-z+.]{0,4})",
        location in "(//)?([a-z]{0,5}:?[a-z]{0,5}@)?.{0,10}",
        query in ".{0,20}",
    ) {
        probe::register();
        check(connect(&format!("{scheme}:{location}?{query}")))?;
    }

    #[test]
    fn any_options_in_a_query(options in prop::collection::vec((keys(), texts()), 0..4)) {
        probe::register();
        let query: Vec<_> = options.iter().map(|(key, value)| format!("{key}={value}")).collect();
        check(connect(&format!("probe:?{}", query.join("&"))))?;
    }

    #[test]
    fn any_options_beside_a_url(options in prop::collection::vec((keys(), values()), 0..4)) {
        probe::register();
        let mut settings = BackendSettings::new("probe:");
        for (key, value) in options {
            settings = settings.option(key, value);
        }
        check(settings.connect())?;
    }

    #[test]
    fn any_text_as_a_file(text in ".*", name in "m\\.(toml|json)") {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        check(BackendSettings::from_file(path).and_then(|settings| settings.connect()))?;
    }

    #[test]
    fn a_text_that_is_percent_encoded_arrives_as_it_is(text in ".*") {
        probe::register();
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let shown = probe::shown(connect(&format!("probe:?name={encoded}")));
        let expected = format!("name: {text:?},");
        prop_assert!(shown.contains(&expected), "{}", shown);
    }
}
