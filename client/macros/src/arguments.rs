//! What stands in the parentheses of the attribute.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, LitStr, Path, Result, Token};

pub(crate) const KNOWN: [&str; 17] = [
    "ttl",
    "grace",
    "tags",
    "tags_of",
    "jitter",
    "early",
    "negative_ttl",
    "stale_if_error",
    "lease",
    "patience",
    "version",
    "name",
    "key",
    "skip",
    "cache",
    "in_impl",
    "crate",
];

#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) ttl: Option<Expr>,
    /// The rest of the policy: methods of `Policy`, and what they are called with.
    pub(crate) policy: Vec<(Ident, Expr)>,
    pub(crate) tags_of: Option<Expr>,
    pub(crate) version: Option<Expr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) key: Option<Expr>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) cache: Option<Expr>,
    pub(crate) in_impl: bool,
    /// Where `larder_client` is to be found.
    pub(crate) root: Option<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        let mut given = Vec::new();
        while !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            if given.contains(&name) {
                return Err(Error::new(name.span(), format!("`{name}` is given twice")));
            }
            arguments.take(&name, input)?;
            given.push(name);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        arguments.check()?;
        Ok(arguments)
    }
}

impl Arguments {
    /// Reads what follows `name`.
    fn take(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        match name.to_string().as_str() {
            "ttl" => self.ttl = Some(value(input)?),
            "grace" | "tags" | "jitter" | "early" | "negative_ttl" | "stale_if_error" | "lease"
            | "patience" => self.policy.push((name.clone(), value(input)?)),
            "tags_of" => self.tags_of = Some(value(input)?),
            "version" => self.version = Some(value(input)?),
            "name" => self.name = Some(value(input)?),
            "key" => self.key = Some(value(input)?),
            "skip" => self.skip = names(input)?,
            "cache" => self.cache = Some(value(input)?),
            "in_impl" => self.in_impl = true,
            "crate" => self.root = Some(value(input)?),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// All expressions that can name arguments of the function.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let policy = self.policy.iter().map(|(_, value)| value);
        let others = [&self.ttl, &self.tags_of, &self.key, &self.cache];
        policy.chain(others.into_iter().flatten())
    }

    fn check(&self) -> Result<()> {
        match (&self.key, self.skip.first()) {
            (Some(_), Some(skipped)) => Err(Error::new(
                skipped.span(),
                "`key` says what the key is made of, so there is nothing to skip",
            )),
            _ => Ok(()),
        }
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn names(input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let content;
    syn::parenthesized!(content in input);
    let names = Punctuated::<Ident, Token![,]>::parse_terminated_with(&content, Ident::parse_any)?;
    Ok(names.into_iter().collect())
}

fn unknown(name: &Ident) -> Error {
    let message = format!("unknown argument `{name}`: there are {}", KNOWN.join(", "));
    Error::new(name.span(), message)
}
