//! Structs whose fields are labels.

/// Labels as a struct, derived with `#[derive(LabelSet)]`.
///
/// The struct may borrow: a `TypedFamily<Counter, Request<'static>>` is looked up with a
/// `&Request<'_>`, because the family is covariant in its labels.
///
/// # Examples
///
/// What the derive writes for `struct Route<'a> { method: &'a str, status: u16 }`:
///
/// ```
/// use pytheus_core::{LabelSet, LabelValue};
///
/// struct Route<'a> {
///     method: &'a str,
///     status: u16,
/// }
/// impl LabelSet for Route<'_> {
///     const NAMES: &'static [&'static str] = &["method", "status"];
///     fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
///         self.method.with_str(|method| self.status.with_str(|status| f(&[method, status])))
///     }
/// }
/// Route { method: "GET", status: 200 }.values(|values| assert_eq!(values, ["GET", "200"]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of labels",
    note = "derive `LabelSet` for a struct with named fields"
)]
pub trait LabelSet {
    /// The label names, in exported order.
    const NAMES: &'static [&'static str];

    /// Calls `f` once with the values in the order of [`NAMES`](Self::NAMES), borrowed.
    ///
    /// There must be as many values as there are names: further ones are ignored, and labels whose
    /// value is missing are empty.
    fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R;
}
