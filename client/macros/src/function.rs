//! What the attribute stands on, and whether it can be cached.

use proc_macro2::{Ident, Span, TokenStream};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Pat, PatType, Result, ReturnType, Safety, Signature, Type};

use crate::arguments::Arguments;
use crate::generics;
use crate::mention::mentions;

/// Serde knows no longer tuples.
const MOST_IN_KEY: usize = 16;

/// A function that can be cached, and how that is to be done.
pub(crate) struct Function {
    pub(crate) arguments: Arguments,
    pub(crate) item: ItemFn,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returned: Type,
    pub(crate) in_impl: bool,
}

/// A parameter as callers see it.
pub(crate) struct Parameter {
    /// Its name, or `self`.
    pub(crate) name: Ident,
    pub(crate) declared: FnArg,
}

impl Function {
    pub(crate) fn new(arguments: Arguments, item: TokenStream) -> Result<Self> {
        let item: ItemFn = syn::parse2(item)?;
        check_form(&item.sig)?;
        let parameters = item
            .sig
            .inputs
            .iter()
            .map(Parameter::new)
            .collect::<Result<_>>()?;
        // Only a function of an `impl` block can mention these.
        let in_impl = arguments.in_impl
            || item.sig.receiver().is_some()
            || mentions(&item.sig, &word("Self"));
        let returned = returned(&item.sig)?;
        let function = Self {
            arguments,
            item,
            parameters,
            returned,
            in_impl,
        };
        function.check_skipped()?;
        function.check_method()?;
        function.check_key()?;
        generics::check(&function)?;
        Ok(function)
    }

    /// Whether the key depends on `parameter`.
    pub(crate) fn in_key(&self, parameter: &Parameter) -> bool {
        match &self.arguments.key {
            Some(key) => mentions(key, &parameter.name),
            None => !self.arguments.skip.contains(&parameter.name),
        }
    }

    /// Whether it depends on `parameter` which cache is used.
    pub(crate) fn in_cache(&self, parameter: &Parameter) -> bool {
        self.arguments
            .cache
            .as_ref()
            .is_some_and(|cache| mentions(cache, &parameter.name))
    }

    fn check_skipped(&self) -> Result<()> {
        let exists = |name: &Ident| {
            self.parameters
                .iter()
                .any(|parameter| parameter.name == *name)
        };
        match self.arguments.skip.iter().find(|name| !exists(name)) {
            Some(stranger) => Err(Error::new(
                stranger.span(),
                format!("`{}` has no argument `{stranger}`", self.item.sig.ident),
            )),
            None => Ok(()),
        }
    }

    fn check_method(&self) -> Result<()> {
        if !self.in_impl || self.arguments.name.is_some() {
            return Ok(());
        }
        let name = &self.item.sig.ident;
        let message = format!(
            "a function in an `impl` block needs a name that no other type's function has in this \
             module: `name = \"Type::{name}\"`"
        );
        Err(Error::new(name.span(), message))
    }

    /// Refuses parameters that no key can be made of.
    fn check_key(&self) -> Result<()> {
        if self.arguments.key.is_some() {
            return Ok(());
        }
        let in_key: Vec<_> = self
            .parameters
            .iter()
            .filter(|parameter| self.in_key(parameter))
            .collect();
        if let Some(reason) = in_key.iter().find_map(|parameter| parameter.unfit()) {
            return Err(reason);
        }
        match in_key.get(MOST_IN_KEY) {
            Some(parameter) => Err(Error::new(
                parameter.name.span(),
                format!(
                    "a key is made of {MOST_IN_KEY} arguments at most: use `skip(..)` or `key = ..`"
                ),
            )),
            None => Ok(()),
        }
    }
}

impl Parameter {
    fn new(declared: &FnArg) -> Result<Self> {
        let mut declared = declared.clone();
        let name = match &mut declared {
            FnArg::Receiver(receiver) => {
                receiver.mutability = None;
                Ident::new("self", receiver.self_token.span)
            }
            FnArg::Typed(typed) => plain_name(typed)?,
        };
        Ok(Self { name, declared })
    }

    /// Why the parameter can't be in a key, if so.
    fn unfit(&self) -> Option<Error> {
        let name = &self.name;
        let reason = match &self.declared {
            FnArg::Receiver(_) => "`self` is not part of the key by itself".to_owned(),
            FnArg::Typed(typed) => match &*typed.ty {
                Type::Reference(reference) if reference.mutability.is_some() => {
                    format!("`{name}` can be changed, so it cannot be part of the key")
                }
                _ => return None,
            },
        };
        let advice =
            format!("leave it out with `skip({name})`, or say what the key is made of: `key = ..`");
        Some(Error::new_spanned(
            &self.declared,
            format!("{reason}: {advice}"),
        ))
    }
}

/// The name of a parameter, from which `mut` is removed: that is between it and the body.
fn plain_name(typed: &mut PatType) -> Result<Ident> {
    match &mut *typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            pattern.mutability = None;
            Ok(pattern.ident.clone())
        }
        pattern => Err(Error::new_spanned(
            pattern,
            "give the argument a name, and take it apart in the body",
        )),
    }
}

fn check_form(signature: &Signature) -> Result<()> {
    let refused = |span, what: &str| Err(Error::new(span, format!("{what} cannot be cached")));
    if let Some(token) = &signature.constness {
        return refused(token.span(), "a `const` function");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return refused(token.span(), "an `unsafe` function");
    }
    if let Some(abi) = &signature.abi {
        return refused(abi.span(), "an `extern` function");
    }
    Ok(())
}

fn returned(signature: &Signature) -> Result<Type> {
    match &signature.output {
        ReturnType::Default => Err(Error::new(
            signature.ident.span(),
            "a function that returns nothing has nothing to keep",
        )),
        ReturnType::Type(_, returned) if mentions(returned, &word("impl")) => {
            Err(Error::new_spanned(
                returned,
                "what is kept must be of a type that can be named, not `impl ..`",
            ))
        }
        ReturnType::Type(_, returned) if matches!(**returned, Type::Reference(_)) => {
            Err(Error::new_spanned(
                returned,
                "what is kept must own its parts: `String` rather than `&str`",
            ))
        }
        ReturnType::Type(_, returned) => Ok((**returned).clone()),
    }
}

/// A word of the language, to look for.
pub(crate) fn word(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
