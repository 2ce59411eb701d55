//! Lexicon documents: which methods there are, what their parameters must be, whether a record fits.
//!
//! Guarantees: a document in a [`Catalog`] is well-formed as far as this host uses it; the parameters that
//! [`Catalog::query_params`] gives have the declared types, bounds and defaults. Does not fetch documents, and does
//! not demand that the documents a reference names are there: a record that needs an absent one does not validate.

mod document;
mod params;

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Nsid;
pub use params::{ParamError, Reference};

/// Why a document is not a lexicon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LexiconError {
    /// It is not JSON.
    #[error("expected a lexicon document in JSON, got: {0}")]
    Json(String),
    /// Something in it is not as the language asks.
    #[error("in a lexicon document at {at}: expected {expected}, got {got}")]
    Document {
        /// Where, such as `defs.main.type`.
        at: String,
        /// What should stand there.
        expected: &'static str,
        /// What does, cut.
        got: String,
    },
    /// A definition has a field of a wrong type, or contradicts itself.
    #[error("in lexicon {id}: {message}")]
    Definition {
        /// The document.
        id: Nsid,
        /// What is wrong.
        message: String,
    },
}

/// Why a record does not fit its lexicon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RecordError {
    message: String,
}

/// How a method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// GET, reads.
    Query,
    /// POST, may write.
    Procedure,
}

/// Lexicon documents by their id.
#[derive(Default)]
pub struct Catalog {
    schemas: shrike::lexicon::Catalog,
    methods: HashMap<Nsid, Method>,
}

struct Method {
    kind: MethodKind,
    params: Vec<params::Param>,
}

impl Catalog {
    /// Adds a document and gives its id. A document with the id of an earlier one replaces it.
    ///
    /// # Errors
    /// When it is not a lexicon document of version 1; the catalog is then as it was.
    pub fn add(&mut self, json: &[u8]) -> Result<Nsid, LexiconError> {
        let value = serde_json::from_slice(json).map_err(|e| LexiconError::Json(e.to_string()))?;
        let id = document::check(&value)?;
        self.schemas
            .add_schema(json)
            .map_err(|e| LexiconError::Definition {
                id: id.clone(),
                message: e.to_string(),
            })?;
        self.methods.remove(&id);
        if let Some(method) = self.schemas.main_def(id.as_str()).and_then(Method::of) {
            self.methods.insert(id.clone(), method);
        }
        Ok(id)
    }

    /// Whether there is a document of this id.
    #[must_use]
    pub fn contains(&self, nsid: &Nsid) -> bool {
        self.schemas.get(nsid.as_str()).is_some()
    }

    /// How a method is called; none when no document declares it.
    #[must_use]
    pub fn method(&self, nsid: &Nsid) -> Option<MethodKind> {
        self.methods.get(nsid).map(|method| method.kind)
    }

    /// Reads a method's parameters from a URL's decoded query pairs: typed, checked, defaults filled in.
    ///
    /// Parameters that the lexicon does not declare are left out, as the reference implementation does.
    ///
    /// # Errors
    /// When a parameter is missing or does not fit; the message names it. When no document declares the method.
    pub fn query_params(
        &self,
        nsid: &Nsid,
        pairs: &[(String, String)],
    ) -> Result<Map<String, Value>, ParamError> {
        let method = self
            .methods
            .get(nsid)
            .ok_or_else(|| ParamError::Method { nsid: nsid.clone() })?;
        let mut read = Map::new();
        for param in &method.params {
            if let Some(value) = param.read(pairs)? {
                read.insert(param.name.clone(), value);
            }
        }
        Ok(read)
    }

    /// The parameters of a method that name accounts or records and so may hold handles.
    pub fn references(&self, nsid: &Nsid) -> impl Iterator<Item = (&str, Reference)> {
        let params = self.methods.get(nsid).map(|method| &method.params);
        params
            .into_iter()
            .flatten()
            .filter_map(|param| Some((param.name.as_str(), param.reference()?)))
    }

    /// Whether a record, in its JSON form, fits the lexicon of its collection.
    ///
    /// # Errors
    /// When it does not, or no document declares the collection.
    pub fn record(&self, collection: &Nsid, value: &Value) -> Result<(), RecordError> {
        shrike::lexicon::validate_record(&self.schemas, collection.as_str(), value).map_err(|e| {
            RecordError {
                message: e.to_string(),
            }
        })
    }
}

impl Method {
    fn of(main: &shrike::lexicon::Def) -> Option<Self> {
        use shrike::lexicon::Def;
        let (kind, params) = match main {
            Def::Query(query) => (MethodKind::Query, &query.parameters),
            Def::Procedure(procedure) => (MethodKind::Procedure, &procedure.parameters),
            _ => return None,
        };
        let params = params.as_ref().map(params::Param::all).unwrap_or_default();
        Some(Self { kind, params })
    }
}

#[cfg(test)]
mod tests;
