//! Random numbers that are the same in every run, and random use of a cache made of them.

/// xorshift64*, for tests that have to be repeatable.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).expect("31 bits") % n
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// One command on a few keys, tags and databases; `token` is one that was granted earlier.
    pub fn command(&mut self, token: i64) -> String {
        let [k, k2] = [self.below(60), self.below(60)];
        let [t, t2] = [self.below(12), self.below(12)];
        let ms = 1 + self.below(200);
        match self.below(100) {
            0..20 => format!("CACHE.SET k{k} v{k} TAGS 3 t{t} t{t2} own{k}"),
            20..30 => format!("CACHE.SET k{k} v PX {ms} PGRACE {ms} TAGS 1 t{t}"),
            30..35 => format!("CACHE.SET k{k} v TOKEN {token} PX {ms} TAGS 2 t{t} t{t2}"),
            35..45 => format!("CACHE.GETORLOCK k{k} LEASE {ms} EARLY 1"),
            45..50 => format!("CACHE.MGET k{k} k{k2}"),
            50..54 => format!("CACHE.SETTAGS k{k} t{t} t{t2}"),
            54..58 => format!("CACHE.INVALIDATE t{t} own{k}"),
            58..61 => format!("CACHE.MARKSTALE t{t}"),
            61..64 => format!("CACHE.UNLOCK k{k} {token} BACKOFF {ms}"),
            64..67 => format!("CACHE.GETEX k{k} PX {ms}"),
            67..72 => format!("RENAME k{k} k{k2}"),
            72..77 => format!("COPY k{k} k{k2} DB {} REPLACE", self.below(3)),
            77..80 => format!("MOVE k{k} {}", self.below(3)),
            80..82 => format!("SWAPDB {} {}", self.below(3), self.below(3)),
            82..86 => format!("SELECT {}", self.below(3)),
            86..90 => format!("PEXPIRE k{k} {ms}"),
            90..92 => format!("PERSIST k{k}"),
            92..95 => format!("DEL k{k} k{k2}"),
            95..97 => format!("SET k{k} string PX {ms}"),
            97..99 => format!("CACHE.TAGSCAN t{t} 0"),
            _ => (*self.pick(&["FLUSHDB", "FLUSHDB ASYNC", "CACHE.TAGLIST 0", "DBSIZE"])).into(),
        }
    }

    /// One command that changes something, on a few keys, tags and databases. What it stores is over
    /// within a fraction of a second, or lasts for hours.
    pub fn write(&mut self, token: i64) -> String {
        let [k, k2] = [self.below(60), self.below(60)];
        let [t, t2] = [self.below(12), self.below(12)];
        let (n, db, soon) = (self.below(1_000), self.below(3), 1 + self.below(200));
        let [ms, grace] = [(); 2].map(|()| *self.pick(&[soon, 40_000_000, 80_000_000]));
        match self.below(100) {
            0..14 => format!("CACHE.SET k{k} v{n} PX {ms} PGRACE {grace} TAGS 3 t{t} t{t2} own{k}"),
            14..20 => format!("CACHE.SET k{k} v{n} TAGS 1 t{t}"),
            20..23 => format!("CACHE.SET k{k} v{n} NX PX {ms} TAGS 1 t{t}"),
            23..25 => format!("CACHE.SET k{k} v{n} KEEPTTL TAGS 1 t{t}"),
            25..33 => format!("CACHE.GETORLOCK k{k} LEASE {soon} EARLY 1"),
            33..41 => {
                format!("CACHE.SET k{k} f{n} TOKEN {token} PX {ms} PGRACE {grace} TAGS 1 t{t}")
            }
            41..44 => format!("CACHE.UNLOCK k{k} {token} BACKOFF {soon}"),
            44..46 => format!("CACHE.RENEW k{k} {token} {soon}"),
            46..50 => format!("CACHE.SETTAGS k{k} t{t} t{t2}"),
            50..54 => format!("CACHE.INVALIDATE t{t} own{k}"),
            54..58 => format!("CACHE.MARKSTALE t{t}"),
            58..61 => format!("CACHE.GETEX k{k} PX {ms}"),
            61..65 => format!("RENAME k{k} k{k2}"),
            65..68 => format!("RENAMENX k{k} k{k2}"),
            68..72 => format!("COPY k{k} k{k2} DB {db} REPLACE"),
            72..74 => format!("COPY k{k} k{k2} DB {db}"),
            74..77 => format!("MOVE k{k} {db}"),
            77..79 => format!("SWAPDB {db} {}", self.below(3)),
            79..84 => format!("SELECT {db}"),
            84..88 => format!("PEXPIRE k{k} {ms}"),
            88..90 => format!("PERSIST k{k}"),
            90..94 => format!("DEL k{k} k{k2}"),
            94..96 => format!("SET k{k} string PX {ms}"),
            96..98 => format!("SET k{k} string NX"),
            _ => (*self.pick(&["PING", "PING", "PING", "FLUSHDB", "FLUSHDB ASYNC"])).into(),
        }
    }
}
