//! Which collections somebody wants.

use std::collections::HashSet;

/// A set of collections: all, or NSIDs and prefixes.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    all: bool,
    exact: HashSet<String>,
    /// With their last dot, so that `com.example.` does not match `com.examples`.
    prefixes: Vec<String>,
}

impl Scope {
    /// Every collection.
    #[must_use]
    pub fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// The collections of these patterns: an NSID, or a prefix and `.*`.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scope = Self::default();
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some(prefix) => scope.prefixes.push(prefix.to_owned()),
                None => {
                    scope.exact.insert(pattern.to_owned());
                }
            }
        }
        scope
    }

    /// Whether every collection is wanted.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// The patterns that this was made of, in order; `*` for every collection.
    #[must_use]
    pub fn patterns(&self) -> Vec<String> {
        if self.all {
            return vec!["*".to_owned()];
        }
        let prefixes = self.prefixes.iter().map(|prefix| format!("{prefix}*"));
        let mut patterns: Vec<String> = self.exact.iter().cloned().chain(prefixes).collect();
        patterns.sort_unstable();
        patterns
    }

    /// Whether a collection is wanted.
    #[must_use]
    pub fn wants(&self, collection: &str) -> bool {
        self.all
            || self.exact.contains(collection)
            || self.prefixes.iter().any(|p| collection.starts_with(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_at_a_dot() {
        let scope = Scope::of(["app.bsky.feed.post", "com.example.*"]);
        assert!(scope.wants("app.bsky.feed.post") && scope.wants("com.example.thing"));
        assert!(!scope.wants("app.bsky.feed.postgate") && !scope.wants("com.examples.thing"));
        assert_eq!(scope.patterns(), ["app.bsky.feed.post", "com.example.*"]);
        assert_eq!(Scope::all().patterns(), ["*"]);
        assert!(
            Scope::all().wants("anything.at.all") && !Scope::default().wants("anything.at.all")
        );
    }
}
