//! What is refused and why, and what comes out otherwise.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{File, ImplItem, Item, Signature};

use crate::arguments::{Arguments, KNOWN};
use crate::expand;

fn error(arguments: TokenStream, item: &TokenStream) -> String {
    let expanded: File = syn::parse2(expand(arguments, item.clone())).unwrap();
    let [Item::Macro(error), kept] = expanded.items.as_slice() else {
        panic!("no error: {}", expanded.into_token_stream());
    };
    assert_eq!(
        kept.to_token_stream().to_string(),
        item.to_string(),
        "the item stays as it is"
    );
    syn::parse2::<syn::LitStr>(error.mac.tokens.clone())
        .unwrap()
        .value()
}

/// The signatures that come out, those of companions last.
fn signatures(arguments: TokenStream, item: TokenStream) -> Vec<String> {
    let expanded: File = syn::parse2(expand(arguments, item)).unwrap();
    expanded
        .items
        .into_iter()
        .flat_map(signatures_in)
        .map(text)
        .collect()
}

fn signatures_in(item: Item) -> Vec<Signature> {
    match item {
        Item::Fn(function) => vec![function.sig],
        Item::Impl(block) => {
            let functions = block.items.into_iter().map(|item| match item {
                ImplItem::Fn(function) => function.sig,
                other => panic!("not a function: {}", other.into_token_stream()),
            });
            functions.collect()
        }
        _ => vec![],
    }
}

fn text(code: impl ToTokens) -> String {
    code.into_token_stream().to_string()
}

