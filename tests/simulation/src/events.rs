//! The events that are to come.

use crate::moment::Moment;
use std::{cmp::Ordering, collections::BinaryHeap};

/// Events in the order of their moments. Events of one moment come in the order in which they were added.
#[derive(Debug)]
pub(crate) struct Events<E> {
    heap: BinaryHeap<Coming<E>>,
    added: u64,
}

#[derive(Debug)]
struct Coming<E> {
    at: Moment,
    order: u64,
    event: E,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), added: 0 }
    }
}

impl<E> Events<E> {
    pub(crate) fn push(&mut self, at: Moment, event: E) {
        self.added += 1;
        self.heap.push(Coming { at, order: self.added, event });
    }

    pub(crate) fn pop(&mut self) -> Option<(Moment, E)> {
        self.heap.pop().map(|coming| (coming.at, coming.event))
    }
}

/// The greatest is the next.
impl<E> Ord for Coming<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<E> PartialOrd for Coming<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Coming<E> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<E> Eq for Coming<E> {}
