//! `#[derive(LabelSet)]`: names and values in the order of the fields, borrowed, whatever the struct
//! looks like, and no lint raised by what the derive writes.

#![deny(warnings, unused, future_incompatible, nonstandard_style, keyword_idents)]
#![deny(explicit_outlives_requirements, single_use_lifetimes, trivial_casts, unreachable_pub)]
#![deny(unused_lifetimes, unused_qualifications, unused_results)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(clippy::redundant_pub_crate, reason = "the opposite of `unreachable_pub`")]

use pytheus::{LabelSet, LabelValue};
use std::borrow::Cow;
use std::marker::PhantomData;

const fn names<L: LabelSet>() -> &'static [&'static str] {
    L::NAMES
}

fn values(labels: &impl LabelSet) -> Vec<String> {
    labels.values(|values| values.iter().map(ToString::to_string).collect())
}

#[test]
fn fields_are_labels_in_the_order_they_are_written() {
    #[derive(LabelSet)]
    struct Request<'a> {
        method: &'static str,
        path: &'a str,
        status: u16,
        secure: bool,
    }
    let path = String::from("/cart");
    let request = Request { secure: true, status: 200, method: "GET", path: &path };
    assert_eq!(names::<Request<'_>>(), ["method", "path", "status", "secure"]);
    assert_eq!(values(&request), ["GET", "/cart", "200", "true"]);
}

#[test]
fn a_label_can_have_another_name_than_its_field() {
    #[derive(LabelSet)]
    struct Request {
        #[label(name = "type")]
        kind: char,
        r#match: i8,
        #[label(name = "Type")]
        r#type: &'static str,
    }
    let request = Request { kind: 'k', r#match: -1, r#type: "t" };
    assert_eq!(names::<Request>(), ["type", "match", "Type"]);
    assert_eq!(values(&request), ["k", "-1", "t"]);
}

#[test]
fn a_skipped_field_is_no_label() {
    struct Opaque;
    #[derive(LabelSet)]
    struct Request<T> {
        #[label(skip)]
        body: Opaque,
        method: &'static str,
        #[label(skip)]
        of: PhantomData<T>,
    }
    let request: Request<Opaque> = Request { body: Opaque, method: "PUT", of: PhantomData };
    let Request { body: Opaque, of: PhantomData, .. } = request;
    assert_eq!(names::<Request<Opaque>>(), ["method"]);
    assert_eq!(values(&request), ["PUT"]);
}

#[test]
fn a_struct_without_fields_has_no_labels() {
    #[derive(LabelSet)]
    struct Braces {}
    #[derive(LabelSet)]
    struct Unit;
    assert!(names::<Braces>().is_empty() && names::<Unit>().is_empty());
    assert!(values(&Braces {}).is_empty() && values(&Unit).is_empty());
}

#[test]
fn structs_can_be_generic() {
    #[derive(LabelSet)]
    struct Pair<'a, 'b: 'a, A, B: ?Sized, const N: usize>
    where
        A: Copy,
    {
        first: A,
        second: &'a B,
        third: Cow<'b, str>,
        #[label(skip)]
        digits: [u8; N],
    }
    let third = String::from("3");
    let pair = Pair { first: 1_u8, second: "two", third: (&third).into(), digits: [4, 5] };
    assert_eq!(pair.digits, [4, 5]);
    assert_eq!(names::<Pair<'_, '_, u8, str, 2>>(), ["first", "second", "third"]);
    assert_eq!(values(&pair), ["1", "two", "3"]);
}

#[test]
fn only_label_values_make_a_generic_struct_a_label_set() {
    #[derive(LabelSet)]
    struct Of<T> {
        value: T,
    }
    struct Money(u32);
    impl LabelValue for Money {
        fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
            f(if self.0 > 100 { "much" } else { "little" })
        }
    }
    assert_eq!(values(&Of { value: Money(101) }), ["much"]);
    // `Of<Vec<u8>>` exists; it just is no label set.
    assert_eq!(Of { value: vec![1_u8] }.value, [1]);
}

#[test]
fn fields_can_have_the_names_that_generated_code_uses() {
    #[derive(LabelSet)]
    struct Names<R, F> {
        f: R,
        value_0: F,
        value_1: u8,
        r#fn: u8,
    }
    let labels = Names { f: "a", value_0: "b", value_1: 3, r#fn: 4 };
    assert_eq!(names::<Names<u8, u8>>(), ["f", "value_0", "value_1", "fn"]);
    assert_eq!(values(&labels), ["a", "b", "3", "4"]);
}

#[test]
fn a_deprecated_field_is_still_a_label() {
    #[derive(LabelSet)]
    struct Request {
        #[deprecated]
        method: &'static str,
    }
    #[allow(deprecated, reason = "somebody has to set it")]
    let request = Request { method: "GET" };
    assert_eq!(values(&request), ["GET"]);
}

#[test]
fn nothing_has_to_be_in_scope() {
    mod bare {
        #![no_implicit_prelude]
        #[allow(non_camel_case_types, reason = "it is there to be in the way")]
        #[derive(::pytheus::LabelSet)]
        pub(super) struct str {
            pub(super) text: &'static ::core::primitive::str,
        }
    }
    assert_eq!(values(&bare::str { text: "x" }), ["x"]);
}

#[test]
fn the_traits_can_come_from_another_crate() {
    mod elsewhere {
        pub(super) mod metrics {
            pub(crate) use pytheus::{LabelSet, LabelValue};
        }
    }
    #[derive(LabelSet)]
    #[label_set(crate = "elsewhere::metrics")]
    struct Request {
        method: &'static str,
    }
    assert_eq!(values(&Request { method: "GET" }), ["GET"]);
}

#[test]
fn macros_can_write_the_struct() {
    macro_rules! labels {
        ($name:ident { $($field:ident: $ty:ty = $label:literal),* }) => {
            #[derive(LabelSet)]
            struct $name<'a> { $(#[label(name = $label)] $field: $ty),* }
        };
    }
    labels!(Request { method: &'a str = "verb", status: u16 = "code" });
    assert_eq!(names::<Request<'_>>(), ["verb", "code"]);
    assert_eq!(values(&Request { method: "GET", status: 404 }), ["GET", "404"]);
}
