//! Clients that use a cache until its primary goes away, and what they may never see.
//!
//! Each value is a number, larger than all that were computed before it. When a tag has been
//! invalidated, the numbers known by then are gone: no reader may meet them on that primary. If the
//! replicas had it in time (`WAIT`), they are gone for good, whoever is the primary later.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::thread::Scope;

use larder_test_support::{Client, Random, Running, Server, show};

const TAGS: usize = 4;
const WRITERS: usize = 2;
const FILLERS: u64 = 4;
/// Who blocks when the primary goes: two on each key that nobody ever fills.
pub(crate) const WAITERS: usize = 2 * (KEYS - HELD);

/// Keys below this are written, each by one client, the following ones filled under leases.
const WRITTEN: usize = 8;
/// Keys from this on have a lease out that is never filled.
const HELD: usize = 16;
const KEYS: usize = 20;

/// What a client is told when its primary has become a replica, or is about to.
const FAREWELLS: [&str; 4] = [
    "-READONLY",
    "-UNBLOCKED",
    "-ERR WAIT cannot be used with replica",
    "-LOADING",
];

/// What all clients together have done and seen.
#[derive(Default)]
pub(crate) struct Ledger {
    numbers: AtomicU64,
    /// The latest number of each key that is sure to be there or computed.
    latest: [AtomicU64; KEYS],
    /// Numbers up to this are gone from the present primary.
    gone: [AtomicU64; KEYS],
    /// Numbers up to this are gone from its replicas as well.
    gone_for_good: [AtomicU64; KEYS],
    /// The largest token seen.
    token: AtomicI64,
    /// Leases that were left open, by key.
    open: Mutex<Vec<(usize, i64)>>,
    counts: Counts,
}

/// For the report.
#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
    fills: AtomicU64,
    late_fills: AtomicU64,
    invalidations: AtomicU64,
    /// Waiters that were told why, and those that found their connection closed.
    unblocked: AtomicU64,
    closed: AtomicU64,
}

impl Ledger {
    /// Starts the clients of a primary. They end with `running`, or when the primary goes.
    pub(crate) fn start<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        running: &'env Running,
        primary: &Server,
        replicas: Vec<Client>,
    ) {
        let seed = self.number();
        let worker = |n| Worker {
            ledger: self,
            running,
            c: primary.client(),
            random: Random::new(seed + n),
        };
        for key in HELD..KEYS {
            let token = primary.client().lease(&format!("k{key} LEASE 60000"));
            self.granted(token, 0);
            self.leave_open(key, token);
        }
        for n in 0..WRITERS {
            let worker = worker(n as u64);
            scope.spawn(move || worker.write(n));
        }
        for n in 0..FILLERS {
            let worker = worker(n);
            scope.spawn(move || worker.fill());
        }
        for n in 0..WAITERS {
            let worker = worker(n as u64);
            scope.spawn(move || worker.wait(HELD + n / 2));
        }
        let worker = worker(99);
        scope.spawn(move || worker.invalidate(replicas));
    }

    /// Checks a server that has just been promoted against all that was seen before.
    pub(crate) fn check_promoted(&self, primary: &Server) {
        let mut c = primary.client();
        let (before, token) = (self.token.load(SeqCst), c.lease("probe LEASE 1"));
        self.granted(token, before);
        for (key, token) in self.open.lock().unwrap().drain(..) {
            let tag = key % TAGS;
            c.check(
                format!("CACHE.SET k{key} 0 TOKEN {token} TAGS 1 t{tag}"),
                "nil",
            );
            self.counts.late_fills.fetch_add(1, SeqCst);
        }
        for key in 0..KEYS {
            let floor = self.gone_for_good[key].load(SeqCst);
            self.gone[key].store(floor, SeqCst);
            self.check_value(key, floor, &c.text(format!("CACHE.GET k{key} STALE")));
        }
    }

    /// What was done and seen, in words.
    pub(crate) fn report(&self) -> String {
        let Counts {
            reads,
            writes,
            fills,
            late_fills,
            invalidations,
            unblocked,
            closed,
        } = &self.counts;
        format!(
            "{reads:?} reads, {writes:?} writes, {fills:?} fills, {invalidations:?} confirmed \
             invalidations: nothing stale served, tokens growing; {late_fills:?} fills of a former \
             primary's leases refused; of those who waited {unblocked:?} told, {closed:?} disconnected"
        )
    }

    /// How many invalidations have reached the replicas.
    pub(crate) fn invalidations(&self) -> u64 {
        self.counts.invalidations.load(SeqCst)
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, SeqCst) + 1
    }

    /// Notes a token, which must be above what had been seen before it was asked for.
    fn granted(&self, token: i64, before: i64) {
        assert!(token > before, "token {token} after {before}");
        self.token.fetch_max(token, SeqCst);
    }

    fn leave_open(&self, key: usize, token: i64) {
        self.open.lock().unwrap().push((key, token));
    }

    /// Reads from a replica, unless it is about to become something else.
    fn check_replica(&self, replica: &mut Client, key: usize, floor: u64) {
        let sent = replica.try_send(format!("CACHE.GET k{key} STALE"));
        if let Some(reply) = sent.ok().and_then(|()| replica.try_reply().ok()) {
            self.check_value(key, floor, &show(&reply));
        }
    }

    fn check_value(&self, key: usize, floor: u64, value: &str) {
        let number = value.parse().unwrap_or(u64::MAX);
        assert!(
            number > floor,
            "k{key} serves {value}, but all up to {floor} was invalidated"
        );
        self.counts.reads.fetch_add(1, SeqCst);
    }
}

