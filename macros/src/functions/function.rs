//! The function an attribute stands on.

use super::async_block::AsyncBlock;
use super::nested;
use super::output::Future;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, ReturnType, Signature, Token, Type, Visibility, braced, token};

/// A function with a body, in a module, an `impl` or a trait.
pub(super) struct Function {
    pub(super) attrs: Vec<Attribute>,
    vis: Visibility,
    defaultness: Option<Token![default]>,
    pub(super) sig: Signature,
    brace: token::Brace,
    inner_attrs: Vec<Attribute>,
    code: Code,
}

enum Code {
    Plain(TokenStream),
    AsyncBlock(AsyncBlock),
}

/// The part of a function that an attribute surrounds.
pub(super) struct Body<'a> {
    /// The code as it was written, to stand last in a block.
    pub(super) code: TokenStream,
    /// Whether what surrounds the code can `await`.
    pub(super) is_async: bool,
    /// What the code comes to, where the signature shows it.
    pub(super) output: Option<&'a Type>,
}

impl Function {
    /// Reads the item under `#[attribute(..)]`.
    pub(super) fn read(attribute: &str, item: TokenStream) -> syn::Result<Self> {
        let function = |input: ParseStream<'_>| parse(attribute, input);
        function.parse2(item)
    }

    /// The function with its body replaced by what `surround` puts around it.
    pub(super) fn surround(&self, surround: impl FnOnce(Body<'_>) -> TokenStream) -> TokenStream {
        let Self { attrs, vis, defaultness, sig, brace, inner_attrs, code } = self;
        let code = match code {
            Code::Plain(code) => {
                let is_async = sig.asyncness.is_some();
                surround(Body { code: nested(*brace, code), is_async, output: returned(sig) })
            }
            Code::AsyncBlock(future) => {
                let output = returned(sig).and_then(Future::returned).and_then(|f| f.output);
                let body = Body { code: future.code(), is_async: true, output };
                future.with_code(&surround(body))
            }
        };
        let mut function = quote!(#(#attrs)* #vis #defaultness #sig);
        brace.surround(&mut function, |inside| inside.extend(quote!(#(#inner_attrs)* #code)));
        function
    }
}

fn returned(sig: &Signature) -> Option<&Type> {
    match &sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(ty),
    }
}

fn parse(attribute: &str, input: ParseStream<'_>) -> syn::Result<Function> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    let defaultness = input.parse()?;
    let sig: Signature = input.parse().map_err(|error| {
        let message = format!("`#[{attribute}(..)]` stands on a function or method: {error}");
        syn::Error::new(error.span(), message)
    })?;
    if let Some(constness) = &sig.constness {
        let message = format!(
            "`#[{attribute}(..)]` cannot stand on a `const fn`: there is no metric to update when \
             the compiler runs it"
        );
        return Err(syn::Error::new_spanned(constness, message));
    }
    if input.peek(Token![;]) {
        let message = format!(
            "`#[{attribute}(..)]` needs a body to put code into; write it on the functions that \
             implement `{}`",
            sig.ident
        );
        return Err(syn::Error::new_spanned(&sig.ident, message));
    }

    let inside;
    let brace = braced!(inside in input);
    let inner_attrs = inside.call(Attribute::parse_inner)?;
    let code = code(attribute, &sig, inside.parse()?)?;
    Ok(Function { attrs, vis, defaultness, sig, brace, inner_attrs, code })
}

fn code(attribute: &str, sig: &Signature, code: TokenStream) -> syn::Result<Code> {
    if sig.asyncness.is_some() {
        return Ok(Code::Plain(code));
    }
    if let Ok(future) = syn::parse2(code.clone()) {
        return Ok(Code::AsyncBlock(future));
    }
    match returned(sig) {
        Some(ty) if Future::returned(ty).is_some() => {
            let message = format!(
                "`#[{attribute}(..)]` would see this future being made, not what it does; make the \
                 function `async`, or its whole body one `async move {{ .. }}` block"
            );
            Err(syn::Error::new_spanned(ty, message))
        }
        _ => Ok(Code::Plain(code)),
    }
}
