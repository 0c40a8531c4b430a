//! Who is worked on next, of more clusters than are worked on at once.
//!
//! First come, first served. But whom people asked for something, and who is in the midst of being made,
//! needn't stand behind a thousand that are only looked at again, as after a change of leader: a few places
//! are for them alone.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::names::Names;

/// Clusters that are worked on at once: each waits for answers most of its time.
const AT_ONCE: usize = 32;

/// Clusters that are worked on besides, if something is to be done there.
const URGENT: usize = 8;

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    all: Semaphore,
    urgent: Semaphore,
    /// Where something was done a moment ago.
    busy: Mutex<HashSet<Names>>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            all: Semaphore::new(AT_ONCE),
            urgent: Semaphore::new(URGENT),
            busy: Mutex::default(),
        }
    }
}

impl Queue {
    /// Waits for a cluster's turn, which lasts as long as what is returned; `asked` if people asked for
    /// something there. None once the queue is closed.
    pub(crate) async fn turn(&self, names: &Names, asked: bool) -> Option<SemaphorePermit<'_>> {
        let turn = if asked || self.busy().contains(names) {
            tokio::select! {
                biased;
                turn = self.all.acquire() => turn,
                turn = self.urgent.acquire() => turn,
            }
        } else {
            self.all.acquire().await
        };
        turn.ok()
    }

    /// From now on nobody's turn comes.
    pub(crate) fn close(&self) {
        self.all.close();
        self.urgent.close();
    }

    /// Something was done in a cluster, or nothing was left to do.
    pub(crate) fn after(&self, names: &Names, acted: bool) {
        if acted {
            self.busy().insert(names.clone());
        } else {
            self.forget(names);
        }
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, names: &Names) {
        self.busy().remove(names);
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<Names>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream::FuturesOrdered};

    use super::*;

    fn names(n: usize) -> Names {
        Names { namespace: "team".to_owned(), cluster: format!("c-{n}") }
    }

    /// Nobody waits in these tests: a turn is there at once, or it isn't.
    fn now<T>(turn: impl Future<Output = Option<T>>) -> Option<T> {
        turn.now_or_never().flatten()
    }

    /// The next of those that stand in line, if its turn is there.
    fn next<T>(turns: &mut FuturesOrdered<impl Future<Output = Option<T>>>) -> Option<T> {
        turns.next().now_or_never().flatten().flatten()
    }

    #[test]
    fn so_many_are_worked_on_at_once_and_who_came_first_is_next() {
        let queue = Queue::default();
        let all: Vec<_> = (0..1000).map(names).collect();
        let mut turns: FuturesOrdered<_> = all.iter().map(|one| queue.turn(one, false)).collect();
        let mut working = Vec::new();
        while let Some(turn) = next(&mut turns) {
            working.push(turn);
        }
        assert_eq!(working.len(), AT_ONCE);
        for _ in AT_ONCE..all.len() {
            working.pop();
            working.push(next(&mut turns).expect("the next in order has its turn"));
            assert!(next(&mut turns).is_none(), "and nobody else");
        }
    }

    #[test]
    fn what_people_ask_for_does_not_stand_behind_what_is_only_looked_at() {
        let queue = Queue::default();
        let all: Vec<_> = (0..1000).map(names).collect();
        let mut turns: FuturesOrdered<_> = all.iter().map(|one| queue.turn(one, false)).collect();
        let mut working = Vec::new();
        while let Some(turn) = next(&mut turns) {
            working.push(turn);
        }
        let (mine, other) = (names(5000), names(5001));
        let turn = now(queue.turn(&mine, true)).expect("at once");
        assert!(now(queue.turn(&other, false)).is_none(), "it was asked nothing");
        queue.after(&mine, true);
        drop(turn);
        drop(
            now(queue.turn(&mine, false)).expect("it goes on at once, until nothing is to be done"),
        );
        queue.after(&mine, false);
        assert!(now(queue.turn(&mine, false)).is_none(), "it is like all others now");
    }

    #[test]
    fn who_is_asked_much_leaves_the_others_their_places() {
        let queue = Queue::default();
        let all: Vec<_> = (0..AT_ONCE + URGENT).map(names).collect();
        let held: Vec<_> = all.iter().map_while(|one| now(queue.turn(one, true))).collect();
        assert_eq!(held.len(), AT_ONCE + URGENT);
        let one = names(5000);
        let mut first = Box::pin(queue.turn(&one, false));
        assert!(now(&mut first).is_none());
        assert!(now(queue.turn(&one, true)).is_none(), "bounded for them too");
        drop(held);
        assert!(now(first).is_some());
    }

    #[test]
    fn nobodys_turn_comes_once_it_is_closed() {
        let queue = Queue::default();
        let one = names(0);
        let held: Vec<_> = (0..AT_ONCE).map_while(|_| now(queue.turn(&one, false))).collect();
        let mut waits = Box::pin(queue.turn(&one, false));
        assert!((&mut waits).now_or_never().is_none(), "it stands in line");
        queue.close();
        let turn = waits.now_or_never().expect("it is told at once");
        assert!(turn.is_none() && now(queue.turn(&one, true)).is_none());
        drop(held);
    }
}
