//! Every wrong scheme, key, value, file name and file.

mod probe;

use pytheus::{BackendConfig, BackendSettings, ConfigError, connect};

fn refusal(url: &str) -> String {
    probe::register();
    let error = connect(url).unwrap_err();
    assert!(matches!(error, ConfigError::Value { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn an_unknown_scheme_lists_the_known_ones() {
    probe::register();
    let error = connect("prob://here").unwrap_err();
    let ConfigError::Scheme { origin, scheme, known, .. } = error else { panic!("{error:?}") };
    assert_eq!(origin, "backend URL \"prob://here\"");
    assert_eq!(scheme, "prob");
    assert!(
        known.contains(&"local".to_owned()) && known.contains(&"probe".to_owned()),
        "{known:?}"
    );
}

#[test]
fn a_word_that_is_a_scheme_is_told_about_the_colon() {
    let error = refusal("local");
    assert!(error.starts_with("backend URL \"local\": \"local\" has no scheme: "), "{error}");
    assert!(error.ends_with("did you mean \"local:\"?"), "{error}");
}

#[test]
fn local_has_neither_a_location_nor_options() {
    assert_eq!(
        refusal("local:///dev/shm/shop"),
        "backend URL \"local:///dev/shm/shop\": the local backend has no location; write \"local:\"",
    );
    assert_eq!(
        refusal("local:?max_bytes=64MiB"),
        "backend URL \"local:\": unknown option \"max_bytes\"; a local backend has no options",
    );
}

#[test]
fn an_unknown_option_lists_the_known_ones() {
    assert_eq!(
        refusal("probe:?loud=true"),
        "backend URL \"probe:\": unknown option \"loud\"; allowed: \"verbose\", \"retries\", \
         \"offset\", \"ratio\", \"name\", \"letter\", \"shards\", \"size\", \"interval\", \
         \"mode\", \"wrapped\"",
    );
}

#[test]
fn a_wrong_value_says_what_is_wanted_and_what_was_found() {
    for (query, message) in [
        ("verbose=yes", "option \"verbose\": expected true or false, found string \"yes\""),
        (
            "retries=-1",
            "option \"retries\": expected a whole number from 0 to 4294967295, found string \"-1\"",
        ),
        (
            "wrapped=256",
            "option \"wrapped\": expected a whole number from 0 to 255, found string \"256\"",
        ),
        ("ratio=half", "option \"ratio\": expected a number, found string \"half\""),
        ("letter=xy", "option \"letter\": expected a character, found string \"xy\""),
        ("shards=0", "option \"shards\": expected a nonzero u16, found integer `0`"),
        (
            "mode=quick",
            "option \"mode\": expected one of \"slow\", \"fast\", found string \"quick\"",
        ),
        (
            "size=64M",
            "option \"size\": expected a size: a whole number of B, KiB, MiB, GiB, TiB, kB, MB, GB \
             or TB, such as \"64MiB\", or a plain number of bytes, found string \"64M\"",
        ),
        (
            "interval=5",
            "option \"interval\": expected a duration: a whole number of ns, us, ms, s, m, h or d, \
             such as \"5s\" or \"500ms\", found string \"5\"",
        ),
    ] {
        assert_eq!(
            refusal(&format!("probe:?{query}")),
            format!("backend URL \"probe:\": {message}")
        );
    }
}

#[test]
fn a_value_that_has_a_type_keeps_it() {
    probe::register();
    for (key, value, message) in [
        ("name", 5.into(), "option \"name\": expected a string, found integer `5`"),
        ("verbose", 1.into(), "option \"verbose\": expected a boolean, found integer `1`"),
        ("retries", true.into(), "option \"retries\": expected u32, found boolean `true`"),
        ("offset", 1.5.into(), "option \"offset\": expected i64, found floating point `1.5`"),
        ("mode", false.into(), "option \"mode\": expected enum Mode, found boolean `false`"),
    ] {
        let value: pytheus::OptionValue = value;
        let error = BackendSettings::new("probe:").option(key, value).connect().unwrap_err();
        assert_eq!(error.to_string(), format!("settings of backend URL \"probe:\": {message}"));
    }
}

#[test]
fn an_option_is_given_once() {
    let twice = "option \"name\" is given twice; give it once";
    assert_eq!(refusal("probe:?name=a&name=a"), format!("backend URL \"probe:\": {twice}"));
    assert_eq!(refusal("probe:?name=a&n%61me=b"), format!("backend URL \"probe:\": {twice}"));
    let settings = BackendSettings::new("probe:?name=a").option("name", "b");
    let error = settings.connect().unwrap_err().to_string();
    assert_eq!(error, format!("backend URL \"probe:\": {twice}"));
}

#[test]
fn a_backend_that_forgot_to_deny_unknown_options_denies_them_as_well() {
    #[derive(serde::Deserialize)]
    struct Lax {
        #[serde(default)]
        _known: bool,
    }
    impl BackendConfig for Lax {
        const SCHEME: &'static str = "lax";
        fn connect(self, _: &str) -> Result<std::sync::Arc<dyn pytheus::Backend>, ConfigError> {
            connect("local:")
        }
    }
    pytheus::register_scheme::<Lax>().unwrap();
    assert!(connect("lax:?_known=true").is_ok());
    assert_eq!(
        connect("lax:?knwon=true").unwrap_err().to_string(),
        "backend URL \"lax:\": unknown option \"knwon\"; allowed: \"_known\"",
    );
}

#[test]
fn an_option_that_has_no_default_must_be_given() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        _path: String,
    }
    impl BackendConfig for Strict {
        const SCHEME: &'static str = "strict";
        fn connect(self, _: &str) -> Result<std::sync::Arc<dyn pytheus::Backend>, ConfigError> {
            connect("local:")
        }
    }
    pytheus::register_scheme::<Strict>().unwrap();
    assert_eq!(refusal("strict:"), "backend URL \"strict:\": option \"_path\" is missing");
}

#[test]
fn a_file_ends_in_toml_or_json() {
    for name in ["metrics", "metrics.yaml", "metrics.toml.bak", ""] {
        let error = BackendSettings::from_file(name).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{name}: the name of a configuration file ends in .toml or .json")
        );
    }
}

#[test]
fn a_missing_file_is_named_with_its_cause() {
    let error = BackendSettings::from_file("nowhere/metrics.toml").unwrap_err();
    assert_eq!(error.to_string(), "cannot read the configuration file \"nowhere/metrics.toml\"");
    let cause =
        std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(cause.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_file_that_is_not_settings_is_named_with_the_line() {
    let directory = tempfile::tempdir().unwrap();
    for (name, content, message) in [
        ("a.toml", "url = \"local:\"\n\nurl =", "line 3: "),
        ("b.toml", "verbose = true", "missing field `url`"),
        (
            "c.toml",
            "url = \"probe:\"\nname = [1, 2]",
            "option \"name\": invalid type: sequence, expected text, a number, true or false",
        ),
        ("d.toml", "url = 5", "expected a string"),
        ("e.json", "{\"url\": \"local:\", ", "line 1 column 18"),
        ("f.json", "[]", "expected a backend's url, or a url and options beside it"),
        (
            "g.json",
            "{\"url\": \"probe:\", \"name\": 1, \"name\": 2}",
            "option \"name\" is given twice",
        ),
        ("h.json", "{\"url\": \"probe:\", \"url\": \"probe:\"}", "duplicate field `url`"),
        (
            "i.json",
            "{\"url\": \"probe:\", \"name\": null}",
            "option \"name\": invalid type: null, expected text",
        ),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = BackendSettings::from_file(&path).unwrap_err();
        let ConfigError::Value { origin, message: said } = error else { panic!("{error:?}") };
        assert_eq!(origin, path.display().to_string());
        assert!(said.contains(message), "{name}: {said}");
    }
}

#[test]
fn a_wrong_option_in_a_file_names_the_file() {
    probe::register();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.toml");
    std::fs::write(&path, "url = \"probe:?retries=x\"").unwrap();
    let said = |path| BackendSettings::from_file(path).unwrap().connect().unwrap_err().to_string();
    let shown = path.display();
    assert!(
        said(&path).starts_with(&format!("{shown}: backend URL \"probe:\": option \"retries\": "))
    );
    std::fs::write(&path, "url = \"probe:\"\nretries = \"x\"").unwrap();
    assert!(said(&path).starts_with(&format!("{shown}: option \"retries\": ")));
}
