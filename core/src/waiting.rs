//! Who waits for which key, first come first served.
//!
//! Generic over the waiter, so that the order of things can be tested without a server.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

/// A key of a database.
pub type Place = (i32, Rc<[u8]>);

/// Somebody who waits, known by a number of his own.
pub trait Waiter {
    /// Not shared by anyone else who waits.
    fn id(&self) -> u64;
    /// When its patience ends (monotonic ms).
    fn deadline_ms(&self) -> u64;
}

#[derive(Debug)]
struct Queue<W> {
    waiters: VecDeque<W>,
    /// When to look again although nobody called: the end of the lease waited for (monotonic ms).
    look_again_ms: u64,
}

/// Everybody who waits.
#[derive(Debug)]
pub struct Waiting<W> {
    queues: HashMap<Place, Queue<W>>,
    places: HashMap<u64, Place>,
    /// Deadlines, with the waiter's number.
    deadlines: BTreeSet<(u64, u64)>,
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            places: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<W: Waiter> Waiting<W> {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many wait for a key.
    #[must_use]
    pub fn count(&self, db: i32, key: &[u8]) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.queues
            .get(&(db, Rc::from(key)))
            .map_or(0, |queue| queue.waiters.len())
    }

    /// Puts a waiter at the end of a key's queue, which is to be looked at again at
    /// `look_again_ms`.
    pub fn join(&mut self, db: i32, key: &[u8], waiter: W, look_again_ms: u64) {
        let place: Place = (db, Rc::from(key));
        self.places.insert(waiter.id(), place.clone());
        self.deadlines.insert((waiter.deadline_ms(), waiter.id()));
        match self.queues.entry(place) {
            MapEntry::Occupied(mut queue) => {
                queue.get_mut().look_again_ms = look_again_ms;
                queue.get_mut().waiters.push_back(waiter);
            }
            MapEntry::Vacant(vacant) => {
                vacant.insert(Queue {
                    waiters: VecDeque::from([waiter]),
                    look_again_ms,
                });
            }
        }
    }

    /// Forgets a waiter, and returns it if it was there.
    pub fn leave(&mut self, id: u64) -> Option<W> {
        let place = self.places.remove(&id)?;
        let queue = self.queues.get_mut(&place)?;
        let at = queue.waiters.iter().position(|waiter| waiter.id() == id)?;
        let waiter = queue.waiters.remove(at)?;
        self.deadlines.remove(&(waiter.deadline_ms(), id));
        if queue.waiters.is_empty() {
            self.queues.remove(&place);
        }
        Some(waiter)
    }

    /// The first whose patience has ended by `mono_ms`.
    #[must_use]
    pub fn overdue(&self, mono_ms: u64) -> Option<u64> {
        let (deadline, id) = self.deadlines.first()?;
        (*deadline <= mono_ms).then_some(*id)
    }

    /// Where somebody waits.
    #[must_use]
    pub fn place(&self, id: u64) -> Option<Place> {
        self.places.get(&id).cloned()
    }

    /// The longest waiting for a key.
    #[must_use]
    pub fn first(&self, place: &Place) -> Option<&W> {
        self.queues.get(place)?.waiters.front()
    }

    /// Everyone waiting for a key, longest first.
    pub fn queue(&self, place: &Place) -> impl Iterator<Item = &W> {
        self.queues
            .get(place)
            .into_iter()
            .flat_map(|queue| &queue.waiters)
    }

    /// When a key is to be looked at again.
    pub fn look_again_at(&mut self, place: &Place, mono_ms: u64) {
        if let Some(queue) = self.queues.get_mut(place) {
            queue.look_again_ms = mono_ms;
        }
    }

    /// The keys that are to be looked at again by `mono_ms`.
    #[must_use]
    pub fn due(&self, mono_ms: u64) -> Vec<Place> {
        let due = self
            .queues
            .iter()
            .filter(|(_, queue)| queue.look_again_ms <= mono_ms);
        due.map(|(place, _)| place.clone()).collect()
    }

    /// The next time at which a key is to be looked at again, or somebody's patience ends.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let look_again = self.queues.values().map(|queue| queue.look_again_ms);
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        look_again.chain(deadline).min()
    }

    /// All keys somebody waits for, of one database or of all.
    #[must_use]
    pub fn places(&self, db: Option<i32>) -> Vec<Place> {
        self.queues
            .keys()
            .filter(|place| db.is_none_or(|db| db == place.0))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known by a number, patient until a thousand times that.
    impl Waiter for u64 {
        fn id(&self) -> u64 {
            *self
        }

        fn deadline_ms(&self) -> u64 {
            *self * 1_000
        }
    }

    fn place(key: &str) -> Place {
        (0, Rc::from(key.as_bytes()))
    }

    #[test]
    fn first_come_first_served_per_key() {
        let mut waiting = Waiting::default();
        for id in [1u64, 2, 3] {
            waiting.join(0, b"a", id, 100);
        }
        waiting.join(0, b"b", 4, 50);
        assert_eq!(waiting.first(&place("a")), Some(&1));
        assert_eq!(waiting.leave(2), Some(2));
        assert_eq!(
            waiting.queue(&place("a")).copied().collect::<Vec<_>>(),
            [1, 3]
        );
        assert_eq!(
            (
                waiting.len(),
                waiting.count(0, b"a"),
                waiting.count(1, b"a")
            ),
            (3, 2, 0)
        );
        assert_eq!(waiting.leave(2), None, "left already");
    }

    #[test]
    fn keys_are_looked_at_again_when_their_lease_ends() {
        let mut waiting = Waiting::default();
        waiting.join(0, b"a", 1u64, 100);
        waiting.join(3, b"b", 2, 50);
        assert_eq!(waiting.next_due_ms(), Some(50));
        assert_eq!(waiting.due(99), [(3, Rc::from(&b"b"[..]))]);
        waiting.look_again_at(&place("a"), 10);
        assert_eq!(waiting.next_due_ms(), Some(10));
        assert_eq!(waiting.places(Some(3)).len(), 1);
        waiting.look_again_at(&place("a"), u64::MAX);
        waiting.look_again_at(&(3, Rc::from(&b"b"[..])), u64::MAX);
        assert_eq!(waiting.next_due_ms(), Some(1_000));
        assert_eq!(waiting.overdue(999), None);
        assert_eq!(waiting.overdue(5_000), Some(1), "whose patience ends first");
        waiting.leave(1);
        assert_eq!(waiting.overdue(5_000), Some(2));
        waiting.leave(2);
        assert_eq!(waiting.overdue(u64::MAX), None);
        assert_eq!((waiting.next_due_ms(), waiting.is_empty()), (None, true));
    }
}
