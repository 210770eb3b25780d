//! Values in memory, bounded in number and bytes: what came first, or was touched longest ago, goes first.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// Room for `most` values of `most_bytes` in all.
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), bytes: 0, most, most_bytes }
    }

    /// What is kept of `key`.
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key)
    }

    /// What is kept of `key`, as if it had come last. The others are looked through for it.
    pub(super) fn touch<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let is_last = self.order.back().is_some_and(|last| last.borrow() == key);
        if !is_last
            && let Some(at) = self.order.iter().position(|known| known.borrow() == key)
            && let Some(key) = self.order.remove(at)
        {
            self.order.push_back(key);
        }
        self.values.get(key)
    }

    /// Keeps a value, and no longer what came first where there is no room for both.
    pub(super) fn put(&mut self, key: K, value: V, size_bytes: impl Fn(&V) -> usize) {
        self.bytes += size_bytes(&value);
        match self.values.insert(key.clone(), value) {
            Some(before) => self.bytes -= size_bytes(&before),
            None => self.order.push_back(key),
        }
        while self.values.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(gone) = self.values.remove(&oldest) {
                self.bytes -= size_bytes(&gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let mut kept = Bounded::new(3, 10);
        let mut put = |key: u8, size: usize| {
            kept.put(key, vec![0; size], |value: &Vec<u8>| value.len());
            let mut keys: Vec<u8> = kept.values.keys().copied().collect();
            keys.sort_unstable();
            assert_eq!(kept.bytes, kept.values.values().map(Vec::len).sum::<usize>());
            keys
        };
        assert_eq!(put(1, 2), [1]);
        assert_eq!(put(2, 2), [1, 2]);
        assert_eq!(put(1, 4), [1, 2], "in the place of the one before");
        assert_eq!(put(3, 1), [1, 2, 3]);
        assert_eq!(put(4, 1), [2, 3, 4], "no more than three");
        assert_eq!(put(5, 9), [4, 5], "and no more than ten bytes");
        assert!(put(6, 11).is_empty(), "what is larger than all room is not kept");
    }

    #[test]
    fn what_is_touched_stays_longest() {
        let mut kept = Bounded::new(3, 10);
        for key in 0..3 {
            kept.put(key, (), |()| 1);
        }
        assert!(kept.touch(&0).is_some() && kept.touch(&7).is_none());
        kept.put(3, (), |()| 1);
        assert_eq!([0, 1, 2, 3].map(|key| kept.get(&key).is_some()), [true, false, true, true]);
        assert_eq!((kept.order.len(), kept.values.len()), (3, 3));
    }
}
