//! The function and its companions as they come out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, GenericParam, Signature, parse_quote};

use crate::function::{Function, Parameter};
use crate::generics;
use crate::mention::mentions;

/// All that `function` becomes.
///
/// A free function `f` gets companions `f::refresh` and so on, by a struct `f` next to it: types and
/// functions have names of their own. In an `impl` block, where no struct can be, they are called
/// `f_refresh` and so on.
pub(crate) fn of(function: &Function) -> TokenStream {
    let expansion = Expansion::new(function);
    let cached = expansion.cached();
    let companions = [
        expansion.uncached(),
        expansion.refresh(),
        expansion.cache_key(),
        expansion.cache_delete(),
        expansion.cache_clear(),
    ];
    if function.in_impl {
        return quote!(#cached #(#companions)*);
    }
    let (name, visibility) = (&function.item.sig.ident, &function.item.vis);
    let configuration: Vec<_> = expansion.attributes(is_configuration).collect();
    let documentation = format!("What else can be done with the cached function `{name}`.");
    quote! {
        #cached

        #(#configuration)*
        #[doc = #documentation]
        #[allow(dead_code, missing_debug_implementations, non_camel_case_types, unreachable_pub)]
        #visibility struct #name {}

        #(#configuration)*
        #[allow(dead_code, unreachable_pub)]
        impl #name {
            #(#companions)*
        }
    }
}

struct Expansion<'a> {
    function: &'a Function,
    /// The path of `larder_client`.
    root: TokenStream,
    /// The path of what differs between asynchronous and blocking functions.
    runtime: TokenStream,
    asyncness: Option<TokenStream>,
    awaited: Option<TokenStream>,
    /// What identifies the function among all that use the same Redis.
    path: TokenStream,
}

