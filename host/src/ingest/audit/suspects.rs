//! Repositories whose hosts were ahead of the archive: what they said, and when that counts.
//!
//! Guarantees: bounded; the first word about a repository stays until it is judged, so that a host which goes on does
//! not put off its judgement.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::atproto::{Did, Tid};
use crate::limits;

struct Suspect {
    /// What its host said.
    rev: Tid,
    /// When the archive should have it.
    due: Instant,
}

/// Who is waited for.
#[derive(Default)]
pub(super) struct Suspects {
    by_did: HashMap<Did, Suspect>,
}

impl Suspects {
    /// Remembers what a host said. One that does not fit is found again when its turn comes round.
    pub(super) fn add(&mut self, did: Did, rev: Tid, due: Instant) {
        if self.by_did.len() < limits::AUDIT_SUSPECTS_MAX {
            self.by_did.entry(did).or_insert(Suspect { rev, due });
        }
    }

    /// Nobody is judged before `due`.
    pub(super) fn postpone(&mut self, due: Instant) {
        for suspect in self.by_did.values_mut() {
            suspect.due = suspect.due.max(due);
        }
    }

    /// Those who are to be judged, and what their hosts said.
    pub(super) fn due(&self, now: Instant) -> Vec<(Did, Tid)> {
        let due = self.by_did.iter().filter(|(_, s)| s.due <= now);
        due.map(|(did, suspect)| (did.clone(), suspect.rev))
            .collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_did.len()
    }

    /// Judged.
    pub(super) fn remove(&mut self, did: &Did) {
        self.by_did.remove(did);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn did(n: usize) -> Did {
        Did::parse(&format!("did:web:host{n}.example")).unwrap()
    }

    fn tid(text: &str) -> Tid {
        Tid::parse(text).unwrap()
    }

    #[test]
    fn a_suspect_is_judged_by_the_first_word_when_its_grace_is_over() {
        let (begun, grace) = (Instant::now(), Duration::from_secs(10));
        let (first, second) = (tid("3jzfcijpj2z2a"), tid("3jzfcijpj2z2b"));
        let mut suspects = Suspects::default();
        suspects.add(did(1), first, begun + grace);
        suspects.add(did(1), second, begun + grace * 9);
        assert_eq!(suspects.due(begun), []);
        assert_eq!(suspects.due(begun + grace), [(did(1), first)]);
        suspects.postpone(begun + grace * 2);
        assert_eq!(suspects.due(begun + grace), []);
        // An earlier moment takes nothing back.
        suspects.postpone(begun);
        assert_eq!(suspects.due(begun + grace * 2), [(did(1), first)]);
        suspects.remove(&did(1));
        assert_eq!(suspects.due(begun + grace * 9), []);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let (now, rev) = (Instant::now(), tid("3jzfcijpj2z2a"));
        let mut suspects = Suspects::default();
        for n in 0..=limits::AUDIT_SUSPECTS_MAX {
            suspects.add(did(n), rev, now);
        }
        assert_eq!(suspects.due(now).len(), limits::AUDIT_SUSPECTS_MAX);
    }
}
