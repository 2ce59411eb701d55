//! What a listener answers: the same always, something else a few times, or for one account.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers that a test chooses, and how often each was given. May be changed while the network runs.
#[derive(Debug)]
pub struct Script<A> {
    state: Mutex<State<A>>,
}

#[derive(Debug)]
struct State<A> {
    always: A,
    next: Option<(u64, A)>,
    of: HashMap<String, A>,
    given: HashMap<A, u64>,
}

impl<A: Copy + Eq + Hash> Script<A> {
    pub(crate) fn new(always: A) -> Self {
        let state = State {
            always,
            next: None,
            of: HashMap::new(),
            given: HashMap::new(),
        };
        Script {
            state: Mutex::new(state),
        }
    }

    /// From now on, where nothing else is chosen.
    pub fn always(&self, answer: A) {
        self.state().always = answer;
    }

    /// For the next `times` requests, before everything else.
    pub fn next(&self, times: u64, answer: A) {
        self.state().next = Some((times, answer));
    }

    /// For one account; `None` takes that back.
    pub fn of(&self, did: &str, answer: Option<A>) {
        let mut state = self.state();
        match answer {
            Some(answer) => state.of.insert(did.to_owned(), answer),
            None => state.of.remove(did),
        };
    }

    /// How often an answer was given.
    pub fn given(&self, answer: A) -> u64 {
        self.state().given.get(&answer).copied().unwrap_or(0)
    }

    /// The answer to a request about `did`; counts it.
    pub(crate) fn take(&self, did: &str) -> A {
        let mut state = self.state();
        let next = state.next.as_mut().filter(|(times, _)| *times > 0);
        let next = next.map(|(times, answer)| {
            *times -= 1;
            *answer
        });
        let answer = next
            .or_else(|| state.of.get(did).copied())
            .unwrap_or(state.always);
        *state.given.entry(answer).or_default() += 1;
        answer
    }

    fn state(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_answers_come_before_an_accounts_and_those_before_the_usual() {
        let script = Script::new('s');
        script.of("did:a", Some('a'));
        script.next(2, 'n');
        let answers: String = ["did:a", "did:b", "did:a", "did:b"]
            .map(|did| script.take(did))
            .iter()
            .collect();
        assert_eq!(answers, "nnas");
        assert_eq!((script.given('n'), script.given('x')), (2, 0));
        script.of("did:a", None);
        script.always('w');
        assert_eq!(script.take("did:a"), 'w');
    }
}
