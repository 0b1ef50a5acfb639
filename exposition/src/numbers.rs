//! Numbers as the text format writes them.
//!
//! Prometheus reads values with Go's `ParseFloat`
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), which accepts `1e+300`, `1e-7`,
//! `NaN`, `+Inf` and `-Inf`.

/// 2⁵³: up to here every whole number is a float, so its digits say exactly which.
const EXACT_WHOLE: u64 = 1 << 53;

/// Appends a whole number, exactly.
pub(crate) fn push_int(bytes: &mut Vec<u8>, n: u64) {
    bytes.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Appends a float: whole ones without exponent up to 2⁵³, others in the shortest digits that read
/// back the same.
pub(crate) fn push_float(bytes: &mut Vec<u8>, x: f64) {
    let whole = x as i64; // saturates, and is 0 for NaN: neither compares equal below
    if whole as f64 == x && whole.unsigned_abs() <= EXACT_WHOLE {
        if whole == 0 && x.is_sign_negative() {
            return bytes.extend_from_slice(b"-0");
        }
        return bytes.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    }
    if x.is_nan() {
        return bytes.extend_from_slice(b"NaN");
    }
    if x.is_infinite() {
        return bytes.extend_from_slice(if x > 0.0 { b"+Inf" } else { b"-Inf" });
    }
    let mut buffer = zmij::Buffer::new();
    let digits = buffer.format_finite(x);
    // Between 2⁵³ and 10¹⁶ whole numbers still come without exponent, but as `9007199254740994.0`.
    bytes.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn float(x: f64) -> String {
        let mut bytes = Vec::new();
        push_float(&mut bytes, x);
        String::from_utf8(bytes).unwrap()
    }

    fn int(n: u64) -> String {
        let mut bytes = Vec::new();
        push_int(&mut bytes, n);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn whole_floats_have_no_exponent_up_to_2_to_the_53() {
        for (x, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (123_456.0, "123456"),
            (1e15, "1000000000000000"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (-9_007_199_254_740_992.0, "-9007199254740992"),
            (9_007_199_254_740_994.0, "9007199254740994"),
        ] {
            assert_eq!(float(x), text);
        }
    }

    #[test]
    fn other_floats_are_as_short_as_they_can_be() {
        for (x, text) in [
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (0.005, "0.005"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (1e16, "1e+16"),
            (1e300, "1e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9_223_372_036_854_775_808.0, "9.223372036854776e+18"),
        ] {
            assert_eq!(float(x), text);
        }
    }

    #[test]
    fn what_is_not_finite_is_written_as_prometheus_writes_it() {
        assert_eq!(float(f64::INFINITY), "+Inf");
        assert_eq!(float(f64::NEG_INFINITY), "-Inf");
        assert_eq!(float(f64::NAN), "NaN");
        assert_eq!(float(-f64::NAN), "NaN");
    }

    #[test]
    fn integers_are_exact_past_2_to_the_53() {
        assert_eq!(int(0), "0");
        assert_eq!(int(9_007_199_254_740_993), "9007199254740993");
        assert_eq!(int(u64::MAX), "18446744073709551615");
    }

    proptest! {
        #[test]
        fn every_float_reads_back_the_same(bits in any::<u64>()) {
            let x = f64::from_bits(bits);
            let back: f64 = float(x).parse().unwrap();
            prop_assert!(back.to_bits() == bits || (x.is_nan() && back.is_nan()), "{x:?} came back as {back:?}");
        }

        #[test]
        fn no_whole_float_has_a_point_or_an_exponent(n in -(1_i64 << 53)..=1_i64 << 53) {
            prop_assert_eq!(float(n as f64), n.to_string());
        }
    }
}
