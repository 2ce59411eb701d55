//! The known name that somebody probably meant.

/// A name as it is shown, and its last part in lower case.
pub(super) struct Name {
    pub(super) shown: String,
    pub(super) leaf: String,
}

impl Name {
    /// Of a key's path: `ingest.relay`.
    pub(super) fn of_path(path: &str) -> Self {
        let leaf = path.rsplit('.').next().unwrap_or_default();
        Self {
            shown: path.to_owned(),
            leaf: leaf.to_owned(),
        }
    }
}

/// The nearest of `known` to `name`, when it is near enough to be a slip of the finger or a missing section.
pub(super) fn nearest(name: &Name, known: impl IntoIterator<Item = Name>) -> Option<String> {
    let edits_max = (name.leaf.chars().count() / 3).max(1) + 1;
    known
        .into_iter()
        .map(|k| {
            // A right name in the wrong section is worth one edit.
            let whole = distance(&name.shown, &k.shown);
            let tail = distance(&name.leaf, &k.leaf) + 1;
            (whole.min(tail), k.shown)
        })
        .min()
        .filter(|(edits, _)| *edits <= edits_max)
        .map(|(_, shown)| shown)
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("relay", "relay"), 0);
        assert_eq!(distance("realy", "relay"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_slip_and_a_missing_section_are_found_and_nonsense_is_not() {
        let find = |name: &str| {
            let known = ["store", "ingest.relay", "serve.listen"].map(Name::of_path);
            nearest(&Name::of_path(name), known)
        };
        assert_eq!(find("ingest.realy").as_deref(), Some("ingest.relay"));
        assert_eq!(find("relay").as_deref(), Some("ingest.relay"));
        assert_eq!(find("stor").as_deref(), Some("store"));
        assert_eq!(find("completely.different"), None);
    }
}
