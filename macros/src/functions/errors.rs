//! `#[counted_errors(..)]`: the body runs inside, its result passes through the counter.

use super::function::{Body, Function};
use super::output::without_impl_trait;
use super::{or_as_written, place};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, ReturnType, Token, Type, parse_quote};

const ATTRIBUTE: &str = "counted_errors";

/// `EXPR` or `EXPR, if = |error| ..`.
struct Arguments {
    counter: Expr,
    predicate: Option<Expr>,
}

pub(crate) fn counted_errors(arguments: TokenStream, item: TokenStream) -> TokenStream {
    or_as_written(put_on(arguments, &item), &item)
}

fn put_on(arguments: TokenStream, item: &TokenStream) -> syn::Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let function = Function::read(ATTRIBUTE, item.clone())?;
    check(&function)?;
    let name = function.sig.ident.span();
    Ok(function.surround(|body| surround(&arguments, &body, name)))
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let option_first = input.peek(Token![if]) && input.peek2(Token![=]);
        if input.is_empty() || option_first {
            let message = "`#[counted_errors(..)]` needs the counter to use, for example \
                           `#[counted_errors(self.errors)]`";
            return Err(syn::Error::new(Span::call_site(), message));
        }
        let counter = input.parse()?;
        let comma: Option<Token![,]> = input.parse()?;
        let predicate = if comma.is_some() { parse_predicate(input)? } else { None };
        if !input.is_empty() {
            return Err(input.error(
                "`#[counted_errors(..)]` takes one expression that names a counter, and perhaps \
                 `if = |error| ..`",
            ));
        }
        Ok(Self { counter, predicate })
    }
}

/// `if = EXPR`, where that follows.
fn parse_predicate(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if !input.peek(Token![if]) {
        return Ok(None);
    }
    input.parse::<Token![if]>()?;
    input.parse::<Token![=]>()?;
    let predicate = input.parse()?;
    input.parse::<Option<Token![,]>>()?;
    Ok(Some(predicate))
}

fn check(function: &Function) -> syn::Result<()> {
    if matches!(function.sig.output, ReturnType::Default) {
        let message = format!(
            "`#[counted_errors(..)]` counts the errors of a `Result`, and `{}` returns nothing",
            function.sig.ident
        );
        return Err(syn::Error::new_spanned(&function.sig.ident, message));
    }
    let mut attrs = function.attrs.iter();
    if let Some(track_caller) = attrs.find(|attr| attr.path().is_ident("track_caller")) {
        let message = "`#[counted_errors(..)]` runs the body in a closure, which does not know the \
                       caller that `#[track_caller]` asks for; use `Counter::count_err` in the body";
        return Err(syn::Error::new_spanned(track_caller, message));
    }
    Ok(())
}

fn surround(arguments: &Arguments, body: &Body<'_>, name: Span) -> TokenStream {
    let Arguments { counter: metric, predicate } = arguments;
    // What is wrong with the metric is shown there, what is wrong with the result at its type.
    let metric_span = Span::mixed_site().located_at(place(metric));
    let result_span = Span::mixed_site().located_at(body.output.map_or(name, Spanned::span));
    let counter = Ident::new("counter", result_span);
    let result = Ident::new("result", result_span);

    let clone = Ident::new("clone", metric_span);
    let (count, predicate) = match predicate {
        None => (Ident::new("count_err", metric_span), None),
        Some(predicate) => (Ident::new("count_err_if", metric_span), Some(quote!(, #predicate))),
    };
    let result_statement = result_of(body, &result);
    // A clone, because the code may need what the expression borrows from.
    quote_spanned! {result_span=>
        let #counter = (#metric).#clone();
        #result_statement
        #counter.#count(#result #predicate)
    }
}

/// Runs the code where `return` and `?` lead to the counter.
fn result_of(body: &Body<'_>, result: &Ident) -> TokenStream {
    let code = &body.code;
    let output = body.output.map_or_else(|| parse_quote!(_), without_impl_trait);
    if body.is_async {
        let early = early_return(&output);
        return quote! {
            let #result = async move { #early #code }.await;
        };
    }
    // A closure that is called where it stands is taken for `FnMut`, and could not return what the
    // function borrows from a `&mut` argument; one given to a function that wants `FnOnce` can.
    // The lint would speak of the closure even where the function may not choose its error.
    quote! {
        #[allow(clippy::result_large_err)]
        let #result = ::core::option::Option::None::<#output>.unwrap_or_else(move || { #code });
    }
}

/// Tells the compiler what an async block comes to, before it meets the first `?` in it.
fn early_return(output: &Type) -> Option<TokenStream> {
    if matches!(output, Type::Infer(_)) {
        return None;
    }
    let early = Ident::new("early", Span::mixed_site());
    Some(quote! {
        if let ::core::option::Option::Some(#early) = ::core::option::Option::None::<#output> {
            return #early;
        }
    })
}
