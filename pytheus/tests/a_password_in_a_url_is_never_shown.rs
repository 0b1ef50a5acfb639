//! Errors and `Debug` texts name the URL without what is secret in it.

mod probe;

use pytheus::{BackendSettings, connect};

const SECRET: &str = "hunter2";

#[test]
fn by_no_error_of_any_url() {
    probe::register();
    for url in [
        "probe://shop:hunter2@db/0?retries=x",
        "probe://shop:hunter2@db/0?unknown=1",
        "probe://shop:hunter2@db/0?name=1&name=2",
        "probe://shop:hunter2@db/0?name=%zz",
        "probe://shop:hunter2@db/0#fragment",
        "probe://shop:hunter2@db/0\n",
        "probe://:/hunter2@db/0?retries=x",
        "probe://:?hunter2@db/0",
        "probe://:x?hunter2@db/0?retries=x",
        "probe://:#hunter2@db/0",
        "probe:hunter2@db?retries=x",
        "local://shop:hunter2@db/0",
        "unknown://shop:hunter2@db/0",
        "no scheme://shop:hunter2@db/0",
        "://shop:hunter2@db",
        "//shop:hunter2@db",
        "hunter2@db",
        "probe:?verbose=1&token=hunter2",
    ] {
        let error = connect(url).unwrap_err();
        assert!(!error.to_string().contains(SECRET), "{error}");
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn by_no_debug_text_of_settings() {
    let settings = BackendSettings::new("probe://shop:hunter2@db/0?x=hunter2").option("y", SECRET);
    assert_eq!(
        format!("{settings:?}"),
        "BackendSettings { url: \"probe://shop:***@db/0\", options: [\"y\"], .. }",
    );
}

#[test]
fn by_no_error_of_a_file() {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("a.toml", "url = \"probe://shop:hunter2@db/0\" oops"),
        ("b.toml", "url = \"probe://shop:hunter2@db/0"),
        ("c.toml", "url = \"probe://shop:hunter2@db/0\"\nname = []"),
        ("d.json", "{\"url\": \"probe://shop:hunter2@db/0\", oops}"),
        ("e.json", "{\"url\": \"probe://shop:hunter2@db/0"),
        ("f.json", "[\"probe://shop:hunter2@db/0\"]"),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = BackendSettings::from_file(&path).unwrap_err();
        assert!(!error.to_string().contains(SECRET), "{name}: {error}");
    }
}
