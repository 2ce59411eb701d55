//! One bundled plugin in a store, at times that a case chooses.
//!
//! Guarantees: records go through the archive, its feed and a consumer, as in a host; a request is read by its lexicon,
//! and an answer that does not fit the lexicon fails the case. Holds no expectations.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aviary::atproto::lexicon::Catalog;
use aviary::atproto::{AtUri, Cid, Did, Nsid, Tid};
use aviary::clock::Clock;
use aviary::entry::{AccountEvent, Action, Commit, Entry, Op, Source, Trust};
use aviary::index::Consumer;
use aviary::plugins::{
    EngineOptions, Engines, HandleError, Payload, Plugin, PluginOptions, XrpcRequest, rfc3339,
};
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary::store::{ArchiveUnit, Feed, Generation, Registration, Store};
use aviary_tests::dump::{self, Dump};
use aviary_tests::guests;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

/// One engine for all cases: it reserves its address space once.
fn engines() -> &'static Engines {
    static ENGINES: OnceLock<Engines> = OnceLock::new();
    ENGINES.get_or_init(|| Engines::new(EngineOptions::default()).unwrap())
}

/// A record, or that there is none any more.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Write {
    pub(super) uri: String,
    pub(super) value: Option<Value>,
}

impl Write {
    pub(super) fn new(uri: impl Into<String>, value: Value) -> Self {
        Self {
            uri: uri.into(),
            value: Some(value),
        }
    }

    pub(super) fn delete(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            value: None,
        }
    }
}

/// An XRPC error: its status and name.
pub(super) type Refused = (u16, String);

/// A store with one plugin.
pub(super) struct Bed {
    store: Arc<dyn Store>,
    plugin: Arc<Plugin>,
    lexicons: Catalog,
    seq: i64,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Bed {
    pub(super) async fn new(plugin: &str) -> Self {
        let bytes = guests::bytes(plugin);
        let plugin = Plugin::load(engines(), &bytes, &PluginOptions::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bed.db");
        let options = SqliteOptions {
            path: path.clone(),
            partitions: 1,
            clock: Clock::from_fn(|| 1),
        };
        Self {
            store: Arc::new(SqliteStore::open(options).await.unwrap()),
            lexicons: catalog(&plugin),
            plugin,
            seq: 0,
            path,
            _dir: dir,
        }
    }

    /// Archives each write as a commit of its own, all first seen at one time (us).
    pub(super) async fn archive(&mut self, seen_us: i64, writes: &[Write]) {
        let entries: Vec<_> = writes.iter().map(|write| (0, self.commit(write))).collect();
        self.take(seen_us, entries).await;
    }

    /// An account is there, or it is not; only that is told.
    pub(super) async fn account(&mut self, did: &str, active: bool) {
        self.seq += 1;
        let event = AccountEvent {
            did: Did::parse(did).unwrap(),
            active,
            status: (!active).then(|| "takendown".to_owned()),
            source: source(),
            seq: self.seq,
        };
        self.take(1, vec![(0, Entry::Account(event))]).await;
        while self.store.redo_step().await.unwrap().more {}
    }

    async fn take(&self, now_us: i64, entries: Vec<(u16, Entry)>) {
        let entries = Arc::new(entries);
        let unit = ArchiveUnit { entries, now_us };
        self.store.archive(unit).await.unwrap();
    }

    fn commit(&mut self, write: &Write) -> Entry {
        self.seq += 1;
        let uri = AtUri::parse(&write.uri).unwrap();
        let action = match &write.value {
            None => Action::Delete,
            Some(value) => {
                let body = serde_ipld_dagcbor::to_vec(value).unwrap();
                let cid = Cid::of_dag_cbor(&body);
                let body = body.into();
                Action::Put { cid, body }
            }
        };
        let op = Op {
            collection: uri.collection,
            rkey: uri.rkey,
            action,
        };
        Entry::Commit(Commit {
            did: uri.did,
            rev: tid(self.seq),
            since: None,
            data: None,
            trust: Trust::Hashed,
            source: source(),
            seq: self.seq,
            ops: vec![op],
            rejected: Vec::new(),
        })
    }

    async fn generation(&self) -> Generation {
        let registration = Registration {
            manifest: Arc::clone(self.plugin.manifest()),
            digest: self.plugin.row_digest(),
        };
        self.store.register(registration).await.unwrap()
    }

    /// The plugin's consumer goes on to the head and ends.
    pub(super) async fn index(&self) {
        let (generation, heads) = (self.generation().await, self.store.heads().await.unwrap());
        let feed = Arc::new(Feed::new(Arc::clone(&self.store), &heads));
        let (plugin, store) = (Arc::clone(&self.plugin), Arc::clone(&self.store));
        let consumer = Consumer::new(plugin, &generation, store, feed, Clock::system());
        let drain = CancellationToken::new();
        drain.cancel();
        let ended = consumer.run(drain, CancellationToken::new());
        ended.await.unwrap();
    }

    /// [`Self::archive`] and [`Self::index`].
    pub(super) async fn put(&mut self, seen_us: i64, writes: &[Write]) {
        self.archive(seen_us, writes).await;
        self.index().await;
    }

    /// Asks a method of `community.aviary.PLUGIN` at a time (us).
    pub(super) async fn ask(
        &self,
        now_us: i64,
        method: &str,
        params: &[(&str, &str)],
    ) -> Result<Value, Refused> {
        let nsid = format!("community.aviary.{}.{method}", self.plugin.name());
        let nsid = Nsid::parse(&nsid).unwrap();
        let pairs: Vec<(String, String)> = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let params = self.lexicons.query_params(&nsid, &pairs);
        let params = params.map_err(|_| (400, "InvalidRequest".to_owned()))?;
        let request = XrpcRequest {
            viewer: None,
            now_us,
            languages: Vec::new(),
            labelers: Vec::new(),
            method: nsid.to_string(),
            params: Value::Object(params).to_string(),
            input: None,
        };
        let (store, generation) = (Arc::clone(&self.store), self.generation().await.id);
        match self.plugin.handle(request, store, generation).await {
            Ok(response) => {
                let Payload::Json(text) = response.body else {
                    panic!("{nsid}: an answer that is not JSON");
                };
                let answer = serde_json::from_str(&text).unwrap();
                self.check(&nsid, &answer);
                Ok(answer)
            }
            Err(HandleError::Xrpc { status, error, .. }) => Err((status, error)),
            Err(other) => panic!("{nsid}: {other}"),
        }
    }

    /// [`Self::ask`], and it must be answered.
    pub(super) async fn get(&self, now_us: i64, method: &str, params: &[(&str, &str)]) -> Value {
        let answer = self.ask(now_us, method, params).await;
        answer.unwrap_or_else(|(status, error)| panic!("{method} {params:?}: {status} {error}"))
    }

    /// Every item of `list` by following the cursor.
    pub(super) async fn pages(
        &self,
        method: &str,
        params: &[(&str, &str)],
        list: &str,
    ) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut params = params.to_vec();
            params.extend(cursor.as_deref().map(|c| ("cursor", c)));
            let page = self.get(0, method, &params).await;
            items.extend(page[list].as_array().unwrap().iter().cloned());
            cursor = page["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return items;
            }
        }
    }

