//! What the shop sells.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The longest name, in characters, and the longest brand or category.
const LONGEST: usize = 60;
/// The highest price in cents, and the largest stock: ten million.
const MOST: i64 = 10_000_000;

/// A product as the database has it. Brand and category are for life; the rest can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its number in the database.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// A word such as `nordlys`.
    pub brand: String,
    /// A word such as `lighting`.
    pub category: String,
    /// Its price in cents.
    pub price_cents: i64,
    /// How many there are.
    pub stock: i64,
    /// Counts its changes. A change names the revision it is based on, so whoever has read an older
    /// one, be it from a cache or not, can't overwrite what he has not seen.
    pub revision: i64,
}

/// A product that has no number yet.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Draft {
    /// What it is to be called.
    pub name: String,
    /// Lower-case letters, digits and hyphens.
    pub brand: String,
    /// Lower-case letters, digits and hyphens.
    pub category: String,
    /// Its price in cents.
    pub price_cents: i64,
    /// How many there are.
    pub stock: i64,
}

/// A change of a product.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Edit {
    /// The new name.
    pub name: String,
    /// The new price in cents.
    pub price_cents: i64,
    /// The new stock.
    pub stock: i64,
    /// The revision that is to be changed.
    pub revision: i64,
}

impl Product {
    /// What every cached answer carries that shows this product. See `catalogue::change` for which of
    /// them are invalidated when.
    pub(crate) fn tags(&self) -> [String; 3] {
        [
            format!("product:{}", self.id),
            format!("brand:{}", self.brand),
            format!("category:{}", self.category),
        ]
    }

    /// The same product after a change.
    ///
    /// # Errors
    /// [`Failure::Invalid`] if it makes no sense.
    pub(crate) fn edited(self, edit: Edit) -> Result<Self, Failure> {
        Ok(Self {
            name: name(edit.name)?,
            price_cents: amount("price_cents", edit.price_cents)?,
            stock: amount("stock", edit.stock)?,
            revision: edit.revision + 1,
            ..self
        })
    }
}

impl Draft {
    /// # Errors
    /// [`Failure::Invalid`] if it makes no sense.
    pub(crate) fn checked(self) -> Result<Self, Failure> {
        Ok(Self {
            name: name(self.name)?,
            brand: word("brand", self.brand)?,
            category: word("category", self.category)?,
            price_cents: amount("price_cents", self.price_cents)?,
            stock: amount("stock", self.stock)?,
        })
    }
}

fn name(name: String) -> Result<String, Failure> {
    if name.trim().is_empty() || name.chars().count() > LONGEST {
        return Err(Failure::Invalid(format!("name: 1 to {LONGEST} characters")));
    }
    Ok(name)
}

fn word(field: &str, word: String) -> Result<String, Failure> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if word.is_empty() || word.len() > LONGEST || !word.bytes().all(fits) {
        return Err(Failure::Invalid(format!(
            "{field}: 1 to {LONGEST} lower-case letters, digits and hyphens"
        )));
    }
    Ok(word)
}

fn amount(field: &str, amount: i64) -> Result<i64, Failure> {
    if (0..=MOST).contains(&amount) {
        Ok(amount)
    } else {
        Err(Failure::Invalid(format!("{field}: 0 to {MOST}")))
    }
}
