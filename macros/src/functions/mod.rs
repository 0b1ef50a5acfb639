//! `#[timed(..)]`, `#[in_flight(..)]` and `#[counted_errors(..)]`.

mod async_block;
mod errors;
mod function;
mod guard;
mod output;

pub(crate) use errors::counted_errors;
pub(crate) use guard::{in_flight, timed};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::spanned::Spanned as _;
use syn::{Expr, token};

/// What the attribute makes of the function, or its errors beside the function as it was written,
/// so that one mistake is one error and callers still find the function.
fn or_as_written(result: syn::Result<TokenStream>, written: &TokenStream) -> TokenStream {
    result.unwrap_or_else(|error| {
        let errors = error.into_compile_error();
        quote!(#errors #written)
    })
}

/// The code in braces of its own, to stand last in a block: so what it declares stays first in its
/// block, as lints want it.
fn nested(brace: token::Brace, code: &TokenStream) -> TokenStream {
    // The braces keep their span: it knows the edition, which decides when temporaries are dropped.
    let mut nested = quote!(#[allow(unused_braces)]);
    brace.surround(&mut nested, |inside| code.to_tokens(inside));
    nested
}

/// The part of an expression that says which metric it is: `latency` in `self.latency`.
fn place(metric: &Expr) -> Span {
    match metric {
        Expr::Field(field) => field.member.span(),
        Expr::MethodCall(call) => call.method.span(),
        Expr::Reference(reference) => place(&reference.expr),
        _ => metric.span(),
    }
}
