//! Type parameters: which are safe, and which a companion needs.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Error, GenericParam, Generics, Result, WherePredicate};

use crate::function::{Function, word};
use crate::mention::mentions;

/// Refuses functions whose instances would share their keys: of `Euro(5)` and `Dollar(5)` only the 5
/// is in the key, and of a type that is only returned nothing at all.
pub(crate) fn check(function: &Function) -> Result<()> {
    if function.arguments.key.is_some() {
        return Ok(());
    }
    let mut in_key = function.item.sig.output.to_token_stream();
    let mut skipped = TokenStream::new();
    for parameter in &function.parameters {
        let anonymous = mentions(&parameter.declared, &word("impl"));
        if function.in_key(parameter) && anonymous {
            let reason = format!("`{}` may be of several types", parameter.name);
            return Err(Error::new_spanned(&parameter.declared, message(&reason)));
        }
        let types = if function.in_key(parameter) {
            &mut in_key
        } else {
            &mut skipped
        };
        parameter.declared.to_tokens(types);
    }
    for parameter in &function.item.sig.generics.params {
        let name = name(parameter);
        let is_lifetime = matches!(parameter, GenericParam::Lifetime(_));
        if !is_lifetime && (mentions(&in_key, name) || !mentions(&skipped, name)) {
            return Err(Error::new(
                name.span(),
                message(&format!("`{name}` may stand for several types")),
            ));
        }
    }
    Ok(())
}

fn message(reason: &str) -> String {
    format!(
        "{reason}, and their values could get the same key: let the key tell the types apart with `key = ..`"
    )
}

/// What of `generics` is needed by `code`.
pub(crate) fn needed_by(mut code: TokenStream, generics: &Generics) -> Generics {
    let mut unneeded: Vec<&GenericParam> = generics.params.iter().collect();
    // The bounds of one parameter may name others.
    while let Some(found) = unneeded
        .iter()
        .position(|parameter| mentions(&code, name(parameter)))
    {
        unneeded.remove(found).to_tokens(&mut code);
    }
    let unneeded: Vec<&Ident> = unneeded.into_iter().map(name).collect();
    let mut needed = generics.clone();
    needed.params = generics
        .params
        .iter()
        .filter(|parameter| !unneeded.contains(&name(parameter)))
        .cloned()
        .collect();
    if let Some(clause) = &mut needed.where_clause {
        let holds =
            |predicate: &&WherePredicate| !unneeded.iter().any(|other| mentions(predicate, other));
        clause.predicates = clause.predicates.iter().filter(holds).cloned().collect();
    }
    needed
}

fn name(parameter: &GenericParam) -> &Ident {
    match parameter {
        GenericParam::Lifetime(parameter) => &parameter.lifetime.ident,
        GenericParam::Type(parameter) => &parameter.ident,
        GenericParam::Const(parameter) => &parameter.ident,
    }
}
