//! Breaks the servers while they are used.

use super::history::{Breakage, Fault, Span};
use super::world::{Place, World};
use larder_test_support::{Random, Server, wait_until};
use std::mem;
use std::thread;
use std::time::Duration;

/// A primary with its replica, and whoever breaks them.
pub(crate) struct Breaker {
    primary: Server,
    replica: Server,
    random: Random,
}

impl Breaker {
    /// Starts both servers, with these lines in their configuration.
    pub(crate) fn start(lines: &str, seed: u64) -> Self {
        let primary = Server::with(lines);
        let replica = primary.replica(lines);
        Self {
            primary,
            replica,
            random: Random::new(seed),
        }
    }

    /// Where the servers are. Nobody reads from a replica that was a primary: it begins with what
    /// the other one never got.
    pub(crate) fn place(&self) -> Place {
        Place {
            primary: self.primary.socket(),
            replica: Some(self.replica.socket()),
        }
    }

    /// Breaks what the plan says, at even distances in the course of the storm.
    pub(crate) fn run(&mut self, world: &World, plan: &[Breakage]) -> Vec<Fault> {
        let steps = plan.len() as u64 + 1;
        let faults = (1..).zip(plan).map(|(step, breakage)| {
            wait_until_reached(world, step * 100 / steps);
            self.break_it(world, *breakage)
        });
        faults.collect()
    }

    fn break_it(&mut self, world: &World, breakage: Breakage) -> Fault {
        let began = world.now();
        match breakage {
            Breakage::Crash => self.crash(world),
            Breakage::Failover => self.fail_over(world),
            Breakage::Freeze => self.freeze(),
            Breakage::Reload => self.primary.client().check("DEBUG RELOAD", "OK"),
            Breakage::Rewrite => self.primary.client().rewrite_aof(),
            Breakage::Limits => self.limit(world),
        }
        let ended = world.now();
        if breakage == Breakage::Failover {
            self.bring_back();
        }
        let span = Span { began, ended };
        Fault { span, breakage }
    }

    fn crash(&mut self, world: &World) {
        world.set_place(None);
        self.primary.crash();
        world.set_place(Some(self.place()));
    }

    fn fail_over(&mut self, world: &World) {
        world.set_place(None);
        self.primary.kill();
        mem::swap(&mut self.primary, &mut self.replica);
        self.primary.client().check("REPLICAOF NO ONE", "OK");
        let place = self.place();
        world.set_place(Some(Place {
            replica: None,
            ..place
        }));
    }

    /// The old primary follows the new one.
    fn bring_back(&mut self) {
        self.replica.start_again();
        let mut c = self.replica.client();
        c.check(format!("REPLICAOF 127.0.0.1 {}", self.primary.port()), "OK");
        wait_until("the old primary follows the new one", || {
            c.server_info("replication", "master_link_status") == "up"
        });
    }

    fn freeze(&mut self) {
        self.primary.freeze();
        let ms = 20 + self.random.below(200);
        thread::sleep(Duration::from_millis(ms as u64));
        self.primary.thaw();
    }

    fn limit(&mut self, world: &World) {
        let mut c = self.primary.client();
        let inline = self.random.below(3);
        c.check(
            format!("CONFIG SET cache.max-waiters 1 cache.reclaim-inline {inline}"),
            "OK",
        );
        c.check(
            "CONFIG SET cache.reclaim-slice-us 10 cache.publish-invalidations no",
            "OK",
        );
        let before = c.stats().int("waits");
        wait_until("somebody waits, or the storm is over", || {
            c.stats().int("waits") > before || world.has_reached(100)
        });
        c.check("CONFIG SET cache.max-waiters 1000", "OK");
    }

    /// The storm is over: the servers must agree and have nothing left to do.
    pub(crate) fn expect_calm(&self) {
        wait_until("nobody waits", || self.primary.blocked() == 0);
        self.primary.wait_for(&self.replica);
        for server in [&self.primary, &self.replica] {
            assert_eq!(
                server.client().complaints(),
                None,
                "the index is not what the keys are"
            );
        }
    }
}

/// Waits until the storm has come so far. It takes as long as it takes, and fails when it stands.
fn wait_until_reached(world: &World, percent: u64) {
    for step in 1..=percent {
        wait_until("the storm goes on", || world.has_reached(step));
    }
}
