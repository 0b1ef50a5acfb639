//! `#[derive(LabelValue)]`: the variants of an enum are the values of one label.

use super::all;
use super::options::{ValueOptions, VariantOptions, text_and_span};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::HashMap;
use syn::{Data, DeriveInput, Variant};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        let message = "`LabelValue` is derived for enums whose variants have no fields; for other \
                       types implement `LabelValue::with_str` by hand";
        return Err(syn::Error::new(input.ident.span(), message));
    };
    let options = ValueOptions::read(&input.attrs)?;
    let mut seen = HashMap::new();
    let texts = all(data.variants.iter().map(|variant| text(variant, &options, &mut seen)))?;

    let krate = &options.krate;
    let variants = data.variants.iter().map(|variant| &variant.ident);
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::LabelValue for #ident #type_generics #where_clause {
            fn with_str<__R>(
                &self,
                f: impl ::core::ops::FnOnce(&::core::primitive::str) -> __R,
            ) -> __R {
                match *self { #(Self::#variants {} => f(#texts),)* }
            }
        }
    })
}

/// The text a variant stands for.
fn text<'a>(
    variant: &'a Variant,
    options: &ValueOptions,
    seen: &mut HashMap<String, &'a Ident>,
) -> syn::Result<String> {
    let ident = &variant.ident;
    if !variant.fields.is_empty() {
        let message = format!(
            "`LabelValue` is derived for enums whose variants have no fields, and `{ident}` has \
             some; implement `LabelValue::with_str` by hand to choose the text"
        );
        return Err(syn::Error::new_spanned(&variant.fields, message));
    }
    let VariantOptions { name } = VariantOptions::read(&variant.attrs)?;
    let (text, span) = text_and_span(name.as_ref(), ident);
    let text = if name.is_some() { text } else { options.case.apply(&text) };
    if let Some(first) = seen.insert(text.clone(), ident) {
        let message = format!(
            "the label value {text:?} is already that of `{first}`, so the two would be one \
             series; implement `LabelValue::with_str` by hand if that is meant"
        );
        return Err(syn::Error::new(span, message));
    }
    Ok(text)
}
