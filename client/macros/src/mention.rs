//! Whether code names something.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;

/// Whether `code` names `ident`, be it in a format string only (`"{id}"`).
///
/// Nothing is resolved: a field or a method of the same name counts as well.
pub(crate) fn mentions(code: impl ToTokens, ident: &Ident) -> bool {
    stream_mentions(code.into_token_stream(), &ident.unraw().to_string())
}

fn stream_mentions(code: TokenStream, name: &str) -> bool {
    code.into_iter().any(|token| match token {
        TokenTree::Group(group) => stream_mentions(group.stream(), name),
        TokenTree::Ident(ident) => ident.unraw() == name,
        TokenTree::Literal(literal) => captures(&literal.to_string(), name),
        TokenTree::Punct(_) => false,
    })
}

fn captures(literal: &str, name: &str) -> bool {
    literal.split('{').skip(1).any(|placeholder| {
        let rest = placeholder.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['}', ':']))
    })
}

#[cfg(test)]
mod tests {
    use quote::{format_ident, quote};

    use super::mentions;

    #[test]
    fn names_are_found_as_words_and_in_format_strings() {
        let id = format_ident!("id");
        for code in [
            quote!(id),
            quote!(f(&[id])),
            quote!(format!("{id}")),
            quote!(format!("{}-{id:>4}", 1)),
            quote!(format!(r"{{}}{id}")),
            quote!(&'id u8),
        ] {
            assert!(mentions(&code, &id), "{code}");
        }
        for code in [
            quote!(idle),
            quote!("id"),
            quote!("{ids}"),
            quote!("{}"),
            quote!(1),
        ] {
            assert!(!mentions(&code, &id), "{code}");
        }
        assert!(mentions(quote!("{type}"), &format_ident!("r#type")));
    }
}
