//! Changes of the source: the cache never keeps the older value.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use larder_client::blocking::{RecordSource, Repository};

use crate::support::{builder, millis, minute, started, until};

#[test]
fn a_saved_value_is_there_without_asking_the_source() {
    let (_server, cache) = started();
    let saved = cache.write_through("k", minute(), &5_u8, || Ok::<_, ()>("saved"));
    assert_eq!(saved, Ok("saved"));
    assert_eq!(cache.get::<u8>("k").unwrap(), Some(5));
}

#[test]
fn what_could_not_be_saved_is_not_stored() {
    let (server, cache) = started();
    cache.set("k", &1_u8, minute()).unwrap();
    let failed = cache.write_through("k", minute(), &5_u8, || Err::<(), _>("read-only"));
    assert_eq!(failed, Err("read-only"));
    server.client().check("CACHE.INFO t:k", "nil");
}

#[test]
fn who_read_the_source_before_does_not_store_it_after() {
    let (_server, cache) = started();
    let value = cache.get_or_compute("k", minute(), || {
        // Read: 1. Meanwhile another caller writes 2.
        cache
            .write_through("k", minute(), &2_u8, || Ok::<_, Infallible>(()))
            .unwrap();
        Ok::<u8, ()>(1)
    });
    assert_eq!(value, Ok(1));
    assert_eq!(cache.get::<u8>("k").unwrap(), Some(2));
}

#[test]
fn who_read_the_source_before_a_deletion_does_not_store_it_after() {
    let (_server, cache) = started();
    let value = cache.get_or_compute("k", minute(), || {
        cache
            .delete_through("k", || Ok::<_, Infallible>(()))
            .unwrap();
        Ok::<u8, ()>(1)
    });
    assert_eq!(value, Ok(1));
    assert!(!cache.exists("k").unwrap());
}

#[test]
fn of_two_writers_at_a_time_neither_value_is_kept() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    let saved = cache.write_through("k", minute(), &1_u8, || {
        other.write_through("k", minute(), &2_u8, || Ok::<_, Infallible>(()))
    });
    assert_eq!(saved, Ok(()));
    assert!(!cache.exists("k").unwrap());
}

#[test]
fn readers_wait_for_a_write_that_has_begun() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            cache.write_through("k", minute(), &5_u8, || {
                until("a reader waits", || server.blocked() == 1);
                Ok::<_, Infallible>(())
            })
        });
        until("the write has begun", || {
            server.client().text("EXISTS t:k") == ":1"
        });
        let read = other.get_or_compute("k", minute(), || Err::<u8, _>("the source is not asked"));
        assert_eq!((writing.join().unwrap(), read), (Ok(()), Ok(5)));
    });
}

#[test]
fn a_deletion_that_redis_missed_is_made_up_for() {
    let (server, _) = started();
    let cache = builder(&server)
        .timeout(millis(100))
        .circuit_breaker(1, millis(50))
        .build_blocking()
        .unwrap();
    cache.set("k", &1_u8, minute()).unwrap();
    server.freeze();
    cache
        .delete_through("k", || Ok::<_, Infallible>(()))
        .unwrap();
    server.thaw();
    until("the old value is gone", || {
        server.client().text("EXISTS t:k") == ":0"
    });
}

#[test]
fn a_write_that_panics_leaves_nothing_behind() {
    let (server, cache) = started();
    cache.set("k", &1_u8, minute()).unwrap();
    let writing = || {
        cache.write_through::<_, (), Infallible, _>("k", minute(), &2_u8, || panic!("on purpose"))
    };
    assert!(catch_unwind(AssertUnwindSafe(writing)).is_err());
    server.client().check("CACHE.INFO t:k", "nil");
}

/// A table in memory that notes how often it is read.
#[derive(Default)]
struct Table {
    rows: RefCell<HashMap<u64, String>>,
    reads: Cell<usize>,
}

impl RecordSource for Table {
    type Key = u64;
    type Record = String;
    type Error = Infallible;

    fn load(&self, key: &u64) -> Result<Option<String>, Infallible> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.rows.borrow().get(key).cloned())
    }

    fn save(&self, key: &u64, record: &String) -> Result<(), Infallible> {
        self.rows.borrow_mut().insert(*key, record.clone());
        Ok(())
    }

    fn remove(&self, key: &u64) -> Result<(), Infallible> {
        self.rows.borrow_mut().remove(key);
        Ok(())
    }
}

#[test]
fn a_repository_reads_from_the_cache_and_writes_to_the_source() {
    let (_server, cache) = started();
    let policy = minute().negative_ttl(millis(60_000));
    let users = Repository::new(&cache, "user", policy, Table::default());
    assert_eq!(users.load(&1), Ok(None));
    assert_eq!(users.load(&1), Ok(None));
    users.save(&1, &"Ada".to_owned()).unwrap();
    assert_eq!(users.load(&1), Ok(Some("Ada".to_owned())));
    assert_eq!(users.source().reads.get(), 1);
    users.remove(&1).unwrap();
    assert_eq!(users.load(&1), Ok(None));
    assert_eq!(users.source().reads.get(), 2);
}
