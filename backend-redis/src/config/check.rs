//! What the values of options may be.

use super::RedisConfig;
use pytheus_core::config::ByteSize;
use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const SHARDS: RangeInclusive<u32> = 1..=1024;
const MOST_WINDOW_BYTES: ByteSize = ByteSize::from_bytes(1 << 30);
const MOST_PREFIX_BYTES: usize = 64;
const MOST_NAME_BYTES: usize = 128;

impl RedisConfig {
    /// Whether every option, taken for itself, can be.
    ///
    /// # Errors
    ///
    /// The option, its value and what is allowed.
    pub(super) fn check(&self) -> Result<(), String> {
        key_prefix(&self.key_prefix)?;
        gauge_label(&self.gauge_label)?;
        if let Some(name) = &self.client_name {
            client_name(name)?;
        }
        if let Some(shards) = self.shards.filter(|shards| !SHARDS.contains(shards)) {
            return Err(wrong("shards", shards, "from 1 to 1024 are possible"));
        }
        let text = "from 10ms to 1h is possible";
        within("interval", self.interval, 10 * MILLISECOND..=HOUR, text)?;
        let text = "from 10ms to 5m is possible";
        within("timeout", self.timeout, 10 * MILLISECOND..=300 * SECOND, text)?;
        within("lease", self.lease, SECOND..=DAY, "from 1s to 1d is possible")?;
        within("window", self.window, Duration::ZERO..=HOUR, "from 0s to 1h is possible")?;
        if let Some(expiry) = self.expire_series {
            let text = "from 1s to 3650d is possible";
            within("expire_series", expiry, SECOND..=3650 * DAY, text)?;
        }
        if self.window_bytes > MOST_WINDOW_BYTES {
            let text = format!("at most {MOST_WINDOW_BYTES} is possible");
            return Err(format!("option \"window_bytes\" is {}: {text}", self.window_bytes));
        }
        if self.lease < 2 * self.interval {
            let text = format!(
                "with an interval of {:?}, at least {:?} is needed, or gauges vanish before they are \
                 refreshed",
                self.interval,
                2 * self.interval,
            );
            return Err(wrong("lease", self.lease, &text));
        }
        Ok(())
    }
}

/// Option `option` cannot have the value `value`.
pub(super) fn wrong(option: &str, value: impl Debug, allowed: &str) -> String {
    format!("option {option:?} is {value:?}: {allowed}")
}

fn within(
    option: &str,
    value: Duration,
    range: RangeInclusive<Duration>,
    allowed: &str,
) -> Result<(), String> {
    if range.contains(&value) { Ok(()) } else { Err(wrong(option, value, allowed)) }
}

/// No braces, because those say which slot of a cluster a key is in, and nothing that means something
/// in a pattern of keys.
fn key_prefix(prefix: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b);
    if (1..=MOST_PREFIX_BYTES).contains(&prefix.len()) && prefix.bytes().all(allowed) {
        return Ok(());
    }
    Err(wrong("key_prefix", prefix, "1 to 64 letters, digits, _, -, ., : and / are possible"))
}

fn gauge_label(label: &str) -> Result<(), String> {
    let shape = label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if shape && !label.starts_with("__") && !["le", "quantile"].contains(&label) {
        return Ok(());
    }
    let allowed = "a label name is needed: a letter or _, then letters, digits and _, which does not \
                   begin with __ and is neither le nor quantile";
    Err(wrong("gauge_label", label, allowed))
}

/// As `CLIENT SETNAME` has it.
fn client_name(name: &str) -> Result<(), String> {
    if (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(wrong(
        "client_name",
        name,
        "1 to 128 printable ASCII characters without spaces are possible",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &str) -> Result<(), String> {
        toml::from_str::<RedisConfig>(options).expect(options).check()
    }

    #[test]
    fn the_defaults_are_possible() {
        assert_eq!(check(""), Ok(()));
    }

    #[test]
    fn the_ends_of_every_range_are_possible_and_what_is_beyond_them_is_not() {
        for (good, bad) in [
            ("shards = 1", "shards = 0"),
            ("shards = 1024", "shards = 1025"),
            ("interval = '10ms'", "interval = '9ms'"),
            ("interval = '1h'\nlease = '1d'", "interval = '3601s'"),
            ("timeout = '10ms'", "timeout = '9ms'"),
            ("timeout = '5m'", "timeout = '301s'"),
            ("lease = '1s'\ninterval = '500ms'", "lease = '999ms'\ninterval = '10ms'"),
            ("lease = '10s'", "lease = '9s'"),
            ("lease = '1d'", "lease = '2d'"),
            ("window = '0s'", "window = '61m'"),
            ("window = '1h'", "window = '3601s'"),
            ("window_bytes = '1GiB'", "window_bytes = '1025MiB'"),
            ("window_bytes = 0", "window_bytes = '1TiB'"),
            ("expire_series = '1s'", "expire_series = '999ms'"),
            ("expire_series = '3650d'", "expire_series = '3651d'"),
            ("key_prefix = 'Shop_1-a.b:c/d'", "key_prefix = ''"),
            ("key_prefix = 'x'", "key_prefix = 'a{b}'"),
            ("key_prefix = 'y'", "key_prefix = 'a b'"),
            ("key_prefix = 'z'", "key_prefix = 'é'"),
            ("gauge_label = 'worker_1'", "gauge_label = '1worker'"),
            ("gauge_label = '_w'", "gauge_label = '__w'"),
            ("gauge_label = 'l'", "gauge_label = 'le'"),
            ("client_name = 'shop:1'", "client_name = 'shop 1'"),
            ("client_name = '~'", "client_name = ''"),
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
            let error = check(bad).expect_err(bad);
            let option = bad.split(' ').next().unwrap();
            assert!(error.starts_with(&format!("option {option:?} is ")), "{bad}: {error}");
            assert!(error.contains("possible") || error.contains("needed"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_range_is_named_with_the_value() {
        assert_eq!(
            check("interval = '2h'").unwrap_err(),
            "option \"interval\" is 7200s: from 10ms to 1h is possible"
        );
        assert_eq!(
            check("key_prefix = 'shop{1}'").unwrap_err(),
            "option \"key_prefix\" is \"shop{1}\": 1 to 64 letters, digits, _, -, ., : and / are possible"
        );
    }
}
