//! `#[timed(..)]` and `#[in_flight(..)]`: a guard that lives as long as the body runs.

use super::function::Function;
use super::{or_as_written, place};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Token};

struct Guard {
    attribute: &'static str,
    /// What the expression names.
    metric: &'static str,
    /// An expression that might.
    example: &'static str,
    /// The method that makes the guard.
    method: &'static str,
}

const TIMED: Guard =
    Guard { attribute: "timed", metric: "histogram", example: "self.latency", method: "timer" };
const IN_FLIGHT: Guard = Guard {
    attribute: "in_flight",
    metric: "up-down counter",
    example: "self.busy",
    method: "in_flight",
};

pub(crate) fn timed(arguments: TokenStream, item: TokenStream) -> TokenStream {
    or_as_written(TIMED.put_on(arguments, &item), &item)
}

pub(crate) fn in_flight(arguments: TokenStream, item: TokenStream) -> TokenStream {
    or_as_written(IN_FLIGHT.put_on(arguments, &item), &item)
}

impl Guard {
    fn put_on(&self, arguments: TokenStream, item: &TokenStream) -> syn::Result<TokenStream> {
        let metric = (|input: ParseStream<'_>| self.metric(input)).parse2(arguments)?;
        let function = Function::read(self.attribute, item.clone())?;
        let statement = self.statement(&metric);
        Ok(function.surround(|body| {
            let code = body.code;
            quote!(#statement #code)
        }))
    }

    fn metric(&self, input: ParseStream<'_>) -> syn::Result<Expr> {
        let Self { attribute, metric, example, .. } = self;
        if input.is_empty() {
            let message = format!(
                "`#[{attribute}(..)]` needs the {metric} to use, for example \
                 `#[{attribute}({example})]`"
            );
            return Err(syn::Error::new(Span::call_site(), message));
        }
        let expression = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            let message =
                format!("`#[{attribute}(..)]` takes one expression that names a {metric}");
            return Err(input.error(message));
        }
        Ok(expression)
    }

    fn statement(&self, metric: &Expr) -> TokenStream {
        // What is wrong with the metric is shown there.
        let span = Span::mixed_site().located_at(place(metric));
        let method = Ident::new(self.method, span);
        let guard = Ident::new("_guard", span);
        quote_spanned!(span=> let #guard = (#metric).#method();)
    }
}