#[test]
fn all_known_arguments_are_taken() {
    for name in KNOWN {
        let name = syn::parse_str::<TokenStream>(name).unwrap();
        let forms = [
            quote!(#name),
            quote!(#name = x),
            quote!(#name = "x"),
            quote!(#name(x)),
        ];
        let taken = forms
            .into_iter()
            .filter(|form| syn::parse2::<Arguments>(form.clone()).is_ok());
        assert!(taken.count() > 0, "{name}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let function = quote!(
        fn f(id: u64) -> u64 {
            id
        }
    );
    let cases = [
        (
            quote!(tll = x),
            "unknown argument `tll`: there are ttl, grace",
        ),
        (quote!(ttl = x, ttl = y), "`ttl` is given twice"),
        (quote!(skip(db)), "`f` has no argument `db`"),
        (quote!(skip(self)), "`f` has no argument `self`"),
        (quote!(key = id, skip(id)), "there is nothing to skip"),
        (quote!(ttl(5)), "expected `=`"),
        (quote!(name = 5), "expected string literal"),
        (quote!(skip = db), "expected parentheses"),
        (quote!(ttl = x grace = y), "expected `,`"),
    ];
    for (arguments, reason) in cases {
        let error = error(arguments, &function);
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn functions_that_cannot_be_cached_are_refused() {
    let cases = [
        (
            quote!(
                const fn f() -> u64 {
                    0
                }
            ),
            "a `const` function cannot be cached",
        ),
        (
            quote!(
                unsafe fn f() -> u64 {
                    0
                }
            ),
            "an `unsafe` function cannot be cached",
        ),
        (
            quote!(
                extern "C" fn f() -> u64 {
                    0
                }
            ),
            "an `extern` function cannot be cached",
        ),
        (
            quote!(
                fn f() {}
            ),
            "nothing to keep",
        ),
        (
            quote!(
                fn f() -> impl Iterator<Item = u8> {
                    [].into_iter()
                }
            ),
            "can be named",
        ),
        (
            quote!(
                fn f(id: &str) -> &str {
                    id
                }
            ),
            "must own its parts",
        ),
        (
            quote!(
                fn f((a, b): (u8, u8)) -> u8 {
                    a + b
                }
            ),
            "give the argument a name",
        ),
        (
            quote!(
                fn f(_: u8) -> u8 {
                    0
                }
            ),
            "give the argument a name",
        ),
        (
            quote!(
                fn f(ref a: u8) -> u8 {
                    *a
                }
            ),
            "give the argument a name",
        ),
        (
            quote!(
                fn f(db: &mut Db) -> u8 {
                    0
                }
            ),
            "`db` can be changed",
        ),
        (
            quote!(
                fn f<T: Serialize>(x: T) -> u8 {
                    0
                }
            ),
            "`T` may stand for several types",
        ),
        (
            quote!(
                fn f<T: Load>(id: u8) -> T {
                    T::load(id)
                }
            ),
            "`T` may stand for several types",
        ),
        (
            quote!(
                fn f<T: Unit>(id: u8) -> u8 {
                    T::RATE
                }
            ),
            "`T` may stand for several types",
        ),
        (
            quote!(
                fn f<const N: u8>(id: u8) -> u8 {
                    N
                }
            ),
            "`N` may stand for several types",
        ),
        (
            quote!(
                fn f(name: impl Serialize) -> u8 {
                    0
                }
            ),
            "`name` may be of several types",
        ),
        (
            quote!(
                fn f(&self) -> u8 {
                    0
                }
            ),
            "`name = \"Type::f\"`",
        ),
        (
            quote!(
                fn f(id: u8) -> Result<Self, E> {
                    load(id)
                }
            ),
            "`name = \"Type::f\"`",
        ),
        (
            quote!(
                struct F;
            ),
            "expected `fn`",
        ),
    ];
    for (function, reason) in cases {
        let error = error(quote!(), &function);
        assert!(error.contains(reason), "{error}");
    }
    let method = quote!(
        fn f(&self) -> u8 {
            0
        }
    );
    let error = error(quote!(name = "T::f"), &method);
    assert!(error.contains("`skip(self)`"), "{error}");
}

#[test]
fn at_most_sixteen_arguments_are_in_the_key() {
    let names = (0..17).map(|n| quote::format_ident!("a{n}"));
    let function = quote!(fn f(#(#names: u8),*) -> u8 { 0 });
    assert!(error(quote!(), &function).contains("16 arguments at most"));
    assert_eq!(signatures(quote!(skip(a3)), function).len(), 6);
}

#[test]
fn companions_take_what_they_need() {
    let function = quote!(
        async fn f(db: &Db, mut id: u64, name: &str) -> u64 {
            id
        }
    );
    let expected = [
        quote!(async fn f(db: &Db, id: u64, name: &str) -> u64),
        quote!(async fn uncached(db: &Db, mut id: u64, name: &str) -> u64),
        quote!(async fn refresh(db: &Db, id: u64, name: &str) -> u64),
        quote!(fn cache_key(id: u64) -> ::larder_client::Result<::std::string::String>),
        quote!(async fn cache_delete(db: &Db, id: u64) -> ::larder_client::Result<bool>),
        quote!(async fn cache_clear(db: &Db) -> ::larder_client::Result<::larder_client::Invalidated>),
    ];
    for arguments in [
        quote!(cache = &db.cache, skip(db, name)),
        quote!(cache = &db.cache, key = format!("{id}")),
    ] {
        assert_eq!(
            signatures(arguments, function.clone()),
            expected.clone().map(text)
        );
    }
}

#[test]
fn companions_of_methods_have_longer_names() {
    let function = quote!(
        fn f(&self, id: u64) -> u64 {
            id
        }
    );
    let names = [
        "f",
        "f_uncached",
        "f_refresh",
        "f_cache_key",
        "f_cache_delete",
        "f_cache_clear",
    ];
    let signatures = signatures(quote!(name = "T::f", skip(self)), function);
    assert_eq!(signatures.len(), names.len());
    for (signature, name) in signatures.iter().zip(names) {
        assert!(
            signature.starts_with(&format!("fn {name} (")),
            "{signature}"
        );
    }
    assert!(
        signatures[3].starts_with("fn f_cache_key (id : u64)"),
        "{}",
        signatures[3]
    );
}

#[test]
fn companions_have_only_the_generics_they_need() {
    let function = quote! {
        fn f<'a, D: Db<R>, R, const N: u8>(db: &'a D, id: Id<N>) -> u64 where R: Row<'a>, Id<N>: Copy { 0 }
    };
    let signatures = signatures(quote!(cache = db.cache(), key = id), function);
    let result = text(quote!(-> ::larder_client::Result));
    let whole = text(quote!(fn cache_clear<'a, D: Db<R>, R>(db: &'a D)));
    assert!(
        signatures[5].starts_with(&format!("{whole} {result}")),
        "{}",
        signatures[5]
    );
    assert!(
        signatures[5].ends_with(&text(quote!(where R: Row<'a>))),
        "{}",
        signatures[5]
    );
    let key = text(quote!(fn cache_key<const N: u8>(id: Id<N>)));
    assert!(
        signatures[3].starts_with(&format!("{key} {result}")),
        "{}",
        signatures[3]
    );
    assert!(
        signatures[3].ends_with(&text(quote!(where Id<N>: Copy))),
        "{}",
        signatures[3]
    );
}

#[test]
fn generics_of_skipped_arguments_do_no_harm() {
    let function = quote!(
        fn f<D: Db>(db: &D, log: impl Log, conn: &mut Conn, id: u64) -> u64 {
            id
        }
    );
    assert_eq!(signatures(quote!(skip(db, log, conn)), function).len(), 6);
}
