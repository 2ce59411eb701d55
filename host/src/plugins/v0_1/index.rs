//! 0.1's `indexer`: changes go in by reference, outcomes come out.

use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{AsContextMut, Store};

use crate::atproto::Nsid;
use crate::plugins::guest_log::Level;
use crate::plugins::outcome::Outcome;
use crate::plugins::plugin::Input;
use crate::plugins::sandbox::Sandbox;
use crate::plugins::values::{RawPut, RawValue};
use crate::store::ChangeState;

pub(super) mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from wit/v0.1")]
    wasmtime::component::bindgen!({
        path: "../wit/v0.1",
        // The host's own view of a component that may have more roles than this one.
        inline: "
            package aviary:host;
            world indexer-of-any {
                import aviary:plugin/log@0.1.0;
                import aviary:plugin/settings@0.1.0;
                import aviary:plugin/store@0.1.0;
                export aviary:plugin/indexer@0.1.0;
            }
        ",
        world: "aviary:host/indexer-of-any",
        ownership: Borrowing { duplicate_if_necessary: true },
        imports: { default: trappable },
    });
}

use bindings::aviary::plugin::{log, settings, types};

/// A component that exports `indexer`, linked.
pub struct Indexer(bindings::IndexerOfAnyPre<Sandbox>);

/// Offers `log` and `settings`.
pub(super) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    settings::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)
}

impl Indexer {
    pub(super) fn new(instance: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        bindings::IndexerOfAnyPre::new(instance).map(Self)
    }

    /// Starts an instance.
    pub(in crate::plugins) fn start(
        &self,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<bindings::IndexerOfAny> {
        self.0.instantiate(store.as_context_mut())
    }

    /// Calls `index`: one outcome for each input, if the guest is right.
    pub(in crate::plugins) fn call(
        instance: &bindings::IndexerOfAny,
        store: &mut Store<Sandbox>,
        inputs: &[&Input<'_>],
    ) -> wasmtime::Result<Vec<Outcome>> {
        let words = Words::of(inputs);
        let changes: Vec<types::Change<'_>> = inputs
            .iter()
            .zip(&words.texts)
            .map(|(input, texts)| types::Change {
                did: input.change.did.as_str(),
                collection: texts.collection,
                rkey: input.change.rkey.as_str(),
                rev: &texts.rev,
                cid: &texts.cid,
                time_us: texts.time_us,
                body: match &input.body {
                    Some(body) => types::Body::Json(body),
                    None => types::Body::None,
                },
            })
            .collect();
        let collections: Vec<&str> = words.collections.iter().map(|c| c.as_str()).collect();
        let batch = types::Batch {
            collections: &collections,
            changes: &changes,
        };
        let outcomes = instance.aviary_plugin_indexer().call_index(store, batch)?;
        Ok(outcomes.into_iter().map(outcome).collect())
    }
}

/// What a batch says that the changes do not hold as text.
struct Words<'a> {
    collections: Vec<&'a Nsid>,
    texts: Vec<Texts>,
}

struct Texts {
    collection: u16,
    rev: String,
    cid: String,
    time_us: u64,
}

impl<'a> Words<'a> {
    fn of(inputs: &[&Input<'a>]) -> Self {
        let mut collections: Vec<&Nsid> = Vec::new();
        let mut texts = Vec::with_capacity(inputs.len());
        for Input { change, .. } in inputs {
            let known = collections.iter().position(|c| **c == change.collection);
            let collection = known.unwrap_or_else(|| {
                collections.push(&change.collection);
                collections.len() - 1
            });
            let (rev, cid, seen_us) = match &change.state {
                ChangeState::Live {
                    rev, cid, seen_us, ..
                } => (rev.to_string(), cid.to_string(), *seen_us),
                ChangeState::Deleted => (String::new(), String::new(), 0),
            };
            texts.push(Texts {
                // A batch has fewer changes than a u16 has numbers.
                collection: u16::try_from(collection).unwrap_or(u16::MAX),
                rev,
                cid,
                time_us: u64::try_from(seen_us).unwrap_or(0),
            });
        }
        Self { collections, texts }
    }
}

fn outcome(outcome: types::Outcome) -> Outcome {
    match outcome {
        types::Outcome::Apply(puts) => Outcome::Apply(
            puts.into_iter()
                .map(|put| RawPut {
                    table: put.table,
                    row: put.row.into_iter().map(value).collect(),
                })
                .collect(),
        ),
        types::Outcome::Skip => Outcome::Skip,
        types::Outcome::Reject(reason) => Outcome::Reject(reason),
    }
}

fn value(value: types::Value) -> RawValue {
    match value {
        types::Value::Null => RawValue::Null,
        types::Value::Boolean(b) => RawValue::Boolean(b),
        types::Value::Integer(n) => RawValue::Integer(n),
        types::Value::Real(x) => RawValue::Real(x),
        types::Value::Text(text) => RawValue::Text(text),
        types::Value::Bytes(bytes) => RawValue::Bytes(bytes),
        types::Value::Json(text) => RawValue::Json(text),
        types::Value::TimeUs(us) => RawValue::TimeUs(us),
    }
}

impl types::Host for Sandbox {}

impl log::Host for Sandbox {
    fn emit(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log().line(level, &message);
        Ok(())
    }
}

impl settings::Host for Sandbox {
    fn get(&mut self) -> wasmtime::Result<String> {
        self.count_host_call()?;
        Ok(self.settings().to_string())
    }
}
