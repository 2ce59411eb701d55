//! What a host does for the others of its store.

use std::fmt;

/// Roles of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Follows the upstream.
    pub ingest: bool,
    /// Archives, and runs the plugins that index.
    pub index: bool,
    /// Answers XRPC.
    pub serve: bool,
}

impl Roles {
    /// Reads a list with commas. The host that follows the upstream is the one that archives, so `ingest` needs
    /// `index`; each host has at least one role.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut roles = Self {
            ingest: false,
            index: false,
            serve: false,
        };
        for word in text.split(',').map(str::trim) {
            let role = match word {
                "ingest" => &mut roles.ingest,
                "index" => &mut roles.index,
                "serve" => &mut roles.serve,
                _ => return None,
            };
            if std::mem::replace(role, true) {
                return None;
            }
        }
        (roles.index || !roles.ingest).then_some(roles)
    }

    /// Whether this host writes the store, apart from what a viewer keeps.
    #[must_use]
    pub fn writes(self) -> bool {
        self.index
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.ingest, "ingest"),
            (self.index, "index"),
            (self.serve, "serve"),
        ];
        let held: Vec<&str> = words
            .into_iter()
            .filter_map(|(has, word)| has.then_some(word))
            .collect();
        f.write_str(&held.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_roles_is_read_and_shown() {
        for text in [
            "ingest,index,serve",
            "index,serve",
            "ingest,index",
            "serve",
            "index",
        ] {
            assert_eq!(Roles::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Roles::parse(" serve , index").unwrap().to_string(),
            "index,serve"
        );
        for text in [
            "",
            "ingest",
            "ingest,serve",
            "serve,serve",
            "all",
            "serve;index",
        ] {
            assert_eq!(Roles::parse(text), None, "{text}");
        }
    }
}
