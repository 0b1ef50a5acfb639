//! Where a backend comes from, in order.

mod child;
mod probe;

use probe::shown;
use pytheus::{ConfigError, connect, connect_env};
use std::ffi::OsStr;
use std::path::PathBuf;

fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.toml");
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

#[test]
fn without_an_environment_it_is_local() {
    child::alone("without_an_environment_it_is_local", || {
        assert_eq!(connect_env().unwrap().name(), "local");
    });
}

#[test]
fn a_variable_that_is_empty_is_as_good_as_unset() {
    let variables = [("PYTHEUS_BACKEND", ""), ("PYTHEUS_BACKEND_CONFIG", "")];
    child::with_environment("a_variable_that_is_empty_is_as_good_as_unset", &variables, || {
        assert_eq!(connect_env().unwrap().name(), "local");
    });
}

#[test]
fn the_environment_wins_over_local() {
    let variables = [("PYTHEUS_BACKEND", "probe://there")];
    child::with_environment("the_environment_wins_over_local", &variables, || {
        probe::register();
        assert_eq!(connect_env().unwrap().name(), "probe");
    });
}

#[test]
fn an_explicit_url_wins_over_the_environment() {
    let variables = [("PYTHEUS_BACKEND", "probe://there")];
    child::with_environment("an_explicit_url_wins_over_the_environment", &variables, || {
        probe::register();
        assert!(shown(connect("probe://here")).contains("location: \"probe://here\""));
        assert_eq!(connect("local:").unwrap().name(), "local");
    });
}

#[test]
fn the_url_wins_over_the_file_and_the_files_options_stay_beneath() {
    let (_directory, path) =
        file("url = \"probe://there?retries=1\"\nname = \"from the file\"\noffset = 1");
    let variables = [
        ("PYTHEUS_BACKEND", OsStr::new("PROBE://here?offset=2&verbose=true")),
        ("PYTHEUS_BACKEND_CONFIG", path.as_os_str()),
    ];
    let name = "the_url_wins_over_the_file_and_the_files_options_stay_beneath";
    child::with_environment(name, &variables, || {
        probe::register();
        let shown = shown(connect_env());
        for part in [
            "location: \"probe://here\"",
            "verbose: true",
            "retries: Some(1)",
            "offset: 2,",
            "name: \"from the file\"",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    });
}

#[test]
fn a_file_for_another_backend_is_left_out() {
    let (_directory, path) = file("url = \"probe://there\"\nname = \"not for local\"");
    let variables =
        [("PYTHEUS_BACKEND", OsStr::new("local:")), ("PYTHEUS_BACKEND_CONFIG", path.as_os_str())];
    child::with_environment("a_file_for_another_backend_is_left_out", &variables, || {
        assert_eq!(connect_env().unwrap().name(), "local");
    });
}

#[test]
fn a_file_that_is_named_must_be_there_even_beneath_a_url() {
    let variables =
        [("PYTHEUS_BACKEND", "local:"), ("PYTHEUS_BACKEND_CONFIG", "nowhere/metrics.toml")];
    let name = "a_file_that_is_named_must_be_there_even_beneath_a_url";
    child::with_environment(name, &variables, || {
        let error = connect_env().unwrap_err();
        assert!(matches!(&error, ConfigError::File { path, .. } if path.ends_with("metrics.toml")));
    });
}

#[test]
fn a_wrong_option_in_the_environment_names_its_variable_or_its_file() {
    let (_directory, path) = file("url = \"probe://there\"\noffset = \"many\"");
    let variables =
        [("PYTHEUS_BACKEND", OsStr::new("probe:")), ("PYTHEUS_BACKEND_CONFIG", path.as_os_str())];
    let name = "a_wrong_option_in_the_environment_names_its_variable_or_its_file";
    child::with_environment(name, &variables, || {
        probe::register();
        let error = connect_env().unwrap_err().to_string();
        let (origin, message) = error.split_once(": ").unwrap();
        assert!(origin.ends_with("metrics.toml"), "{origin}");
        assert!(message.starts_with("option \"offset\": expected a whole number"), "{message}");
    });
}

#[cfg(unix)]
#[test]
fn a_url_that_is_not_utf_8_is_refused_and_a_path_is_not() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(OsStr::from_bytes(b"\xff.toml"));
    std::fs::write(&path, "url = \"probe://by-an-odd-path\"").unwrap();
    let url = OsStr::from_bytes(b"local:\xff");
    let name = "a_url_that_is_not_utf_8_is_refused_and_a_path_is_not";
    let check = || {
        probe::register();
        match std::env::var_os("PYTHEUS_BACKEND") {
            Some(_) => assert_eq!(
                connect_env().unwrap_err().to_string(),
                "PYTHEUS_BACKEND: not UTF-8; write other bytes percent-encoded",
            ),
            None => assert!(shown(connect_env()).contains("probe://by-an-odd-path")),
        }
    };
    child::with_environment(name, &[("PYTHEUS_BACKEND", url)], check);
    child::with_environment(name, &[("PYTHEUS_BACKEND_CONFIG", path.as_os_str())], check);
}
