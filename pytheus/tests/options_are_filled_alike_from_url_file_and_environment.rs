//! One struct per backend; where its options were written makes no difference.

mod child;
mod probe;

use probe::shown;
use pytheus::{BackendSettings, connect, connect_env};
use std::path::PathBuf;

const URL: &str = "probe://here?verbose=true&retries=3&offset=-5&ratio=0.25&name=a%26b+c&letter=x\
                   &shards=16&size=64MiB&interval=5s&mode=fast&wrapped=7";

const TOML: &str = r#"
url = "probe://here"
verbose = true
retries = 3
offset = -5
ratio = 0.25
name = "a&b+c"
letter = "x"
shards = 16
size = "64MiB"
interval = "5s"
mode = "fast"
wrapped = 7
"#;

const JSON: &str = r#"{
    "url": "probe://here",
    "verbose": true, "retries": 3, "offset": -5, "ratio": 0.25, "name": "a&b+c", "letter": "x",
    "shards": 16, "size": 67108864, "interval": "5s", "mode": "fast", "wrapped": 7
}"#;

const FILLED: &str = "Probe { location: \"probe://here\", config: ProbeConfig { verbose: true, \
                      retries: Some(3), offset: -5, ratio: 0.25, name: \"a&b+c\", \
                      letter: Some('x'), shards: Some(16), size: ByteSize(67108864), \
                      interval: Some(5s), mode: Fast, wrapped: Wrapped(7) } }";

fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

#[test]
fn by_the_query_of_a_url() {
    probe::register();
    assert_eq!(shown(connect(URL)), FILLED);
}

#[test]
fn by_a_toml_file() {
    probe::register();
    let (_directory, path) = file("metrics.toml", TOML);
    assert_eq!(shown(BackendSettings::from_file(path).unwrap().connect()), FILLED);
}

#[test]
fn by_a_json_file_in_any_case() {
    probe::register();
    let (_directory, path) = file("metrics.JSON", JSON);
    assert_eq!(shown(BackendSettings::from_file(path).unwrap().connect()), FILLED);
}

#[test]
fn by_the_query_of_the_url_in_a_file() {
    probe::register();
    let (_directory, path) = file("metrics.toml", &format!("url = {URL:?}"));
    assert_eq!(shown(BackendSettings::from_file(path).unwrap().connect()), FILLED);
}

#[test]
fn by_text_where_a_file_could_have_a_number() {
    probe::register();
    let texts =
        TOML.replace("true", "\"true\"").replace("0.25", "\"0.25\"").replace("-5", "\"-5\"");
    let (_directory, path) = file("metrics.toml", &texts);
    assert_eq!(shown(BackendSettings::from_file(path).unwrap().connect()), FILLED);
}

#[test]
fn by_a_program() {
    probe::register();
    let settings = BackendSettings::new("probe://here?verbose=true&retries=3")
        .option("offset", -5)
        .option("ratio", 0.25)
        .option("name", "a&b+c")
        .option("letter", "x")
        .option("shards", 16_u64)
        .option("size", "64MiB")
        .option("interval", String::from("5s"))
        .option("mode", "fast")
        .option("wrapped", 7_i64);
    assert_eq!(shown(settings.connect()), FILLED);
}

#[test]
fn by_a_url_in_the_environment() {
    child::with_environment("by_a_url_in_the_environment", &[("PYTHEUS_BACKEND", URL)], || {
        probe::register();
        assert_eq!(shown(connect_env()), FILLED);
    });
}

#[test]
fn by_a_file_in_the_environment() {
    let (_directory, path) = file("metrics.toml", TOML);
    let variables = [("PYTHEUS_BACKEND_CONFIG", path)];
    child::with_environment("by_a_file_in_the_environment", &variables, || {
        probe::register();
        assert_eq!(shown(connect_env()), FILLED);
    });
}

#[test]
fn what_is_not_given_has_its_default() {
    probe::register();
    assert_eq!(
        shown(connect("probe:")),
        "Probe { location: \"probe:\", config: ProbeConfig { verbose: false, retries: None, \
         offset: 0, ratio: 0.0, name: \"\", letter: None, shards: None, size: ByteSize(0), \
         interval: None, mode: Slow, wrapped: Wrapped(0) } }",
    );
}

#[test]
fn the_largest_and_the_smallest_numbers_keep_every_digit() {
    probe::register();
    let (size, offset) = (u64::MAX, i64::MIN);
    let expected = format!("offset: {offset}");
    let url = shown(connect(&format!("probe:?size={size}&offset={offset}")));
    let json = format!(r#"{{"url": "probe:", "size": {size}, "offset": {offset}}}"#);
    let settings: BackendSettings = serde_json::from_str(&json).unwrap();
    assert_eq!(shown(settings.connect()), url);
    assert!(url.contains(&expected) && url.contains("ByteSize(18446744073709551615)"), "{url}");
}
