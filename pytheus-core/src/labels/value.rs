//! Values that can be written as a label without allocating.

/// A value that can stand as a label.
///
/// Implemented for strings, integers, `bool` and `char`; implement it for your own enums, so that
/// `#[derive(LabelSet)]` structs can hold them.
///
/// # Examples
///
/// ```
/// use pytheus_core::LabelValue;
///
/// enum Method {
///     Get,
///     Post,
/// }
/// impl LabelValue for Method {
///     fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
///         f(match self {
///             Method::Get => "GET",
///             Method::Post => "POST",
///         })
///     }
/// }
/// assert_eq!(Method::Post.with_str(str::to_owned), "POST");
/// assert_eq!((-40_i64).with_str(str::to_owned), "-40");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a label",
    note = "derive `LabelValue` for an enum without fields, or implement it"
)]
pub trait LabelValue {
    /// Calls `f` once with the value as text.
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R;
}

impl LabelValue for str {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        f(self)
    }
}

impl LabelValue for String {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        f(self)
    }
}

impl LabelValue for std::borrow::Cow<'_, str> {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        f(self)
    }
}

impl LabelValue for bool {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        f(if *self { "true" } else { "false" })
    }
}

impl LabelValue for char {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        f(self.encode_utf8(&mut [0; 4]))
    }
}

macro_rules! integers {
    ($($integer:ty)*) => { $(
        impl LabelValue for $integer {
            fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
                with_decimal(self.unsigned_abs().into(), *self < 0, f)
            }
        }
    )* };
}
macro_rules! naturals {
    ($($natural:ty)*) => { $(
        impl LabelValue for $natural {
            fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
                with_decimal((*self).into(), false, f)
            }
        }
    )* };
}
integers!(i8 i16 i32 i64);
naturals!(u8 u16 u32 u64);

impl LabelValue for usize {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        (*self as u64).with_str(f)
    }
}

impl LabelValue for isize {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        (*self as i64).with_str(f)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for &T {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        (**self).with_str(f)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for Box<T> {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        (**self).with_str(f)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for std::sync::Arc<T> {
    fn with_str<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        (**self).with_str(f)
    }
}

/// Twenty digits and a sign are enough for 64 bits.
fn with_decimal<R>(mut magnitude: u64, negative: bool, f: impl FnOnce(&str) -> R) -> R {
    let mut digits = [0_u8; 21];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
        if magnitude == 0 {
            break;
        }
    }
    if negative {
        start -= 1;
        digits[start] = b'-';
    }
    f(std::str::from_utf8(&digits[start..]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_as_they_print() {
        for n in [0, 1, -1, 9, 10, i64::MAX, i64::MIN] {
            assert_eq!(n.with_str(str::to_owned), n.to_string());
        }
        assert_eq!(u64::MAX.with_str(str::to_owned), u64::MAX.to_string());
        assert_eq!(true.with_str(str::to_owned), "true");
        assert_eq!('é'.with_str(str::to_owned), "é");
    }
}
