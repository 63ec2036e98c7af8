//! Functions in `impl` blocks.

use std::marker::PhantomData;
use std::sync::Arc;

use larder_client::{Cache, cached};
use serde::{Deserialize, Serialize};

use crate::support::{Calls, MINUTE, started};

struct Shop<'a> {
    cache: Cache,
    currency: &'a str,
    calls: Calls,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Article {
    id: u32,
}

impl Article {
    #[cached(name = "Article::load", skip(cache, calls), cache = cache, ttl = MINUTE)]
    async fn load(cache: &Cache, calls: &Calls, id: u32) -> Result<Self, String> {
        calls.next();
        if id == 0 {
            Err("no such article".to_owned())
        } else {
            Ok(Self { id })
        }
    }

    #[cached(in_impl, name = "Article::count")]
    async fn count() -> u32 {
        7
    }
}

impl Shop<'_> {
    #[cached(name = "Shop::price", key = (self.currency, id), cache = &self.cache, ttl = MINUTE)]
    pub(crate) async fn price(&self, id: u32) -> String {
        format!(
            "{} {}, asked {}",
            id * 100,
            self.currency,
            self.calls.next()
        )
    }

    #[cached(name = "Shop::load", skip(self), cache = &self.cache, ttl = MINUTE)]
    async fn load(&self, id: u32) -> u32 {
        self.calls.next() + id
    }

    #[cached(name = "Shop::shared", key = id, ttl = MINUTE)]
    async fn shared(self: Arc<Self>, id: u32) -> u32 {
        id
    }
}

fn shop(cache: &Cache, currency: &'static str) -> Shop<'static> {
    Shop {
        cache: cache.clone(),
        currency,
        calls: Calls::default(),
    }
}

#[tokio::test]
async fn a_method_is_cached_by_what_its_key_says() {
    let (_server, cache) = started();
    let (iceland, norway) = (shop(&cache, "ISK"), shop(&cache, "NOK"));
    assert_eq!(iceland.price(1).await, "100 ISK, asked 1");
    assert_eq!(iceland.price(1).await, "100 ISK, asked 1");
    assert_eq!(norway.price(1).await, "100 NOK, asked 1");
}

trait Currency {
    const CODE: &'static str;
}

struct Krona;
struct Euro;

impl Currency for Krona {
    const CODE: &'static str = "ISK";
}

impl Currency for Euro {
    const CODE: &'static str = "EUR";
}

struct Prices<C> {
    cache: Cache,
    currency: PhantomData<C>,
}

impl<C: Currency> Prices<C> {
    fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
            currency: PhantomData,
        }
    }

    #[cached(name = "Prices::of", key = (C::CODE, id), cache = &self.cache, ttl = MINUTE)]
    async fn of(&self, id: u32) -> String {
        format!("{id} {}", C::CODE)
    }
}

#[tokio::test]
async fn a_key_tells_the_types_of_a_generic_impl_apart() {
    let (_server, cache) = started();
    assert_eq!(Prices::<Krona>::new(&cache).of(1).await, "1 ISK");
    assert_eq!(Prices::<Euro>::new(&cache).of(1).await, "1 EUR");
    assert_eq!(Prices::<Krona>::new(&cache).of(1).await, "1 ISK");
}

#[tokio::test]
async fn methods_have_companions() {
    let (_server, cache) = started();
    let shop = shop(&cache, "ISK");
    assert_eq!(shop.price(1).await, "100 ISK, asked 1");
    assert_eq!(shop.price_uncached(1).await, "100 ISK, asked 2");
    assert_eq!(shop.price_refresh(1).await, "100 ISK, asked 3");
    assert_eq!(shop.price(1).await, "100 ISK, asked 3");
    assert_eq!(
        shop.price_cache_key(1).unwrap(),
        r#"f:cached::methods::Shop::price:v1:["ISK",1]"#
    );
    assert!(shop.price_cache_delete(1).await.unwrap());
    assert_eq!(shop.price(1).await, "100 ISK, asked 4");
    assert_eq!(shop.price_cache_clear().await.unwrap().entries, 1);
}

#[tokio::test]
async fn methods_of_one_name_do_not_share_values() {
    let ((_server, cache), calls) = (started(), Calls::default());
    let shop = shop(&cache, "ISK");
    assert_eq!(shop.load(5).await, 6);
    assert_eq!(
        Article::load(&cache, &calls, 5).await,
        Ok(Article { id: 5 })
    );
    assert_eq!(
        Article::load(&cache, &calls, 5).await,
        Ok(Article { id: 5 })
    );
    assert_eq!(
        Article::load(&cache, &calls, 0).await,
        Err("no such article".to_owned())
    );
    assert_eq!(shop.load(5).await, 6);
    assert_eq!(calls.count(), 2);
}

#[tokio::test]
async fn self_is_only_asked_for_where_it_is_needed() {
    assert_eq!(Article::count().await, 7);
    assert_eq!(
        Article::count_cache_key().unwrap(),
        "f:cached::methods::Article::count:v1:()"
    );
    assert_eq!(
        Shop::shared_cache_key(1).unwrap(),
        "f:cached::methods::Shop::shared:v1:1"
    );
    assert_eq!(
        Shop::load_cache_key(1).unwrap(),
        "f:cached::methods::Shop::load:v1:[1]"
    );
    assert_eq!(
        Arc::new(shop(&crate::support::unreachable_cache(), "ISK"))
            .shared(1)
            .await,
        1
    );
}
