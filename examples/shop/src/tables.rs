//! The queries.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::failure::Failure;
use crate::product::{Draft, Product};
use crate::sample;

const SCHEMA: &str = "
    CREATE TABLE product (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        brand TEXT NOT NULL,
        category TEXT NOT NULL,
        price_cents INTEGER NOT NULL,
        stock INTEGER NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX product_brand ON product (brand);
    CREATE INDEX product_category ON product (category);
";

/// How many products a page of the list has.
pub(crate) const PAGE: i64 = 24;
/// How many products are shown of a brand or a category. Each is a tag of the answer.
const MOST: i64 = 30;

/// In which order a category is shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    #[default]
    Name,
    Price,
}

/// How many products a brand or a category has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) products: i64,
}

/// Creates the tables, and fills them with products that are the same each time.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.unchecked_transaction()?;
    for draft in sample::products() {
        insert_into(&transaction, &draft)?;
    }
    transaction.commit()
}

pub(crate) async fn product(database: &Arc<Database>, id: i64) -> Result<Option<Product>, Failure> {
    let query = move |connection: &Connection| {
        connection
            .query_row("SELECT * FROM product WHERE id = ?1", [id], read)
            .optional()
    };
    database.query(query).await
}

/// Several products, by one query.
pub(crate) async fn products(
    database: &Arc<Database>,
    ids: Vec<i64>,
) -> Result<Vec<Product>, Failure> {
    let marks = vec!["?"; ids.len()].join(", ");
    let sql = format!("SELECT * FROM product WHERE id IN ({marks})");
    select(database, sql, rusqlite::params_from_iter(ids)).await
}

/// A page of all products; the first one is 1.
pub(crate) async fn page(database: &Arc<Database>, page: i64) -> Result<Vec<Product>, Failure> {
    let sql = "SELECT * FROM product ORDER BY id LIMIT ?1 OFFSET ?2";
    select(database, sql, [PAGE, (page - 1) * PAGE]).await
}

pub(crate) async fn of_brand(
    database: &Arc<Database>,
    brand: String,
) -> Result<Vec<Product>, Failure> {
    let sql = "SELECT * FROM product WHERE brand = ?1 ORDER BY name, id LIMIT ?2";
    select(database, sql, (brand, MOST)).await
}

pub(crate) async fn in_category(
    database: &Arc<Database>,
    category: String,
    order: Order,
) -> Result<Vec<Product>, Failure> {
    let sql = match order {
        Order::Name => "SELECT * FROM product WHERE category = ?1 ORDER BY name, id LIMIT ?2",
        Order::Price => {
            "SELECT * FROM product WHERE category = ?1 ORDER BY price_cents, id LIMIT ?2"
        }
    };
    select(database, sql, (category, MOST)).await
}

/// The brands.
pub(crate) async fn brands(database: &Arc<Database>) -> Result<Vec<Count>, Failure> {
    count(
        database,
        "SELECT brand, count(*) FROM product GROUP BY brand",
    )
    .await
}

/// The categories.
pub(crate) async fn categories(database: &Arc<Database>) -> Result<Vec<Count>, Failure> {
    count(
        database,
        "SELECT category, count(*) FROM product GROUP BY category",
    )
    .await
}

pub(crate) async fn insert(database: &Arc<Database>, draft: Draft) -> Result<Product, Failure> {
    database
        .query(move |connection| insert_into(connection, &draft))
        .await
}

/// Replaces the revision before the given one.
///
/// # Errors
/// [`Failure::Conflict`] if that is not what the table has.
pub(crate) async fn update(database: &Arc<Database>, product: Product) -> Result<(), Failure> {
    let sql = "UPDATE product SET name = ?2, price_cents = ?3, stock = ?4, revision = ?5
               WHERE id = ?1 AND revision = ?5 - 1";
    let query = move |connection: &Connection| {
        let Product {
            id,
            name,
            price_cents,
            stock,
            revision,
            ..
        } = product;
        connection.execute(sql, params![id, name, price_cents, stock, revision])
    };
    match database.query(query).await? {
        0 => Err(Failure::Conflict),
        _ => Ok(()),
    }
}

pub(crate) async fn delete(database: &Arc<Database>, id: i64) -> Result<(), Failure> {
    let query = move |connection: &Connection| {
        connection.execute("DELETE FROM product WHERE id = ?1", [id])
    };
    database.query(query).await?;
    Ok(())
}

async fn select(
    database: &Arc<Database>,
    sql: impl AsRef<str> + Send + 'static,
    parameters: impl Params + Send + 'static,
) -> Result<Vec<Product>, Failure> {
    let query = move |connection: &Connection| {
        let mut statement = connection.prepare(sql.as_ref())?;
        statement.query_map(parameters, read)?.collect()
    };
    database.query(query).await
}

async fn count(database: &Arc<Database>, sql: &'static str) -> Result<Vec<Count>, Failure> {
    let read = |row: &Row<'_>| {
        Ok(Count {
            name: row.get(0)?,
            products: row.get(1)?,
        })
    };
    let query =
        move |connection: &Connection| connection.prepare(sql)?.query_map([], read)?.collect();
    database.query(query).await
}

fn insert_into(connection: &Connection, draft: &Draft) -> rusqlite::Result<Product> {
    let sql = "INSERT INTO product (name, brand, category, price_cents, stock)
               VALUES (?1, ?2, ?3, ?4, ?5) RETURNING *";
    let Draft {
        name,
        brand,
        category,
        price_cents,
        stock,
    } = draft;
    let parameters = params![name, brand, category, price_cents, stock];
    connection.query_row(sql, parameters, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        id: row.get("id")?,
        name: row.get("name")?,
        brand: row.get("brand")?,
        category: row.get("category")?,
        price_cents: row.get("price_cents")?,
        stock: row.get("stock")?,
        revision: row.get("revision")?,
    })
}
