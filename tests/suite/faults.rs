//! Servers that stand still, run out of disk, or get other limits than their entries keep to.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Client, Running, Server, SmallDisk, show, wait_until};

/// Lets the server stand still for a second while three connections write.
fn stand_still(s: &Server) -> Instant {
    let running = &Running::default();
    thread::scope(|scope| {
        for n in 0..3 {
            let mut c = s.client();
            scope.spawn(move || {
                for i in (0..100).cycle().take_while(|_| running.goes_on()) {
                    c.check(format!("CACHE.SET {n}:{i} v EX 100 TAGS 1 t{n}"), "OK");
                }
            });
        }
        running.during(|| {
            s.freeze();
            thread::sleep(Duration::from_secs(1));
            s.thaw();
            Instant::now()
        })
    })
}

#[test]
fn after_a_standstill_leases_are_over_and_waiters_answered_at_once() {
    let s = Server::start();
    let mut c = s.client();
    let over = c.lease("over LEASE 400");
    let held = c.lease("held LEASE 60000");
    let [mut next] = s.waiters("over WAIT 20000 LEASE 60000");
    let [mut impatient] = s.waiters("held WAIT 500");
    let [mut patient] = s.waiters("held WAIT 20000");
    let thawed = stand_still(&s);
    c.check(format!("CACHE.SET over late TOKEN {over}"), "nil");
    assert!(next.promoted() > over);
    impatient.check_reply("[busy nil nil]");
    assert!(thawed.elapsed() < Duration::from_secs(1), "they waited on");
    assert_eq!(s.blocked(), 1);
    c.check(format!("CACHE.SET held v TOKEN {held}"), "OK");
    patient.check_reply("[fresh v nil]");
}

/// Something of each kind that a limit is for.
fn exceed(c: &mut Client, tag: &str) -> i64 {
    c.check(
        format!("CACHE.SET k v EX 100 GRACE 100 TAGS 5 a b c d {tag}"),
        "OK",
    );
    c.lease("pending LEASE 60000")
}

#[test]
fn limits_that_become_smaller_leave_alone_what_is_there() {
    let s = Server::start();
    let (mut c, tag) = (s.client(), "x".repeat(100));
    let token = exceed(&mut c, &tag);
    let [mut waiter] = s.waiters("pending WAIT 20000");
    for limit in [
        "max-tags-per-entry 2",
        "max-tag-length 4",
        "max-lease-time 100",
        "max-waiters 0",
    ] {
        c.check(format!("CONFIG SET cache.{limit}"), "OK");
    }
    c.check("CACHE.GETORLOCK pending WAIT 20000", "[busy nil nil]");
    c.check("COPY k copy", ":1");
    c.check("RENAME k renamed", "OK");
    let payload = c.bytes("DUMP copy");
    c.check([&b"RESTORE"[..], b"restored", b"0", &payload], "OK");
    c.check(format!("CACHE.SET pending v TOKEN {token}"), "OK");
    waiter.check_reply("[fresh v nil]");
    c.check("DEBUG RELOAD", "OK");
    for key in ["renamed", "copy", "restored"] {
        assert_eq!(c.sorted(format!("CACHE.TAGS {key}")).len(), 5);
        c.check(format!("CACHE.GET {key}"), "v");
    }
    c.check("CACHE.INVALIDATE d", ":3");
    c.check("CACHE.MGET renamed copy restored", "[nil nil nil]");
}

/// A server on a disk that becomes full, with an entry stored before; `None` without such a disk.
fn on_small_disk(disk: &SmallDisk, fsync: &str) -> (Server, Client) {
    let dir = disk.path().display();
    let s = Server::with(&format!("dir {dir}\nappendonly yes\nappendfsync {fsync}"));
    let mut c = s.client();
    c.check("CACHE.SET before v EX 1000 GRACE 100 TAGS 1 a", "OK");
    (s, c)
}

#[test]
fn a_full_disk_refuses_writes_and_loses_none() {
    let Some(disk) = SmallDisk::mount("a_full_disk_refuses_writes_and_loses_none") else {
        return;
    };
    let (mut s, mut c) = on_small_disk(&disk, "everysec");
    disk.fill(0);
    let mut stored = 0;
    let set = |n| format!("CACHE.SET k{n} v{n} EX 1000 TAGS 1 a");
    wait_until("the server notices", || {
        let reply = c.text(set(stored));
        stored += u32::from(reply == "OK");
        reply.starts_with("-MISCONF ")
    });
    c.check("CACHE.GET before", "v");
    let reply = c.text("CACHE.INVALIDATE a");
    assert!(reply.starts_with("-MISCONF "), "{reply}");
    disk.clear();
    wait_until("it writes again", || c.text(set(stored)) == "OK");
    s.restart("NOSAVE");
    let mut c = s.client();
    for n in 0..=stored {
        c.check(format!("CACHE.GET k{n}"), &format!("v{n}"));
    }
    c.check("CACHE.INVALIDATE a", &format!(":{}", stored + 2));
}

#[test]
fn a_server_that_must_not_lose_a_write_ends_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount("a_server_that_must_not_lose_a_write_ends_on_a_full_disk")
    else {
        return;
    };
    let (mut s, mut c) = on_small_disk(&disk, "always");
    disk.fill(0);
    let mut stored = 0;
    while c
        .try_send(format!("CACHE.SET k{stored} v TAGS 1 a"))
        .is_ok()
        && c.try_reply().is_ok_and(|reply| show(&reply) == "OK")
    {
        stored += 1;
    }
    s.wait_for_end();
    disk.clear();
    s.start_again();
    let mut c = s.client();
    c.check("CACHE.GET before", "v");
    c.check("CACHE.INVALIDATE a", &format!(":{}", stored + 1));
}