/// A client at work.
struct Worker<'a> {
    ledger: &'a Ledger,
    running: &'a Running,
    c: Client,
    random: Random,
}

impl Worker<'_> {
    /// The reply to a command; `None` when the work is over.
    fn ask(&mut self, command: &str) -> Option<String> {
        self.c.try_send(command).ok()?;
        let reply = match self.c.try_reply() {
            Ok(reply) => show(&reply),
            Err(error) => {
                assert!(!error.is_timeout(), "no answer to {command}");
                return None;
            }
        };
        if FAREWELLS.iter().any(|farewell| reply.starts_with(farewell)) {
            return None;
        }
        assert!(!reply.starts_with('-'), "{command}: {reply}");
        self.running.goes_on().then_some(reply)
    }

    /// Writes its keys through.
    fn write(mut self, which: usize) -> Option<()> {
        loop {
            let key = self.random.below(WRITTEN / WRITERS) * WRITERS + which;
            let (number, tag) = (self.ledger.number(), key % TAGS);
            self.ask(&format!(
                "CACHE.SET k{key} {number} EX 100 GRACE 50 TAGS 1 t{tag}"
            ))?;
            self.ledger.latest[key].store(number, SeqCst);
            self.ledger.counts.writes.fetch_add(1, SeqCst);
            self.read()?;
        }
    }

    /// Reads any key.
    fn read(&mut self) -> Option<()> {
        let key = self.random.below(HELD);
        let floor = self.ledger.gone[key].load(SeqCst);
        let value = self.ask(&format!("CACHE.GET k{key}"))?;
        self.ledger.check_value(key, floor, &value);
        Some(())
    }

    /// Reads keys and computes what is missing.
    fn fill(mut self) -> Option<()> {
        let ledger = self.ledger;
        loop {
            let key = WRITTEN + self.random.below(HELD - WRITTEN);
            let (floor, before) = (ledger.gone[key].load(SeqCst), ledger.token.load(SeqCst));
            let reply = self.ask(&format!("CACHE.GETORLOCK k{key} LEASE 300 WAIT 1000"))?;
            let [_, value, token] = three(&reply);
            ledger.check_value(key, floor, value);
            if let Some(Ok(token)) = token.strip_prefix(':').map(str::parse) {
                ledger.granted(token, before);
                self.compute(key, token)?;
            }
        }
    }

    /// Fills a key, or leaves its lease open, as if the computation failed.
    fn compute(&mut self, key: usize, token: i64) -> Option<()> {
        let (ledger, number, tag) = (self.ledger, self.ledger.number(), key % TAGS);
        ledger.latest[key].fetch_max(number, SeqCst);
        if self.random.below(16) == 0 {
            ledger.leave_open(key, token);
            return Some(());
        }
        self.ask(&format!(
            "CACHE.SET k{key} {number} EX 100 TOKEN {token} TAGS 1 t{tag}"
        ))?;
        ledger.counts.fills.fetch_add(1, SeqCst);
        Some(())
    }

    /// Waits for what never comes, until the primary goes.
    fn wait(mut self, key: usize) {
        let command = format!("CACHE.GETORLOCK k{key} WAIT 60000");
        self.c.send(command.as_str());
        let counts = &self.ledger.counts;
        match self.c.try_reply().map(|reply| show(&reply)) {
            Ok(reply) if reply.starts_with("-UNBLOCKED") => counts.unblocked.fetch_add(1, SeqCst),
            Ok(reply) => panic!("{command}: {reply}"),
            Err(error) if error.is_timeout() => panic!("no answer to {command}"),
            Err(_) => counts.closed.fetch_add(1, SeqCst),
        };
    }

    /// Invalidates tags, and has the replicas confirm that they have it.
    fn invalidate(mut self, mut replicas: Vec<Client>) -> Option<()> {
        let ledger = self.ledger;
        loop {
            let tag = self.random.below(TAGS);
            let keys = (0..HELD).filter(|key| key % TAGS == tag);
            let latest: Vec<_> = keys
                .map(|key| (key, ledger.latest[key].load(SeqCst)))
                .collect();
            let raise = |floors: &[AtomicU64; KEYS]| {
                for (key, number) in &latest {
                    floors[*key].fetch_max(*number, SeqCst);
                }
            };
            self.ask(&format!("CACHE.INVALIDATE t{tag}"))?;
            raise(&ledger.gone);
            let confirmed = self.ask(&format!("WAIT {} 2000", replicas.len()))?;
            if confirmed == format!(":{}", replicas.len()) {
                raise(&ledger.gone_for_good);
                ledger.counts.invalidations.fetch_add(1, SeqCst);
                let (key, number) = *self.random.pick(&latest);
                for replica in &mut replicas {
                    ledger.check_replica(replica, key, number);
                }
            }
        }
    }
}

/// The words of `[status value token]`.
fn three(reply: &str) -> [&str; 3] {
    let words: Vec<_> = reply.trim_matches(['[', ']']).split(' ').collect();
    words
        .try_into()
        .unwrap_or_else(|words| panic!("not three words: {words:?}"))
}
