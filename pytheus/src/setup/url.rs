//! Taking a backend URL apart.

use pytheus_core::config::{PercentDecodeError, is_scheme, percent_decode, redact};
use std::borrow::Cow;

/// A URL in its parts. Errors are messages; who knows where the URL was written adds that.
#[derive(Debug)]
pub(super) struct BackendUrl<'a> {
    /// In lower case: schemes are alike in any case (RFC 3986, section 3.1).
    pub(super) scheme: String,
    /// The URL without its query, beginning with the scheme as above.
    pub(super) location: String,
    query: &'a str,
}

impl<'a> BackendUrl<'a> {
    pub(super) fn parse(url: &'a str) -> Result<Self, String> {
        if url.contains(|c: char| c.is_control()) {
            return Err("it has a control character in it; write it percent-encoded".into());
        }
        if url.contains('#') {
            return Err("a backend URL has no fragment; write # as %23".into());
        }
        let (location, query) = url.split_once('?').unwrap_or((url, ""));
        let Some((scheme, rest)) = location.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
        else {
            return Err(no_scheme(location));
        };
        let scheme = scheme.to_ascii_lowercase();
        let location = format!("{scheme}:{rest}");
        Ok(Self { scheme, location, query })
    }

    /// The options of the query, decoded, in the order they stand there.
    pub(super) fn options(&self) -> impl Iterator<Item = Result<(String, String), String>> {
        self.query.split('&').filter(|piece| !piece.is_empty()).map(option)
    }
}

fn no_scheme(location: &str) -> String {
    let hint = match is_scheme(location) {
        true => format!("; did you mean {:?}?", format!("{location}:")),
        false => String::new(),
    };
    format!(
        "{:?} has no scheme: a backend URL begins with a letter, then letters, digits, +, - or ., \
         and a colon, as in \"local:\"{hint}",
        redact(location),
    )
}

fn option(piece: &str) -> Result<(String, String), String> {
    let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
    let key = decode(key).map_err(|error| format!("a key of the query: {error}"))?;
    // What is no key may be part of a password with a ? or & in it, so it is not shown.
    if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Err(
            "the query has a key that is not made of letters, digits, _, - and .; write a \
                    ?, & or = that belongs to a value or a password as %3F, %26 or %3D"
                .into(),
        );
    }
    if !piece.contains('=') {
        return Err(format!("option {key:?} has no value; write \"{key}=…\""));
    }
    let value = decode(value).map_err(|error| format!("option {key:?}: {error}"))?;
    Ok((key.into_owned(), value.into_owned()))
}

fn decode(text: &str) -> Result<Cow<'_, str>, PercentDecodeError> {
    percent_decode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<Vec<(String, String)>, String> {
        BackendUrl::parse(url)?.options().collect()
    }

    #[test]
    fn a_url_is_a_scheme_a_location_and_options() {
        let url =
            BackendUrl::parse("SHM:///dev/shm/Shop?max_bytes=64MiB&a=%26+b%3D&b=c=d&").unwrap();
        assert_eq!(url.scheme, "shm");
        assert_eq!(url.location, "shm:///dev/shm/Shop");
        let options: Vec<_> = url.options().map(Result::unwrap).collect();
        let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(options, [text("max_bytes", "64MiB"), text("a", "&+b="), text("b", "c=d")]);
    }

    #[test]
    fn keys_are_percent_decoded_as_well() {
        assert_eq!(options("x:?gr%C3%B6%C3%9Fe=1"), Ok(vec![("größe".into(), "1".into())]));
    }

    #[test]
    fn what_is_no_url_is_told_how_one_begins() {
        for text in ["", ":", "1x:", "a_b:", "/dev/shm/shop", "://"] {
            let error = BackendUrl::parse(text).unwrap_err();
            assert!(error.starts_with(&format!("{text:?} has no scheme")), "{error}");
        }
        let error = BackendUrl::parse("local").unwrap_err();
        assert!(error.ends_with(r#"; did you mean "local:"?"#), "{error}");
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        for (url, message) in [
            ("local:\n", "control character"),
            ("x:?a=1#b", "no fragment"),
            ("x:?a", "option \"a\" has no value"),
            ("x:?=1", "not made of letters"),
            ("x:?a b=1", "not made of letters"),
            ("x:?a=%", "option \"a\": the % at byte 0"),
            ("x:?%zz=1", "a key of the query: the % at byte 0"),
            ("x:?a=%FF", "not UTF-8"),
        ] {
            let error = options(url).unwrap_err();
            assert!(error.contains(message), "{url}: {error}");
        }
    }

    #[test]
    fn half_a_password_is_not_shown_as_a_key() {
        let error = options("redis://:s3?cret@db/0").unwrap_err();
        assert!(!error.contains("cret"), "{error}");
    }
}
