//! The same without `async`.

use larder_client::blocking::Cache;
use larder_client::{cached, install_blocking, installed_blocking};
use larder_test_support::Server;

use crate::support::{Calls, MINUTE, builder};

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE, tags_of = |text| [text.clone()])]
fn numbered(cache: &Cache, calls: &Calls, name: &str) -> Result<Option<String>, std::fmt::Error> {
    match name {
        "" => Err(std::fmt::Error),
        "nobody" => Ok(None),
        _ => Ok(Some(format!("{name}{}", calls.next()))),
    }
}

#[test]
fn a_function_is_cached_with_all_its_companions() {
    let server = Server::start();
    let (cache, calls) = (builder(&server).build_blocking().unwrap(), Calls::default());
    let call = |name| numbered(&cache, &calls, name).map(Option::unwrap_or_default);
    assert!(call("").is_err());
    assert_eq!(call("nobody").unwrap(), "");
    assert!(
        cache
            .get::<String>(&numbered::cache_key("nobody").unwrap())
            .unwrap()
            .is_none()
    );
    assert_eq!(
        (call("a").unwrap(), call("a").unwrap()),
        ("a1".into(), "a1".into())
    );
    assert_eq!(
        numbered::uncached(&cache, &calls, "a").unwrap().unwrap(),
        "a2"
    );
    assert_eq!(
        numbered::refresh(&cache, &calls, "a").unwrap().unwrap(),
        "a3"
    );
    assert_eq!(call("a").unwrap(), "a3");
    assert_eq!(
        numbered::cache_key("a").unwrap(),
        r#"f:cached::blocking::numbered:v1:["a"]"#
    );
    assert!(numbered::cache_delete(&cache, "a").unwrap());
    assert_eq!(call("a").unwrap(), "a4");
    server.client().check("CACHE.INVALIDATE a4", ":1");
    assert_eq!(call("a").unwrap(), "a5");
    assert_eq!(numbered::cache_clear(&cache).unwrap().entries, 1);
    assert_eq!(call("a").unwrap(), "a6");
}

#[cached(skip(calls), ttl = MINUTE)]
fn global(calls: &Calls) -> u32 {
    calls.next()
}

/// The only test that installs a cache for threads: a process has only one.
#[test]
fn the_installed_cache_is_used_once_there_is_one() {
    let calls = Calls::default();
    assert_eq!((global(&calls), global(&calls)), (1, 2));
    assert!(global::cache_clear().is_err());
    let server = Server::start();
    install_blocking(builder(&server).build_blocking().unwrap()).unwrap();
    assert_eq!((global(&calls), global(&calls)), (3, 3));
    assert!(installed_blocking().is_some());
}

struct Shop {
    cache: Cache,
}

impl Shop {
    #[cached(name = "Shop::price", skip(self), cache = &self.cache)]
    fn price(&self, id: u32) -> u32 {
        id * 100
    }
}

#[test]
fn without_a_server_the_body_runs() {
    let cache = larder_client::Cache::builder("redis://127.0.0.1:1")
        .build_blocking()
        .unwrap();
    let shop = Shop { cache };
    assert_eq!(shop.price(7), 700);
    assert_eq!(shop.price_refresh(7), 700);
    assert!(shop.price_cache_clear().is_err());
}
