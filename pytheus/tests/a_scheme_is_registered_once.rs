//! Built-in schemes and those of others.

use pytheus::{Backend, BackendConfig, ConfigError, connect, register_scheme};
use std::sync::Arc;

macro_rules! scheme {
    ($name:ident, $scheme:literal) => {
        #[derive(serde::Deserialize)]
        struct $name {}
        impl BackendConfig for $name {
            const SCHEME: &'static str = $scheme;
            fn connect(self, _: &str) -> Result<Arc<dyn Backend>, ConfigError> {
                connect("local:")
            }
        }
    };
}

scheme!(Mine, "mine");
scheme!(MineAgain, "MINE");
scheme!(LikeABuiltIn, "local");
scheme!(Mixed, "Mixed+Case.v1");
scheme!(NoScheme, "my_scheme");
scheme!(Empty, "");

fn assert_taken(result: Result<(), ConfigError>, expected: &str) {
    match result {
        Err(ConfigError::SchemeTaken { scheme }) => assert_eq!(scheme, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_scheme_is_unknown_until_it_is_registered_and_registered_once() {
    assert!(matches!(connect("mine:"), Err(ConfigError::Scheme { .. })));
    register_scheme::<Mine>().unwrap();
    assert!(connect("mine:").is_ok());
    assert_taken(register_scheme::<Mine>(), "mine");
    assert_taken(register_scheme::<MineAgain>(), "mine");
}

#[test]
fn a_built_in_scheme_cannot_be_taken() {
    assert_taken(register_scheme::<LikeABuiltIn>(), "local");
}

#[test]
fn schemes_are_alike_in_any_case() {
    register_scheme::<Mixed>().unwrap();
    assert!(connect("mixed+case.V1://x").is_ok());
    assert!(connect("LOCAL:").is_ok());
}

#[test]
fn what_cannot_begin_a_url_is_no_scheme() {
    let error = register_scheme::<NoScheme>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "backend scheme \"my_scheme\": a scheme is a letter, then letters, digits, +, - and .",
    );
    assert!(matches!(register_scheme::<Empty>(), Err(ConfigError::Value { .. })));
}