    fn check(&self, nsid: &Nsid, answer: &Value) {
        let answers = answers_of(nsid.as_str());
        let mut answer = answer.clone();
        answer["$type"] = answers.as_str().into();
        let fits = self
            .lexicons
            .record(&Nsid::parse(&answers).unwrap(), &answer);
        fits.unwrap_or_else(|e| panic!("{nsid} answers what its lexicon does not allow: {e}"));
    }

    /// The store's tables.
    pub(super) async fn dump(&self) -> Dump {
        dump::of(&self.path).await
    }
}

/// The plugin's own documents, and for each method a record that has the shape of its answer: what checks records then
/// checks answers.
fn catalog(plugin: &Plugin) -> Catalog {
    let mut catalog = Catalog::default();
    for document in plugin.lexicons() {
        catalog.add(document.to_string().as_bytes()).unwrap();
        if let Some(schema) = document.pointer("/defs/main/output/schema") {
            let id = answers_of(document["id"].as_str().unwrap());
            let main = json!({"type": "record", "key": "any", "record": schema});
            let answers = json!({"lexicon": 1, "id": id, "defs": {"main": main}});
            catalog.add(answers.to_string().as_bytes()).unwrap();
        }
    }
    catalog
}

fn answers_of(nsid: &str) -> String {
    format!("answers.of.{nsid}")
}

fn source() -> Source {
    Source("wss://relay.example".into())
}

/// Revisions in the order of their numbers.
fn tid(n: i64) -> Tid {
    const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let digit = |place: u32| DIGITS[usize::try_from(n >> (5 * place) & 31).unwrap()];
    let text: Vec<u8> = (0..13).rev().map(digit).collect();
    Tid::parse(std::str::from_utf8(&text).unwrap()).unwrap()
}

/// The records beside a plugin.
pub(super) fn fixtures(plugin: &str) -> Vec<Write> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let path = plugins.join(plugin).join("fixtures/records.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A datetime (us).
pub(super) fn us(text: &str) -> i64 {
    rfc3339::to_us(text).unwrap_or_else(|| panic!("{text} is no datetime"))
}

/// A time (us) as records write it; whole milliseconds.
pub(super) fn datetime(us: i64) -> String {
    aviary_simnet::datetime(us.try_into().unwrap())
}

/// One field of each item.
pub(super) fn field<'a>(items: &'a [Value], name: &str) -> Vec<&'a str> {
    let text = |item: &'a Value| item[name].as_str().unwrap();
    items.iter().map(text).collect()
}

/// An object without some of its fields.
pub(super) fn without(value: &Value, names: &[&str]) -> Value {
    let mut map: Map<String, Value> = value.as_object().unwrap().clone();
    map.retain(|name, _| !names.contains(&name.as_str()));
    Value::Object(map)
}
