//! `#[derive(LabelSet)]` and `#[derive(LabelValue)]`.

mod case;
mod name;
mod options;
mod set;
mod value;

pub(crate) use set::derive as derive_label_set;
pub(crate) use value::derive as derive_label_value;

/// All the values, or all the errors in one, so that nobody mends one mistake per compilation.
fn all<T>(results: impl Iterator<Item = syn::Result<T>>) -> syn::Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors: Option<syn::Error> = None;
    for result in results {
        match (result, &mut errors) {
            (Ok(value), _) => values.push(value),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    errors.map_or(Ok(values), Err)
}
