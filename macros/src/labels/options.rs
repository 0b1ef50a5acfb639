//! What `#[label_set(..)]` and `#[label(..)]` say.

use super::case::Case;
use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Path, parse_quote};

/// `#[label_set(crate = "..")]` on a struct.
pub(super) struct SetOptions {
    pub(super) krate: Path,
}

impl SetOptions {
    pub(super) fn read(attrs: &[Attribute]) -> syn::Result<Self> {
        let mut krate = None;
        for attr in attrs {
            if attr.path().is_ident("label") {
                let message = "`#[label(..)]` stands on a field; the struct itself takes \
                               `#[label_set(crate = \"..\")]`";
                return Err(syn::Error::new_spanned(attr, message));
            }
            if !attr.path().is_ident("label_set") {
                continue;
            }
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    return once(&mut krate, &meta, crate_path);
                }
                Err(meta.error("unknown option; `#[label_set(..)]` takes `crate = \"..\"`"))
            })?;
        }
        Ok(Self { krate: krate.unwrap_or_else(facade) })
    }
}

/// `#[label(crate = "..", rename_all = "..")]` on an enum.
pub(super) struct ValueOptions {
    pub(super) krate: Path,
    pub(super) case: Case,
}

impl ValueOptions {
    pub(super) fn read(attrs: &[Attribute]) -> syn::Result<Self> {
        let (mut krate, mut case) = (None, None);
        each_label_option(attrs, |meta| {
            if meta.path.is_ident("crate") {
                return once(&mut krate, &meta, crate_path);
            }
            if meta.path.is_ident("rename_all") {
                return once(&mut case, &meta, |text| Case::named(&text));
            }
            Err(meta.error(
                "unknown option; `#[label(..)]` on an enum takes `rename_all = \"..\"` and \
                 `crate = \"..\"`",
            ))
        })?;
        Ok(Self { krate: krate.unwrap_or_else(facade), case: case.unwrap_or(Case::Snake) })
    }
}

/// `#[label(name = "..")]` or `#[label(skip)]` on a field.
pub(super) struct FieldOptions {
    pub(super) name: Option<LitStr>,
    pub(super) skip: bool,
}

impl FieldOptions {
    pub(super) fn read(attrs: &[Attribute]) -> syn::Result<Self> {
        let mut options = Self { name: None, skip: false };
        each_label_option(attrs, |meta| {
            if meta.path.is_ident("name") {
                once(&mut options.name, &meta, Ok)?;
            } else if meta.path.is_ident("skip") {
                options.skip = true;
            } else {
                return Err(meta.error(
                    "unknown option; `#[label(..)]` on a field takes `name = \"..\"` or `skip`",
                ));
            }
            if options.skip && options.name.is_some() {
                return Err(meta.error("a field that is skipped has no name; keep one of the two"));
            }
            Ok(())
        })?;
        Ok(options)
    }
}

/// `#[label(name = "..")]` on a variant.
pub(super) struct VariantOptions {
    pub(super) name: Option<LitStr>,
}

impl VariantOptions {
    pub(super) fn read(attrs: &[Attribute]) -> syn::Result<Self> {
        let mut name = None;
        each_label_option(attrs, |meta| {
            if meta.path.is_ident("name") {
                return once(&mut name, &meta, Ok);
            }
            Err(meta.error("unknown option; `#[label(..)]` on a variant takes `name = \"..\"`"))
        })?;
        Ok(Self { name })
    }
}

/// The text and place of a name: the one given, or else the identifier's.
pub(super) fn text_and_span(given: Option<&LitStr>, ident: &Ident) -> (String, Span) {
    given.map_or_else(
        || (ident.unraw().to_string(), ident.span()),
        |name| (name.value(), name.span()),
    )
}

fn each_label_option(
    attrs: &[Attribute],
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("label"))
        .try_for_each(|attr| attr.parse_nested_meta(&mut read))
}

/// Reads `option = ".."` into a slot that must still be empty.
fn once<T>(
    slot: &mut Option<T>,
    meta: &ParseNestedMeta<'_>,
    read: impl FnOnce(LitStr) -> syn::Result<T>,
) -> syn::Result<()> {
    let value = read(meta.value()?.parse()?)?;
    if slot.replace(value).is_some() {
        return Err(meta.error("given twice"));
    }
    Ok(())
}

fn crate_path(text: LitStr) -> syn::Result<Path> {
    text.parse_with(Path::parse_mod_style).map_err(|_| {
        let message = format!(
            "{:?} is not the path of a crate; expected for example \"pytheus_core\"",
            text.value()
        );
        syn::Error::new(text.span(), message)
    })
}

/// Where the traits are, unless `crate = ".."` says otherwise.
fn facade() -> Path {
    parse_quote!(::pytheus)
}
