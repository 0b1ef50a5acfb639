//! What can be done with a URL without knowing the backend it means.

use crate::ConfigError;
use std::borrow::Cow;
use std::path::PathBuf;

/// What replaces a password.
const HIDDEN: &str = "***";

/// A percent-encoded text that cannot be decoded.
///
/// It says where, and never shows the text, which may be a password.
///
/// # Examples
///
/// ```
/// let error = pytheus_core::config::percent_decode("50%").unwrap_err();
/// assert_eq!(error.to_string(), "the % at byte 2 is not followed by two hexadecimal digits; write % as %25");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PercentDecodeError {
    /// A `%` that begins no code.
    #[error("the % at byte {at} is not followed by two hexadecimal digits; write % as %25")]
    Code {
        /// The byte offset of the `%`.
        at: usize,
    },
    /// The bytes are not text.
    #[error("what the percent codes stand for is not UTF-8")]
    Utf8,
}

/// Decodes `%20` and the like. A `+` is a plus sign.
///
/// Option keys and values are decoded before a backend sees them; the location of a URL is not,
/// because only the backend knows what its separators mean.
///
/// # Errors
///
/// [`PercentDecodeError`] for a `%` without two hexadecimal digits behind it, and for bytes that are
/// not UTF-8.
///
/// # Examples
///
/// ```
/// use pytheus_core::config::percent_decode;
///
/// assert_eq!(percent_decode("/dev/shm/my%20shop")?, "/dev/shm/my shop");
/// # Ok::<(), pytheus_core::config::PercentDecodeError>(())
/// ```
pub fn percent_decode(text: &str) -> Result<Cow<'_, str>, PercentDecodeError> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|(_, b)| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(PercentDecodeError::Code { at });
        };
        decoded.push((high * 16 + low) as u8);
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| PercentDecodeError::Utf8)
}

/// A URL as it may be shown in an error or a log: without its password and without its query.
///
/// Where it is unclear what is a password, as in a URL that is written wrongly, more is hidden rather
/// than less.
///
/// # Examples
///
/// ```
/// use pytheus_core::config::redact;
///
/// assert_eq!(redact("redis://shop:secret@db:6379/0?key_prefix=x"), "redis://shop:***@db:6379/0");
/// assert_eq!(redact("shm:///dev/shm/shop?max_bytes=64MiB"), "shm:///dev/shm/shop");
/// ```
pub fn redact(url: &str) -> String {
    let shown = hide_password(url);
    match shown.find(['?', '#']) {
        Some(end) => shown[..end].to_owned(),
        None => shown.into_owned(),
    }
}

fn hide_password(url: &str) -> Cow<'_, str> {
    let Some(last_at) = url.rfind('@') else {
        return Cow::Borrowed(url);
    };
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        // No authority, so whatever stands before the @ may be meant as one.
        let scheme = url.split_once(':').map(|(scheme, _)| scheme).filter(|s| is_scheme(s));
        let (scheme, colon) = scheme.map_or(("", ""), |scheme| (scheme, ":"));
        return Cow::Owned(format!("{scheme}{colon}{HIDDEN}{}", &url[last_at..]));
    };
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let Some((user, password)) = authority.split_once(':') else {
        return Cow::Borrowed(url);
    };
    match password.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}://{user}:{HIDDEN}@{host}{after}")),
        // The @ stands behind a /, ? or # that a password should have encoded.
        None if after.contains('@') => Cow::Owned(format!("{scheme}://{user}:{HIDDEN}")),
        None => Cow::Borrowed(url),
    }
}

/// The file that a location means: `scheme`, `://` and an absolute path. `example` is a path that people
/// are told of who write something else.
///
/// # Errors
///
/// [`ConfigError::Value`] for another scheme, and for what is not the absolute path of a file.
///
/// # Examples
///
/// ```
/// use pytheus_core::config::file_path;
/// use std::path::Path;
///
/// let path = file_path("sqlite:///srv/my%20shop.db", "sqlite", "/srv/shop.db")?;
/// assert_eq!(path, Path::new("/srv/my shop.db"));
/// assert_eq!(
///     file_path("sqlite:shop.db", "sqlite", "/srv/shop.db").unwrap_err().to_string(),
///     r#"backend URL "sqlite:shop.db": write sqlite:// and the absolute path of a file, such as "sqlite:///srv/shop.db""#,
/// );
/// # Ok::<(), pytheus_core::ConfigError>(())
/// ```
pub fn file_path(location: &str, scheme: &str, example: &str) -> Result<PathBuf, ConfigError> {
    let shape = format!(
        "write {scheme}:// and the absolute path of a file, such as \"{scheme}://{example}\""
    );
    let refuse = |message| ConfigError::Value {
        origin: format!("backend URL {:?}", redact(location)),
        message,
    };
    let path = location.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let path = match percent_decode(path.unwrap_or_default()) {
        Ok(path) => path,
        Err(error) => return Err(refuse(format!("{error}; {shape}"))),
    };
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(refuse(shape));
    }
    Ok(PathBuf::from(path.into_owned()))
}

/// Whether `text` can be the scheme of a URL: a letter, then letters, digits, `+`, `-` and `.`
/// (RFC 3986, section 3.1).
///
/// # Examples
///
/// ```
/// use pytheus_core::config::is_scheme;
///
/// assert!(is_scheme("redis+tls"));
/// assert!(!is_scheme("1st") && !is_scheme("a_b") && !is_scheme(""));
/// ```
pub fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percent_codes_are_decoded_and_nothing_else() {
        assert_eq!(percent_decode("a%2Fb%2fc+d").as_deref(), Ok("a/b/c+d"));
        assert_eq!(percent_decode("gr%C3%B6%C3%9Fe").as_deref(), Ok("größe"));
        for (text, at) in [("%", 0), ("a%2", 1), ("%zz", 0), ("%+1", 0), ("%%20", 0), ("ö%é", 2)]
        {
            assert_eq!(percent_decode(text), Err(PercentDecodeError::Code { at }), "{text}");
        }
        assert_eq!(percent_decode("%FF"), Err(PercentDecodeError::Utf8));
    }

    #[test]
    fn a_password_is_hidden_however_the_url_is_written() {
        for (url, shown) in [
            ("redis://:s3cret@db/0", "redis://:***@db/0"),
            ("redis://shop:s3cret@db:6379/0?a=b", "redis://shop:***@db:6379/0"),
            ("redis://shop:s3@cret@db", "redis://shop:***@db"),
            ("redis://shop:s3/cret@db", "redis://shop:***"),
            ("redis://shop:s3?cret@db", "redis://shop:***"),
            ("redis://shop:s3#cret@db", "redis://shop:***"),
            ("redis:s3cret@db", "redis:***@db"),
            (":s3cret@db", "***@db"),
            ("//:s3cret@db", "***@db"),
        ] {
            assert_eq!(redact(url), shown, "{url}");
        }
    }

    #[test]
    fn what_is_no_password_is_shown() {
        for url in
            ["", "local:", "shm:///dev/shm/a@b", "redis://db:6379/0", "redis://shop@db/0", "locla"]
        {
            assert_eq!(redact(url), url);
        }
    }

    proptest! {
        #[test]
        fn a_password_of_any_text_is_hidden(password in "[a-zA-Z0-9%@:+!$*-]{6,}") {
            let shown = redact(&format!("redis://shop:{password}@db/0"));
            prop_assert_eq!(shown, "redis://shop:***@db/0");
        }
    }
}
