//! The write keys that the memory store remembers.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::{Call, CallerHash, Committed, WRITE_KEY_LIFE, WRITE_KEYS_PER_CALLER, WriteKey};

type Scope = [u8; 32];

/// What became of the first write under a key.
#[derive(Debug)]
pub(super) struct First {
    pub(super) digest: [u8; 32],
    pub(super) commits: Vec<Committed>,
    at: Timestamp,
}

/// Write keys by their scope, and each caller's in the order of their use.
#[derive(Debug, Default)]
pub(super) struct WriteKeys {
    firsts: HashMap<Scope, First>,
    callers: HashMap<CallerHash, VecDeque<Scope>>,
}

impl WriteKeys {
    pub(super) fn get(&self, key: &WriteKey) -> Option<&First> {
        self.firsts.get(&key.scope)
    }

    pub(super) fn insert(&mut self, call: &Call, key: &WriteKey, commits: Vec<Committed>) {
        let first = First { digest: key.digest, commits, at: call.at };
        self.firsts.insert(key.scope, first);
        let scopes = self.callers.entry(call.caller).or_default();
        scopes.push_back(key.scope);
        if scopes.len() > WRITE_KEYS_PER_CALLER as usize
            && let Some(oldest) = scopes.pop_front()
        {
            self.firsts.remove(&oldest);
        }
    }

    pub(super) fn sweep(&mut self, now: Timestamp) -> u64 {
        let before = self.firsts.len();
        self.firsts.retain(|_, first| now.duration_since(first.at) <= life());
        let firsts = &self.firsts;
        self.callers.retain(|_, scopes| {
            scopes.retain(|scope| firsts.contains_key(scope));
            !scopes.is_empty()
        });
        (before - self.firsts.len()) as u64
    }
}

fn life() -> jiff::SignedDuration {
    WRITE_KEY_LIFE.try_into().expect("a day fits a signed duration")
}
