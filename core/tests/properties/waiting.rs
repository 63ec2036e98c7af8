//! What holds of the queues of waiters, whoever comes and goes: they agree with a plain list of
//! everybody, in the order in which they came.

use larder_core::waiting::{Place, Waiter, Waiting};
use std::collections::BTreeMap;

/// Bytes of an operation.
const WIDTH: usize = 3;

/// Keys of each of two databases.
const KEYS: [&[u8]; 3] = [b"", b"a", b"b"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Somebody {
    id: u64,
    deadline_ms: u64,
}

impl Waiter for Somebody {
    fn id(&self) -> u64 {
        self.id
    }

    fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }
}

#[derive(Default)]
struct World {
    waiting: Waiting<Somebody>,
    everybody: Vec<(Place, Somebody)>,
    look_again: BTreeMap<Place, u64>,
    /// How many have come so far.
    came: u64,
}

/// Applies the operations that the bytes say, one by one, and compares everything after each.
pub(crate) fn check(bytes: &[u8]) {
    let mut world = World::default();
    let (ops, _) = bytes.as_chunks::<WIDTH>();
    for op in ops {
        world.apply(*op);
        world.compare(u64::from(op[2]));
    }
    (1..=world.came).for_each(|id| world.leave(id));
    world.compare(u64::MAX);
}

impl World {
    /// The bytes are what happens, in which database and to which key, and a time or a number.
    fn apply(&mut self, [what, key, how]: [u8; WIDTH]) {
        let (db, ms) = (i32::from(what >> 7), u64::from(how));
        let place: Place = (db, KEYS[usize::from(key) % KEYS.len()].into());
        match what % 8 {
            0..=2 => self.join(place, ms, u64::from(key >> 2)),
            3 => self.leave(ms % (self.came + 1)),
            4 => self.serve(&place),
            5 => self.look_again_at(place, ms),
            _ => self.lose_patience(ms),
        }
    }

    fn join(&mut self, place: Place, deadline_ms: u64, look_again_ms: u64) {
        self.came += 1;
        let somebody = Somebody {
            id: self.came,
            deadline_ms,
        };
        self.waiting
            .join(place.0, &place.1, somebody, look_again_ms);
        self.everybody.push((place.clone(), somebody));
        self.look_again.insert(place, look_again_ms);
    }

    fn leave(&mut self, id: u64) {
        let at = self.everybody.iter().position(|(_, its)| its.id == id);
        let found = at.map(|at| self.everybody.remove(at).1);
        assert_eq!(self.waiting.leave(id), found);
        let everybody = &self.everybody;
        self.look_again
            .retain(|place, _| everybody.iter().any(|(its, _)| its == place));
    }

    /// The one who has waited longest leaves.
    fn serve(&mut self, place: &Place) {
        if let Some(first) = self.waiting.first(place).copied() {
            self.leave(first.id);
        }
    }

    fn look_again_at(&mut self, place: Place, ms: u64) {
        self.waiting.look_again_at(&place, ms);
        self.look_again.entry(place).and_modify(|at| *at = ms);
    }

    fn lose_patience(&mut self, ms: u64) {
        while let Some(id) = self.waiting.overdue(ms) {
            self.leave(id);
        }
        let patient = |(_, its): &(Place, Somebody)| its.deadline_ms > ms;
        assert!(self.everybody.iter().all(patient));
    }

    fn compare(&self, ms: u64) {
        let waiting = &self.waiting;
        assert_eq!(waiting.len(), self.everybody.len());
        assert_eq!(waiting.is_empty(), self.everybody.is_empty());
        for (place, its) in &self.everybody {
            assert_eq!(waiting.place(its.id).as_ref(), Some(place));
        }
        let deadlines = self.everybody.iter().map(|(_, its)| its.deadline_ms);
        let next = self.look_again.values().copied().chain(deadlines).min();
        assert_eq!(waiting.next_due_ms(), next);
        let mut due = waiting.due(ms);
        due.sort_unstable();
        let expected = self.look_again.iter().filter(|(_, at)| **at <= ms);
        assert!(due.iter().eq(expected.map(|(place, _)| place)), "{due:?}");
        self.compare_queues(0);
        self.compare_queues(1);
    }

    fn compare_queues(&self, db: i32) {
        for key in KEYS {
            let place: Place = (db, key.into());
            let at_place = self.everybody.iter().filter(|(its, _)| *its == place);
            let expected: Vec<Somebody> = at_place.map(|(_, its)| *its).collect();
            assert!(self.waiting.queue(&place).eq(&expected), "of {place:?}");
            assert_eq!(self.waiting.first(&place), expected.first());
            assert_eq!(self.waiting.count(db, key), expected.len());
        }
        let mut places = self.waiting.places(Some(db));
        places.sort_unstable();
        let expected = self.look_again.keys().filter(|place| place.0 == db);
        assert!(places.iter().eq(expected), "{places:?}");
    }
}
