//! Amounts to count, set and observe.

use crate::visit::Number;

/// An amount to count, set or observe: any integer or float of the standard library.
///
/// Whole amounts below 2⁵³ stay exact, whatever their type.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Amount, Number};
///
/// fn half(amount: impl Amount) -> f64 {
///     amount.to_f64() / 2.0
/// }
/// assert_eq!((half(3_u8), half(3.0)), (1.5, 1.5));
/// assert_eq!(3_f64.number(), Some(Number::Int(3)));
/// assert_eq!((-1_i32).number(), None); // a counter refuses it
/// ```
pub trait Amount: Copy + sealed::Sealed {
    /// The amount as a counter takes it; `None` for what it refuses: negative amounts, NaN and
    /// infinities, and integers that do not fit 64 bits.
    fn number(self) -> Option<Number>;

    /// The amount as a float, the nearest one for large integers.
    fn to_f64(self) -> f64;

    /// The amount as an integer, where it is one.
    fn to_i64(self) -> Option<i64>;
}

mod sealed {
    pub trait Sealed {}
}

/// Up to here every whole float is exact.
const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

macro_rules! integers {
    ($($integer:ty)*) => { $(
        impl sealed::Sealed for $integer {}
        impl Amount for $integer {
            #[inline]
            fn number(self) -> Option<Number> {
                u64::try_from(self).ok().map(Number::Int)
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline]
            fn to_i64(self) -> Option<i64> {
                i64::try_from(self).ok()
            }
        }
    )* };
}
integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl sealed::Sealed for f64 {}
impl Amount for f64 {
    #[inline]
    fn number(self) -> Option<Number> {
        // Both are false for NaN.
        if (0.0..EXACT).contains(&self) {
            // By way of signed numbers, which is one instruction each way.
            let whole = self as i64;
            let is_whole = whole as f64 == self;
            return Some(if is_whole { Number::Int(whole as u64) } else { Number::Float(self) });
        }
        (self >= EXACT && self.is_finite()).then_some(Number::Float(self))
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline]
    fn to_i64(self) -> Option<i64> {
        let whole = self as i64;
        (self.abs() < EXACT && whole as f64 == self).then_some(whole)
    }
}

impl sealed::Sealed for f32 {}
impl Amount for f32 {
    #[inline]
    fn number(self) -> Option<Number> {
        f64::from(self).number()
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self.into()
    }
    #[inline]
    fn to_i64(self) -> Option<i64> {
        f64::from(self).to_i64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_amounts_are_integers_whatever_their_type() {
        assert_eq!(3.0.number(), Some(Number::Int(3)));
        assert_eq!(3_i8.number(), Some(Number::Int(3)));
        assert_eq!(0.5.number(), Some(Number::Float(0.5)));
        assert_eq!(1e300.number(), Some(Number::Float(1e300)));
        assert_eq!((-2.0).to_i64(), Some(-2));
        assert_eq!((-0.0).number(), Some(Number::Int(0)));
    }

    #[test]
    fn what_is_negative_or_not_finite_is_refused() {
        assert_eq!((-1).number(), None);
        assert_eq!((-0.5).number(), None);
        assert_eq!(f64::NAN.number(), None);
        assert_eq!(f64::INFINITY.number(), None);
        assert_eq!(u128::MAX.number(), None);
    }
}