impl<'a> Expansion<'a> {
    fn new(function: &'a Function) -> Self {
        let arguments = &function.arguments;
        let root = arguments
            .root
            .as_ref()
            .map_or_else(|| quote!(::larder_client), ToTokens::to_token_stream);
        let is_async = function.item.sig.asyncness.is_some();
        let half = if is_async {
            quote!(aio)
        } else {
            quote!(blocking)
        };
        let name = match &arguments.name {
            Some(name) => name.value(),
            None => function.item.sig.ident.unraw().to_string(),
        };
        Self {
            function,
            runtime: quote!(#root::function::#half),
            root,
            asyncness: is_async.then(|| quote!(async)),
            awaited: is_async.then(|| quote!(.await)),
            path: quote!(::core::module_path!(), "::", #name),
        }
    }

    /// The function itself.
    fn cached(&self) -> TokenStream {
        let attributes = self.attributes(|_| true).map(tolerant);
        let (visibility, signature) = (&self.function.item.vis, self.same_signature(None));
        let body = self.through("fetch");
        quote! {
            #(#attributes)*
            #[allow(clippy::used_underscore_binding)]
            #visibility #signature { #body }
        }
    }

    fn uncached(&self) -> TokenStream {
        let function = self.function;
        let attributes =
            self.attributes(|attribute| is_lint(attribute) || is_configuration(attribute));
        let documentation = format!("Calls `{}` without the cache.", function.item.sig.ident);
        let (visibility, body) = (&function.item.vis, &function.item.block.stmts);
        let mut signature = function.item.sig.clone();
        signature.ident = self.name("uncached");
        // What only the attribute uses is not unused.
        let used = function.parameters.iter().map(|parameter| &parameter.name);
        let used = used.filter(|name| {
            function
                .arguments
                .expressions()
                .any(|code| mentions(code, name))
        });
        quote! {
            #(#attributes)*
            #[doc = #documentation]
            #visibility #signature {
                #(#[allow(clippy::used_underscore_binding)] let _ = &#used;)*
                #(#body)*
            }
        }
    }

    fn refresh(&self) -> TokenStream {
        let signature = self.same_signature(Some("refresh"));
        let documentation = "Calls {} anew, whatever is in the cache, and keeps what it returns.";
        self.companion(documentation, &signature, &self.through("refresh"))
    }

    fn cache_key(&self) -> TokenStream {
        let (root, key) = (&self.root, self.key());
        let parameters = self.parameters(|parameter| self.function.in_key(parameter));
        let generics = self.generics(&[&self.function.arguments.key], &parameters);
        let bounds = &generics.where_clause;
        let name = self.name("cache_key");
        let signature = quote!(fn #name #generics(#(#parameters),*) -> #root::Result<::std::string::String> #bounds);
        self.companion(
            "The key of what {} returns for these arguments.",
            &signature,
            &key,
        )
    }

    fn cache_delete(&self) -> TokenStream {
        let Self {
            root,
            runtime,
            asyncness,
            awaited,
            ..
        } = self;
        let Function { arguments, .. } = self.function;
        let (cache, key) = (self.cache(), self.key());
        let is_needed = |parameter: &Parameter| {
            self.function.in_key(parameter) || self.function.in_cache(parameter)
        };
        let parameters = self.parameters(is_needed);
        let generics = self.generics(&[&arguments.key, &arguments.cache], &parameters);
        let bounds = &generics.where_clause;
        let name = self.name("cache_delete");
        let signature =
            quote!(#asyncness fn #name #generics(#(#parameters),*) -> #root::Result<bool> #bounds);
        let documentation =
            "Deletes what {} returned for these arguments. Whether there was anything.";
        self.companion(
            documentation,
            &signature,
            &quote!(#runtime::delete(#cache, #key)#awaited),
        )
    }

    fn cache_clear(&self) -> TokenStream {
        let Self {
            root,
            runtime,
            asyncness,
            awaited,
            ..
        } = self;
        let (cache, tag) = (self.cache(), self.tag());
        let parameters = self.parameters(|parameter| self.function.in_cache(parameter));
        let generics = self.generics(&[&self.function.arguments.cache], &parameters);
        let bounds = &generics.where_clause;
        let name = self.name("cache_clear");
        let signature = quote!(#asyncness fn #name #generics(#(#parameters),*) -> #root::Result<#root::Invalidated> #bounds);
        let documentation = "Invalidates all that {} has returned, for whichever arguments.";
        self.companion(
            documentation,
            &signature,
            &quote!(#runtime::clear(#cache, #tag)#awaited),
        )
    }

    fn companion(
        &self,
        documentation: &str,
        signature: impl ToTokens,
        body: &TokenStream,
    ) -> TokenStream {
        let Function { item, .. } = self.function;
        let configuration = self.attributes(is_configuration);
        let documentation = documentation.replace("{}", &format!("`{}`", item.sig.ident));
        let visibility = &item.vis;
        quote! {
            #(#configuration)*
            #[doc = #documentation]
            #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
            #visibility #signature { #body }
        }
    }

    /// The body of a function that calls `operation` of the runtime.
    fn through(&self, operation: &str) -> TokenStream {
        let Self {
            root,
            runtime,
            awaited,
            ..
        } = self;
        let returned = &self.function.returned;
        let (cache, key, policy) = (self.cache(), self.key(), self.policy());
        let (kind, value) = (hidden("kind"), hidden("value"));
        let (call, computed) = (self.call_uncached(), self.computed(&value));
        let computation = quote! {
            ::core::result::Result::map(#kind.split(#call #awaited), |#value| #computed)
        };
        let compute = match &self.asyncness {
            Some(_) => quote!(move || async move { #computation }),
            None => quote!(move || #computation),
        };
        let operation = format_ident!("{operation}");
        quote! {
            #[allow(unused_imports)]
            use #root::function::Plain as _;
            let #kind = #root::function::Kind::<#returned>::new();
            #kind.join(#runtime::#operation(#cache, #key, #policy, #compute)#awaited)
        }
    }

    /// The call of the function as it was written.
    fn call_uncached(&self) -> TokenStream {
        let types = self
            .function
            .item
            .sig
            .generics
            .params
            .iter()
            .filter_map(|parameter| match parameter {
                GenericParam::Lifetime(_) => None,
                GenericParam::Type(parameter) => Some(&parameter.ident),
                GenericParam::Const(parameter) => Some(&parameter.ident),
            });
        let names = self
            .function
            .parameters
            .iter()
            .map(|parameter| &parameter.name);
        let uncached = self.name("uncached");
        let owner = match self.function.in_impl {
            true => quote!(Self),
            false => self.function.item.sig.ident.to_token_stream(),
        };
        quote!(#owner::#uncached::<#(#types),*>(#(#names),*))
    }

    /// What is handed to the cache for a computed value.
    fn computed(&self, value: &Ident) -> TokenStream {
        let root = &self.root;
        let Some(tags_of) = &self.function.arguments.tags_of else {
            return quote!(#root::Computed::new(#value));
        };
        let tags = hidden("tags");
        quote! {{
            let #tags = #root::function::tags_of(#root::function::Kind::of(&#value).present(&#value), #tags_of);
            #root::Computed::new(#value).tags(#tags)
        }}
    }

    fn cache(&self) -> TokenStream {
        let runtime = &self.runtime;
        match &self.function.arguments.cache {
            Some(cache) => {
                quote!(::core::option::Option::Some(<#runtime::Cache as ::core::clone::Clone>::clone(#cache)))
            }
            None => quote!(#runtime::installed()),
        }
    }

    fn key(&self) -> TokenStream {
        let (root, path) = (&self.root, &self.path);
        let version = self
            .function
            .arguments
            .version
            .as_ref()
            .map_or_else(|| quote!(1), ToTokens::to_token_stream);
        let part =
            |code: &dyn ToTokens, span| quote_spanned!(span=> #root::function::part(&(#code)));
        let arguments = match &self.function.arguments.key {
            Some(key) => part(key, key.span()),
            None => {
                let in_key = self
                    .function
                    .parameters
                    .iter()
                    .filter(|parameter| self.function.in_key(parameter));
                let parts =
                    in_key.map(|parameter| part(&parameter.name, parameter.declared.span()));
                quote!(&(#(#parts,)*))
            }
        };
        quote!(#root::function::key(::core::concat!(#path), #version, #arguments))
    }

    fn policy(&self) -> TokenStream {
        let (root, tag) = (&self.root, self.tag());
        let arguments = &self.function.arguments;
        let begin = match &arguments.ttl {
            Some(ttl) => quote!(ttl(#ttl)),
            None => quote!(default()),
        };
        let settings = arguments
            .policy
            .iter()
            .map(|(name, value)| quote!(.#name(#value)));
        quote!(#root::Policy::#begin #(#settings)* .tags([#tag]))
    }

    /// The tag of all values of the function.
    fn tag(&self) -> TokenStream {
        let path = &self.path;
        quote!(::core::concat!("fn:", #path))
    }

    /// The signature of the function, or of a companion that is called in the same way.
    fn same_signature(&self, companion: Option<&str>) -> Signature {
        let parameters = self.parameters(|_| true);
        let mut signature = self.function.item.sig.clone();
        signature.inputs = parse_quote!(#(#parameters),*);
        if let Some(companion) = companion {
            signature.ident = self.name(companion);
        }
        signature
    }

    fn parameters(&self, is_needed: impl Fn(&Parameter) -> bool) -> Vec<&FnArg> {
        let needed = self
            .function
            .parameters
            .iter()
            .filter(|parameter| is_needed(parameter));
        needed.map(|parameter| &parameter.declared).collect()
    }

    fn generics(&self, code: &[&Option<syn::Expr>], parameters: &[&FnArg]) -> syn::Generics {
        generics::needed_by(
            quote!(#(#code)* #(#parameters)*),
            &self.function.item.sig.generics,
        )
    }

    fn name(&self, companion: &str) -> Ident {
        let name = &self.function.item.sig.ident;
        match self.function.in_impl {
            true => format_ident!("{}_{companion}", name.unraw(), span = name.span()),
            false => Ident::new(companion, name.span()),
        }
    }

    /// Those of the function, also those that stand in its body, as they are written before it.
    fn attributes(&self, is_meant: impl Fn(&Attribute) -> bool) -> impl Iterator<Item = Attribute> {
        let attributes = self.function.item.attrs.iter();
        let meant = attributes.filter(move |attribute| is_meant(attribute));
        meant.map(|attribute| Attribute {
            style: syn::AttrStyle::Outer,
            ..attribute.clone()
        })
    }
}

fn is_configuration(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

/// What the body is expected to trigger, the function around it may or may not.
fn tolerant(mut attribute: Attribute) -> Attribute {
    if attribute.path().is_ident("expect")
        && let syn::Meta::List(list) = &mut attribute.meta
    {
        list.path = parse_quote!(allow);
    }
    attribute
}

/// A local variable that the code of the user can neither see nor hide.
fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
