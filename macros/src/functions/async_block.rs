//! Bodies that are one async block.

use super::nested;
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Path, Token, braced, parenthesized, token};

/// A body that is nothing but `async move { .. }`, perhaps in `Box::pin(..)`.
///
/// A function with such a body is an async function written by hand, or by `#[async_trait]`: what
/// is worth measuring is the block, not the making of the future.
pub(super) struct AsyncBlock {
    pin: Option<(Path, token::Paren)>,
    async_token: Token![async],
    move_token: Option<Token![move]>,
    brace: token::Brace,
    code: TokenStream,
}

impl AsyncBlock {
    /// The code of the block, to stand last in another.
    pub(super) fn code(&self) -> TokenStream {
        nested(self.brace, &self.code)
    }

    /// The same future with other code in its block.
    pub(super) fn with_code(&self, code: &TokenStream) -> TokenStream {
        let Self { pin, async_token, move_token, brace, .. } = self;
        let mut block = quote!(#async_token #move_token);
        brace.surround(&mut block, |inside| code.to_tokens(inside));
        let Some((path, paren)) = pin else {
            return block;
        };
        let mut pinned = path.to_token_stream();
        paren.surround(&mut pinned, |inside| block.to_tokens(inside));
        pinned
    }
}

impl Parse for AsyncBlock {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![async]) {
            return parse_block(input, None);
        }
        let path = input.call(Path::parse_mod_style)?;
        let mut last_first = path.segments.iter().rev().map(|segment| &segment.ident);
        if !(last_first.next().is_some_and(|last| last == "pin")
            && last_first.next().is_some_and(|owner| owner == "Box"))
        {
            return Err(input.error("expected `Box::pin`"));
        }
        let argument;
        let paren = parenthesized!(argument in input);
        let pinned = parse_block(&argument, Some((path, paren)))?;
        argument.parse::<Option<Token![,]>>()?;
        Ok(pinned)
    }
}

fn parse_block(
    input: ParseStream<'_>,
    pin: Option<(Path, token::Paren)>,
) -> syn::Result<AsyncBlock> {
    let inside;
    Ok(AsyncBlock {
        pin,
        async_token: input.parse()?,
        move_token: input.parse()?,
        brace: braced!(inside in input),
        code: inside.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_async_block(text: &str) -> bool {
        syn::parse_str::<AsyncBlock>(text).is_ok()
    }

    #[test]
    fn only_a_lone_async_block_is_taken_for_the_body_of_an_async_function() {
        for text in [
            "async {}",
            "async move { a; b }",
            "Box::pin(async move { a })",
            "::std::boxed::Box::pin(async { a },)",
        ] {
            assert!(is_async_block(text), "{text}");
        }
        for text in [
            "",
            "a; async move {}",
            "async move {}.boxed()",
            "async move {};",
            "Box::new(async move {})",
            "Box::pin(a)",
            "Box::pin(async move {}, b)",
            "pin(async move {})",
            "async || {}",
        ] {
            assert!(!is_async_block(text), "{text}");
        }
    }

    #[test]
    fn other_code_goes_where_the_code_was() -> syn::Result<()> {
        let block: AsyncBlock = syn::parse_str("Box::pin(async move { a })")?;
        let code = quote!(
            #[allow(unused_braces)]
            {
                a
            }
        );
        assert_eq!(block.code().to_string(), code.to_string());
        let other = block.with_code(&quote!(b));
        assert_eq!(other.to_string(), quote!(Box::pin(async move { b })).to_string());
        Ok(())
    }
}
