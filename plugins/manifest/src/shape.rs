//! What a host asks a manifest: which collections it wants, which document defines a method, what its rows depend on.

use serde_json::{Value, json};

use crate::Manifest;

impl Manifest {
    /// Whether records of this collection go to the plugin: it is listed, or lies below a listed `prefix.*`.
    #[must_use]
    pub fn wants(&self, collection: &str) -> bool {
        self.collections.iter().any(|c| match c.strip_suffix('*') {
            Some(prefix) => collection.len() > prefix.len() && collection.starts_with(prefix),
            None => c == collection,
        })
    }

    /// The embedded lexicon document of this id.
    #[must_use]
    pub fn lexicon(&self, id: &str) -> Option<&Value> {
        self.lexicons
            .iter()
            .find(|d| d.get("id").and_then(Value::as_str) == Some(id))
    }

    /// Everything in the manifest that rows depend on: tables, counts, collections, body and `index-version`. Equal
    /// manifests give equal text, so a host can hash it; the order of collections does not matter.
    #[must_use]
    pub fn row_shape(&self) -> Value {
        let mut collections = self.collections.clone();
        collections.sort();
        json!({
            "body": self.body,
            "collections": collections,
            "counts": self.counts,
            "index-version": self.index_version,
            "tables": self.tables,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(collections: &str, more: &str) -> Manifest {
        Manifest::from_toml(&format!(
            "name = \"p\"\nversion = \"1.0.0\"\napi = \"0.1\"\ncollections = {collections}\n{more}"
        ))
        .unwrap()
    }

    #[test]
    fn wants_listed_collections_and_those_below_a_prefix() {
        let m = manifest("[\"com.example.post\", \"org.example.*\"]", "");
        assert!(m.wants("com.example.post"));
        assert!(m.wants("org.example.like") && m.wants("org.example.deep.down"));
        for other in [
            "com.example.posts",
            "com.example",
            "org.example",
            "org.example.",
            "org.examples.x",
        ] {
            assert!(!m.wants(other), "{other}");
        }
    }

    #[test]
    fn row_shape_follows_what_rows_depend_on_and_nothing_else() {
        let table = "[[tables]]\nname = \"t\"\ncolumns = [\"a text\"]\nkey = [\"_uri\"]\n";
        let read = "[[reads]]\nname = \"r\"\nreturns = [\"a text\"]\nsql = \"select a from t\"\n";
        let base = manifest("[\"com.a.b\", \"com.a.c\"]", table).row_shape();
        let with_read = manifest("[\"com.a.c\", \"com.a.b\"]", &format!("{table}{read}"));
        assert_eq!(base.to_string(), with_read.row_shape().to_string());
        let raised = manifest(
            "[\"com.a.b\", \"com.a.c\"]",
            &format!("index-version = 2\n{table}"),
        );
        assert_ne!(base, raised.row_shape());
        let nullable = manifest(
            "[\"com.a.b\", \"com.a.c\"]",
            &table.replace("a text", "a text?"),
        );
        assert_ne!(base, nullable.row_shape());
    }
}
