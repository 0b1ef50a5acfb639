//! `#[derive(LabelValue)]`: one text per variant, and no lint raised by what the derive writes.

#![deny(warnings, unused, future_incompatible, nonstandard_style, keyword_idents)]
#![deny(explicit_outlives_requirements, single_use_lifetimes, trivial_casts, unreachable_pub)]
#![deny(unused_lifetimes, unused_qualifications, unused_results)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(clippy::redundant_pub_crate, reason = "the opposite of `unreachable_pub`")]

use pytheus::{LabelSet, LabelValue};

fn text(value: &impl LabelValue) -> String {
    value.with_str(str::to_owned)
}

#[test]
fn variants_are_spelled_in_snake_case() {
    #[derive(LabelValue)]
    enum Outcome {
        Ok,
        NotFound,
        HTTPError,
        V2,
        r#Dyn,
    }
    let all = [Outcome::Ok, Outcome::NotFound, Outcome::HTTPError, Outcome::V2, Outcome::Dyn];
    let texts = all.map(|outcome| text(&outcome));
    assert_eq!(texts, ["ok", "not_found", "http_error", "v2", "dyn"]);
}

#[test]
fn the_spelling_of_all_can_be_chosen() {
    #[derive(LabelValue)]
    #[label(rename_all = "snake_case")]
    enum Snake {
        NotFound,
    }
    #[derive(LabelValue)]
    #[label(rename_all = "lowercase")]
    enum Lower {
        NotFound,
    }
    #[derive(LabelValue)]
    #[label(rename_all = "UPPERCASE")]
    enum Upper {
        NotFound,
    }
    #[derive(LabelValue)]
    #[label(rename_all = "kebab-case")]
    enum Kebab {
        NotFound,
    }
    #[derive(LabelValue)]
    #[label(rename_all = "PascalCase")]
    enum Pascal {
        NotFound,
    }
    assert_eq!(text(&Snake::NotFound), "not_found");
    assert_eq!(text(&Lower::NotFound), "notfound");
    assert_eq!(text(&Upper::NotFound), "NOTFOUND");
    assert_eq!(text(&Kebab::NotFound), "not-found");
    assert_eq!(text(&Pascal::NotFound), "NotFound");
}

#[test]
fn a_variant_can_have_any_text() {
    #[derive(LabelValue)]
    #[label(rename_all = "UPPERCASE")]
    enum Method {
        Get,
        #[label(name = "PROPFIND/1 \"é\"\n")]
        Find,
        #[label(name = "")]
        None,
    }
    assert_eq!(text(&Method::Get), "GET");
    assert_eq!(text(&Method::Find), "PROPFIND/1 \"é\"\n");
    assert_eq!(text(&Method::None), "");
}

#[test]
fn variants_without_fields_come_in_three_forms() {
    #[derive(LabelValue)]
    enum Form {
        Unit,
        Tuple(),
        Struct {},
    }
    let all = [Form::Unit, Form::Tuple(), Form::Struct {}];
    assert_eq!(all.map(|form| text(&form)), ["unit", "tuple", "struct"]);
}

#[test]
fn an_enum_can_have_no_variants() {
    #[derive(LabelValue)]
    enum Never {}
    let never: Option<Never> = None;
    assert_eq!(never.as_ref().map(text), None);
}

#[test]
fn a_derived_label_set_can_hold_derived_label_values() {
    #[derive(LabelValue, Clone, Copy)]
    #[label(rename_all = "UPPERCASE")]
    enum Method {
        Get,
    }
    #[derive(LabelSet)]
    struct Request<'a> {
        method: Method,
        path: &'a str,
    }
    let request = Request { method: Method::Get, path: "/" };
    request.values(|values| assert_eq!(values, ["GET", "/"]));
}

#[test]
fn a_deprecated_variant_is_still_a_value() {
    #[derive(LabelValue)]
    enum Method {
        #[deprecated]
        Get,
    }
    #[allow(deprecated, reason = "somebody has to make it")]
    let get = Method::Get;
    assert_eq!(text(&get), "get");
}

#[test]
fn nothing_has_to_be_in_scope() {
    mod bare {
        #![no_implicit_prelude]
        #[derive(::pytheus::LabelValue)]
        pub(super) enum Method {
            Get,
        }
    }
    assert_eq!(text(&bare::Method::Get), "get");
}

#[test]
fn the_trait_can_come_from_another_crate() {
    mod elsewhere {
        pub(super) mod metrics {
            pub(crate) use pytheus::LabelValue;
        }
    }
    #[derive(LabelValue)]
    #[label(crate = "elsewhere::metrics", rename_all = "UPPERCASE")]
    enum Method {
        Get,
    }
    assert_eq!(text(&Method::Get), "GET");
}
