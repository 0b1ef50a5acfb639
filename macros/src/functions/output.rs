//! What a function, or the future it returns, comes to.

use syn::punctuated::Punctuated;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{GenericArgument, PathArguments, Token, Type, TypeParamBound, parse_quote};

/// A return type that is visibly a future: `impl Future<..>`, or `dyn Future<..>` in `Pin`s and
/// `Box`es. A type alias hides it.
pub(super) struct Future<'a> {
    /// `T` of `Output = T`.
    pub(super) output: Option<&'a Type>,
}

impl<'a> Future<'a> {
    pub(super) fn returned(ty: &'a Type) -> Option<Self> {
        match ty {
            Type::ImplTrait(ty) => Self::among(&ty.bounds),
            Type::TraitObject(ty) => Self::among(&ty.bounds),
            Type::Paren(ty) => Self::returned(&ty.elem),
            Type::Group(ty) => Self::returned(&ty.elem),
            Type::Path(ty) => {
                let last = ty.path.segments.last()?;
                if last.ident != "Pin" && last.ident != "Box" {
                    return None;
                }
                arguments(&last.arguments).find_map(|argument| match argument {
                    GenericArgument::Type(ty) => Self::returned(ty),
                    _ => None,
                })
            }
            _ => None,
        }
    }

    fn among(bounds: &'a Punctuated<TypeParamBound, Token![+]>) -> Option<Self> {
        let future = bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => {
                bound.path.segments.last().filter(|last| last.ident == "Future")
            }
            _ => None,
        })?;
        let output = arguments(&future.arguments).find_map(|argument| match argument {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(&assoc.ty),
            _ => None,
        });
        Some(Self { output })
    }
}

fn arguments(arguments: &PathArguments) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten()
}

/// The type with every `impl Trait` left to inference: it cannot be written inside a body.
pub(super) fn without_impl_trait(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if matches!(ty, Type::ImplTrait(_)) {
                *ty = parse_quote!(_);
            }
            visit_type_mut(self, ty);
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens as _;

    fn output(ty: &Type) -> Option<Option<String>> {
        let text = |ty: &Type| ty.to_token_stream().to_string();
        Future::returned(ty).map(|future| future.output.map(text))
    }

    #[test]
    fn futures_are_seen_through_pins_and_boxes() {
        let seen: [Type; 4] = [
            parse_quote!(impl Future<Output = u8>),
            parse_quote!(impl Send + core::future::Future<Output = u8> + 'a),
            parse_quote!(Pin<Box<dyn Future<Output = u8> + Send + 'a>>),
            parse_quote!(::core::pin::Pin<Box<dyn Future<Output = u8>>>),
        ];
        for ty in &seen {
            assert_eq!(output(ty), Some(Some("u8".to_owned())), "{}", ty.to_token_stream());
        }
        let bare: Type = parse_quote!(impl Future);
        assert_eq!(output(&bare), Some(None));
    }

    #[test]
    fn a_future_inside_something_else_is_not_what_the_function_returns() {
        let others: [Type; 4] = [
            parse_quote!(u8),
            parse_quote!(Result<impl Future<Output = u8>, E>),
            parse_quote!(impl Iterator<Item = u8>),
            parse_quote!(Box<u8>),
        ];
        for ty in &others {
            assert_eq!(output(ty), None, "{}", ty.to_token_stream());
        }
    }

    #[test]
    fn impl_trait_is_left_to_inference_at_any_depth() {
        let ty: Type = parse_quote!(Result<(impl Iterator<Item = impl Copy>, &'a str), E>);
        let inferred: Type = parse_quote!(Result<(_, &'a str), E>);
        assert_eq!(
            without_impl_trait(&ty).to_token_stream().to_string(),
            inferred.to_token_stream().to_string()
        );
    }
}
