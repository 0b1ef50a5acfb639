//! `#[derive(LabelSet)]`: the fields of a struct are the labels.

use super::options::{FieldOptions, SetOptions, text_and_span};
use super::{all, name};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use std::collections::HashMap;
use syn::{Data, DeriveInput, Field, Fields, Generics, Path, Type, WherePredicate, parse_quote};

/// A field that is a label.
struct Label<'a> {
    field: &'a Ident,
    ty: &'a Type,
    name: String,
}

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = named_fields(input)?;
    let SetOptions { krate } = SetOptions::read(&input.attrs)?;
    let labels = labels(fields)?;

    let names = labels.iter().map(|label| &label.name);
    let body = values_body(&krate, &labels);
    let ident = &input.ident;
    let generics = with_bounds(&input.generics, &krate, &labels);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::LabelSet for #ident #type_generics #where_clause {
            const NAMES: &'static [&'static ::core::primitive::str] = &[#(#names),*];
            #body
        }
    })
}

fn named_fields(input: &DeriveInput) -> syn::Result<Vec<&Field>> {
    let instead = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Ok(fields.named.iter().collect()),
            Fields::Unit => return Ok(Vec::new()),
            Fields::Unnamed(_) => "a field without a name cannot be a label",
        },
        Data::Enum(_) => "for an enum whose variants are values of one label, derive `LabelValue`",
        Data::Union(_) => "a union does not know which of its fields is set",
    };
    let message = format!("`LabelSet` is derived for structs with named fields; {instead}");
    Err(syn::Error::new(input.ident.span(), message))
}

/// The labels in the order of the fields.
fn labels(fields: Vec<&Field>) -> syn::Result<Vec<Label<'_>>> {
    let mut seen = HashMap::new();
    let labels = all(fields.into_iter().map(|field| label(field, &mut seen)))?;
    Ok(labels.into_iter().flatten().collect())
}

/// The label a field is, unless it is skipped.
fn label<'a>(
    field: &'a Field,
    seen: &mut HashMap<String, &'a Ident>,
) -> syn::Result<Option<Label<'a>>> {
    let options = FieldOptions::read(&field.attrs)?;
    let Some(ident) = field.ident.as_ref().filter(|_| !options.skip) else {
        return Ok(None);
    };
    let (name, span) = text_and_span(options.name.as_ref(), ident);
    if let Err(reason) = name::check(&name) {
        let message = format!("label name {name:?} is not valid: {reason}");
        return Err(syn::Error::new(span, message));
    }
    if let Some(first) = seen.insert(name.clone(), ident) {
        let message = format!("label name {name:?} is already taken by the field `{first}`");
        return Err(syn::Error::new(span, message));
    }
    Ok(Some(Label { field: ident, ty: &field.ty, name }))
}

/// One closure per label, the last one innermost, so that every value is borrowed.
fn values_body(krate: &Path, labels: &[Label<'_>]) -> TokenStream {
    // Hygienic, so that a field may have any of these names.
    let local = |name: &str| Ident::new(name, Span::mixed_site());
    let f = local("f");
    let values: Vec<_> = (0..labels.len()).map(|i| local(&format!("value_{i}"))).collect();
    let innermost = quote!(#f(&[#(#values),*]));
    let body = labels.iter().zip(&values).rfold(innermost, |inner, (label, value)| {
        let (field, ty) = (label.field, label.ty);
        quote! {
            <#ty as #krate::LabelValue>::with_str(&self.#field, |#value: &::core::primitive::str| #inner)
        }
    });
    let text = quote!(&[&::core::primitive::str]);
    quote! {
        fn values<__R>(&self, #f: impl ::core::ops::FnOnce(#text) -> __R) -> __R {
            #body
        }
    }
}

/// A field whose type is generic must be a label value for the struct to be a label set.
fn with_bounds(generics: &Generics, krate: &Path, labels: &[Label<'_>]) -> Generics {
    let mut generics = generics.clone();
    let parameters: Vec<String> =
        generics.type_params().map(|parameter| parameter.ident.to_string()).collect();
    let generic = labels.iter().filter(|label| mentions(label.ty.to_token_stream(), &parameters));
    let bounds: Vec<WherePredicate> =
        generic.map(|Label { ty, .. }| parse_quote!(#ty: #krate::LabelValue)).collect();
    if !bounds.is_empty() {
        generics.make_where_clause().predicates.extend(bounds);
    }
    generics
}

fn mentions(tokens: TokenStream, parameters: &[String]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => parameters.contains(&ident.to_string()),
        TokenTree::Group(group) => mentions(group.stream(), parameters),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
