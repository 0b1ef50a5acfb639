//! Numbers as the text format writes them.
//!
//! Prometheus reads values with Go's `ParseFloat`
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), which accepts `1e+300`, `1e-7`,
//! `NaN`, `+Inf` and `-Inf`.

/// 2⁵³: up to here every whole number is a float, so its digits say exactly which.
const EXACT_WHOLE: u64 = 1 << 53;

/// Where a number is written: room for the longest ones, which have 24 bytes, as
/// `-1.7976931348623157e+308`.
pub(crate) type Room = [u8; 32];

/// As many digits as are written at once.
const DIGITS: usize = 8;
/// One more than the largest number that has so many.
const BEYOND: u64 = 100_000_000;
/// What makes a character of each of them.
const ASCII: u64 = u64::from_le_bytes([b'0'; DIGITS]);

/// Writes a whole number, exactly, and perhaps some bytes behind it; returns its length.
#[inline]
pub(crate) fn write_int(n: u64, to: &mut Room) -> usize {
    if n >= BEYOND {
        return write_long(n, to);
    }
    let digits = digits(n);
    // The first digit is in the lowest byte. One stays, even of 0.
    let zeros = (digits.trailing_zeros() as usize / 8).min(DIGITS - 1);
    to[..DIGITS].copy_from_slice(&((digits | ASCII) >> (8 * zeros)).to_le_bytes());
    DIGITS - zeros
}

/// A number of more digits than are written at once.
#[inline(never)]
fn write_long(n: u64, to: &mut Room) -> usize {
    let at = write_int(n / BEYOND, to);
    to[at..at + DIGITS].copy_from_slice(&(digits(n % BEYOND) | ASCII).to_le_bytes());
    at + DIGITS
}

/// The digits of a number below [`BEYOND`], one in each byte, the first one in the lowest: the number
/// is cut in halves, both of these at once again, and all four of those.
///
/// To divide by 100 and by 10, multiply and shift: it comes out right for all that are so small.
/// See Khuong, "How to print integers really fast" (<https://pvk.ca/Blog/2017/12/22/>).
#[inline]
fn digits(n: u64) -> u64 {
    const LOW_7_BITS: u64 = 0x7f_0000_007f;
    const LOW_4_BITS: u64 = 0x000f_000f_000f_000f;

    let fours = (n / 10_000) | ((n % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & LOW_7_BITS;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & LOW_4_BITS;
    tens | ((twos - 10 * tens) << 8)
}

/// Writes a float, and perhaps some bytes behind it: whole ones without exponent up to 2⁵³, others in
/// the shortest digits that read back the same. Returns its length.
#[inline(never)]
pub(crate) fn write_float(x: f64, to: &mut Room) -> usize {
    let whole = x as i64; // saturates, and is 0 for NaN: neither compares equal below
    if whole as f64 == x && whole.unsigned_abs() <= EXACT_WHOLE {
        if !x.is_sign_negative() {
            return write_int(whole.unsigned_abs(), to);
        }
        let mut digits = Room::default();
        let length = write_int(whole.unsigned_abs(), &mut digits);
        to[0] = b'-';
        to[1..=length].copy_from_slice(&digits[..length]);
        return 1 + length;
    }
    if x.is_nan() {
        return write(b"NaN", to);
    }
    if x.is_infinite() {
        return write(if x > 0.0 { b"+Inf" } else { b"-Inf" }, to);
    }
    let mut buffer = zmij::Buffer::new();
    let digits = buffer.format_finite(x);
    // Between 2⁵³ and 10¹⁶ whole numbers still come without exponent, but as `9007199254740994.0`.
    write(digits.strip_suffix(".0").unwrap_or(digits).as_bytes(), to)
}

fn write(number: &[u8], to: &mut Room) -> usize {
    to[..number.len()].copy_from_slice(number);
    number.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Room) -> usize) -> String {
        let mut room = Room::default();
        let length = write(&mut room);
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    fn float(x: f64) -> String {
        written(|to| write_float(x, to))
    }

    fn int(n: u64) -> String {
        written(|to| write_int(n, to))
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

    #[test]
    fn integers_of_every_length_are_written_whole() {
        for digits in 0..20 {
            let n = 10_u64.pow(digits);
            for n in [n - 1, n, n + 1, n / 9 * 8] {
                assert_eq!(int(n), n.to_string());
            }
        }
    }

    #[test]
    fn whatever_is_cut_off_eight_digits_are_right() {
        for n in (0..BEYOND).step_by(997) {
            assert_eq!(int(n), n.to_string());
            assert_eq!(int(BEYOND + n), (BEYOND + n).to_string());
        }
    }

    proptest! {
        #[test]
        fn every_integer_is_written_as_anybody_would(n in any::<u64>(), shift in 0..64_u32) {
            prop_assert_eq!(int(n >> shift), (n >> shift).to_string());
        }

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
