//! The attribute of `larder-client`.
//!
//! | file | what it does |
//! | --- | --- |
//! | `arguments` | what stands in the parentheses |
//! | `function` | what the attribute stands on, and whether it can be cached |
//! | `generics` | which type parameters are safe, and which a companion needs |
//! | `mention` | whether code names something |
//! | `expansion` | the function and its companions as they come out |

mod arguments;
mod expansion;
mod function;
mod generics;
mod mention;

use proc_macro2::TokenStream;

use arguments::Arguments;
use function::Function;

/// Keeps what a function returns.
#[proc_macro_attribute]
pub fn cached(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).into()
}

/// What `item` becomes. If that is an error the item stays as it is, so that those who call it do
/// not get errors of their own.
fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = syn::parse2::<Arguments>(arguments)
        .and_then(|arguments| Function::new(arguments, item.clone()))
        .map(|function| expansion::of(&function));
    expanded.unwrap_or_else(|error| {
        let mut out = error.into_compile_error();
        out.extend(item);
        out
    })
}

#[cfg(test)]
mod tests;
