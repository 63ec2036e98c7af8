//! The size of a tag costs nothing on the way to a reply (G5), and its memory comes back.

use crate::common::{Client, Server, gauges, wait_for_memory, wait_until};

fn fill(c: &mut Client, entries: usize) {
    let replies = c.pipeline((0..entries).map(|i| {
        format!(
            "CACHE.SET page:{i} {} TAGS 2 big part:{}",
            "v".repeat(100),
            i % 100
        )
    }));
    assert!(replies.iter().all(|reply| *reply == redis::Value::Okay));
}

/// What the server itself measured for the last call of a command, in microseconds.
fn server_time(c: &mut Client, command: &str) -> i64 {
    c.check("CONFIG RESETSTAT", "OK");
    c.run(command);
    let stats = c.bytes("INFO commandstats");
    let stats = String::from_utf8(stats).unwrap();
    let name = command.split(' ').next().unwrap().to_lowercase();
    let line = stats.lines().find(|line| line.contains(&name)).unwrap();
    let usec = line
        .split([',', '='])
        .skip_while(|word| *word != "usec")
        .nth(1);
    usec.unwrap().parse().unwrap()
}

/// The best of three, since the machine is not ours alone.
fn best_time(c: &mut Client, entries: usize, command: &str) -> i64 {
    let times = (0..3).map(|_| {
        fill(c, entries);
        server_time(c, command)
    });
    times.min().unwrap()
}

#[test]
fn invalidating_costs_the_same_for_few_and_many() {
    let s = Server::start();
    let mut c = s.client();
    let few = best_time(&mut c, 200, "CACHE.INVALIDATE big");
    let many = best_time(&mut c, 30_000, "CACHE.INVALIDATE big");
    assert!(
        many < 5 * few + 500,
        "{few} us for 200, {many} us for 30000"
    );
}

#[test]
fn marking_costs_the_same_for_few_and_many() {
    let s = Server::start();
    let mut c = s.client();
    let few = best_time(&mut c, 200, "CACHE.MARKSTALE big");
    let many = best_time(&mut c, 30_000, "CACHE.MARKSTALE big");
    assert!(
        many < 5 * few + 500,
        "{few} us for 200, {many} us for 30000"
    );
}

#[test]
fn the_memory_of_a_hundred_thousand_entries_comes_back() {
    let s = Server::start();
    let mut c = s.client();
    let memory =
        |c: &mut Client| -> u64 { c.server_info("memory", "used_memory").parse().unwrap() };
    fill(&mut c, 10);
    c.check("CACHE.INVALIDATE big", ":10");
    let (empty, before) = (c.stats().int("index-bytes"), memory(&mut c));
    fill(&mut c, 100_000);
    let full = memory(&mut c);
    assert!(full > before + 20_000_000, "{before} -> {full}");
    c.check("CACHE.INVALIDATE big", ":100000");
    c.check("CACHE.GET page:77777 STALE", "nil");
    wait_until("all are reclaimed", || c.int("DBSIZE") == 0);
    wait_until("the gauges are at zero", || gauges(&mut c) == [0, 0, 0]);
    wait_for_memory(&mut c, empty);
    assert_eq!(c.stats().int("entries-reclaimed"), 100_010);
    wait_until("the memory is given back", || {
        memory(&mut c) < before + 2_000_000
    });
}

#[test]
fn others_are_served_while_a_large_tag_is_reclaimed() {
    let s = Server::start();
    let mut c = s.client();
    fill(&mut c, 30_000);
    c.check("CACHE.INVALIDATE big", ":30000");
    let mut served = 0;
    while gauges(&mut c)[2] > 0 {
        c.check("CACHE.SET other v", "OK");
        c.check("CACHE.GET other", "v");
        served += 1;
    }
    assert!(served > 5, "only {served} rounds in between");
}

#[test]
fn reading_a_large_tag_goes_in_pages() {
    let s = Server::start();
    let mut c = s.client();
    fill(&mut c, 30_000);
    let time = (0..3)
        .map(|_| server_time(&mut c, "CACHE.TAGSCAN big 0"))
        .min()
        .unwrap();
    assert!(time < 1_000, "{time} us for one page");
    let time = (0..3)
        .map(|_| server_time(&mut c, "CACHE.TAGINFO big"))
        .min()
        .unwrap();
    assert!(time < 1_000, "{time} us");
}
