//! What things of a generation are called in Postgres.
//!
//! Guarantees: no name is longer than an identifier may be, so that Postgres never cuts one by itself; two generations
//! of one schema never share a name, nor do two schemas of one server but by a prefix that an operator chose so.

use sha2::{Digest as _, Sha256};

use crate::limits;
use crate::store::indexing::quoted;
use crate::store::rows::GenerationId;

/// The names of one generation, unquoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::postgres) struct Names {
    /// The host's schema.
    pub(in crate::store::postgres) host: String,
    /// The generation's schema.
    pub(in crate::store::postgres) schema: String,
    /// Who its reads run as.
    pub(in crate::store::postgres) role: String,
}

impl Names {
    /// Roles are of the whole server, so their names begin with the database's.
    pub(in crate::store::postgres) fn new(database: &str, host: &str, id: GenerationId) -> Self {
        Self {
            host: host.to_owned(),
            schema: fitting(format!("{host}_g{id}")),
            role: fitting(format!("{database}_{host}_g{id}")),
        }
    }

    /// A table or count, quoted, with its schema.
    pub(super) fn table(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&table_name(name)))
    }

    /// A view, quoted, with its schema.
    pub(super) fn view(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&view_name(name)))
    }

    /// A table of the host, quoted, with its schema.
    pub(super) fn of_host(&self, table: &str) -> String {
        format!("{}.{}", quoted(&self.host), quoted(table))
    }
}

/// The tables of the host whose addresses a generation's role may read, with the columns, and the host's views.
pub(in crate::store::postgres) fn host_tables() -> [(&'static str, &'static str); 5] {
    [
        ("did", "(id, did)"),
        ("collection", "(id, nsid)"),
        ("record", "(id, did_id, coll_id, rkey)"),
        ("host_record_v", ""),
        ("host_account_v", ""),
    ]
}

/// The name of a generation's table or count in its schema.
pub(super) fn table_name(name: &str) -> String {
    format!("t_{name}")
}

/// The name of the view that reads see.
pub(super) fn view_name(name: &str) -> String {
    format!("v_{name}")
}

/// A name within Postgres' bound: the rest of a longer one becomes a hash of the whole.
fn fitting(name: String) -> String {
    if name.len() <= limits::POSTGRES_NAME_BYTES_MAX {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let end = name.floor_char_boundary(limits::POSTGRES_NAME_BYTES_MAX - hash.len() - 1);
    format!("{}_{hash}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_stay_apart() {
        let names = Names::new("community", "aviary", 7);
        assert_eq!(names.schema, "aviary_g7");
        assert_eq!(names.role, "community_aviary_g7");
        let long = "a_very_long_name_of_a_database_é".repeat(2);
        let all: Vec<String> = (1..=12)
            .map(|id| Names::new(&long, "aviary", id).role)
            .collect();
        for (at, role) in all.iter().enumerate() {
            assert!(role.len() <= 63, "{role}");
            assert!(role.starts_with("a_very_long_name_of_a_database_"));
            assert!(!all[..at].contains(role), "{role}");
        }
    }
}
