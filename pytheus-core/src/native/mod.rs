//! Native histograms: how they are declared, and which bucket a value belongs to.
//!
//! | module | what |
//! |---|---|
//! | `index` | the bucket that a value belongs to |
//! | `buckets` | buckets of several sources, added up at the resolution that all have |

mod buckets;
mod index;

#[cfg(test)]
pub(crate) use buckets::number;
pub(crate) use buckets::{Buckets, NUMBERS, of_number};
pub(crate) use index::bucket_of;

/// A histogram whose buckets choose themselves.
///
/// The bounds of its buckets are powers of a base, the same for everybody: 2 to the power of
/// 2^-`schema`. So there is a bucket for every value, however large or small, and histograms of several
/// processes add up. Only buckets that something was counted in take room. Once there are more than
/// [`max_buckets`](Self::max_buckets), each two neighbours become one, which is to go down by one
/// schema; nothing that was counted is lost by that.
///
/// See [`FamilyBuilder::native`](crate::FamilyBuilder::native).
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Native, Registry};
///
/// let registry = Registry::new(Local::new());
/// let sizes = registry
///     .histogram("upload_bytes", "Size of uploads")
///     .native(Native::default().max_buckets(80))
///     .register()?;
/// sizes.observe(1.5e6);
/// assert_eq!(sizes.get(), Some((1.5e6, 1)));
///
/// let native = Native::default();
/// assert_eq!((native.schema, native.max_buckets), (3, 160));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Native {
    /// How narrow the buckets are to begin with, from -4 to 8: each bound is 2^(2^-`schema`) times the
    /// one before. 3 unless said otherwise, which is a factor of 1.09.
    pub schema: i8,
    /// The most buckets of positive and negative values together, from 8 to 1,024; 160 unless said
    /// otherwise. At schema -4, the coarsest, there may be some more, and a value that finds no bucket
    /// even then counts in the count and the sum alone.
    pub max_buckets: u16,
    /// Values that are no further from zero than this count as zero: finite, and not negative. 2^-128
    /// unless said otherwise.
    pub zero_threshold: f64,
}

impl Default for Native {
    fn default() -> Self {
        // As in the official clients: a bound at every schema.
        const ZERO_THRESHOLD: f64 = 1.0 / (1_u128 << 127) as f64 / 2.0;
        Self { schema: 3, max_buckets: 160, zero_threshold: ZERO_THRESHOLD }
    }
}

impl Native {
    /// The coarsest buckets: each bound is 65,536 times the one before.
    pub const MIN_SCHEMA: i8 = -4;
    /// The narrowest buckets: each bound is 1.0027 times the one before.
    pub const MAX_SCHEMA: i8 = 8;
    /// Fewer [buckets](Self::max_buckets) would say too little.
    pub const MIN_BUCKETS: u16 = 8;
    /// More buckets than this are a mistake.
    pub const MAX_BUCKETS: u16 = 1024;

    /// The same with buckets as narrow as this to begin with, from -4 to 8. Checked at registration, as are
    /// the others.
    #[must_use]
    pub const fn schema(self, schema: i8) -> Self {
        Self { schema, ..self }
    }

    /// The same with at most so many buckets, from 8 to 1,024.
    #[must_use]
    pub const fn max_buckets(self, max_buckets: u16) -> Self {
        Self { max_buckets, ..self }
    }

    /// The same where values up to this far from zero count as zero: finite, not negative.
    #[must_use]
    pub const fn zero_threshold(self, zero_threshold: f64) -> Self {
        Self { zero_threshold, ..self }
    }

    /// What all who share a backend mean by it; what is wrong with it otherwise.
    pub(crate) fn checked(self) -> Result<Self, String> {
        if !(Self::MIN_SCHEMA..=Self::MAX_SCHEMA).contains(&self.schema) {
            return Err(format!("schema {} is not between -4 and 8", self.schema));
        }
        if !(Self::MIN_BUCKETS..=Self::MAX_BUCKETS).contains(&self.max_buckets) {
            return Err(format!("max_buckets {} is not between 8 and 1024", self.max_buckets));
        }
        let threshold = self.zero_threshold;
        if !threshold.is_finite() || threshold < 0.0 {
            return Err(format!("zero_threshold {threshold} is not finite, or is negative"));
        }
        // Both zeros are one; all processes must mean the same bits.
        Ok(Self { zero_threshold: threshold.abs(), ..self })
    }
}
