//! Named reads through the real store: what bundled plugins declare is accepted, pages follow the text of URIs, and
//! what a plugin may not read is refused when it registers.

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use aviary::entry::{AccountEvent, Action, Commit, Entry, Op, Source, Trust};
use aviary::store::{
    Advance, ArchiveUnit, Change, Effect, Generation, IndexUnit, Param, Put, Registration, Store,
    StoreError, Value,
};
use aviary_manifest::{ColumnType, Manifest, ParamType};
use aviary_tests::backend::{Backend, Place};
use bytes::Bytes;

const STATUSPHERE: &str = include_str!("../../plugins/statusphere/plugin.toml");
const LIKES: &str = include_str!("../../plugins/likes/plugin.toml");
const POSTS: &str = include_str!("../../plugins/posts/plugin.toml");
const CALENDAR: &str = include_str!("../../plugins/calendar/plugin.toml");
const FRONTPAGE: &str = include_str!("../../plugins/frontpage/plugin.toml");
const COLLECTION: &str = "xyz.statusphere.status";

mod roles;

aviary_tests::on_both!(
    bundled_plugins_reads_are_accepted_and_run,
    pages_follow_time_and_then_the_text_of_uris,
    a_hidden_account_is_in_no_page,
    what_a_read_may_not_do_is_refused_when_it_registers,
);

struct World {
    store: Arc<dyn Store>,
    _place: Place,
}

async fn world(backend: Backend) -> World {
    let place = Place::new(backend).await;
    World {
        store: place.open(1).await,
        _place: place,
    }
}

fn registration(toml: &str) -> Registration {
    Registration {
        manifest: Arc::new(Manifest::from_toml(toml).unwrap()),
        digest: "d".into(),
    }
}

fn source() -> Source {
    Source("wss://relay.example".into())
}

/// DIDs whose first sight is in another order than their text.
fn accounts() -> Vec<Did> {
    ["zz", "aa", "mm", "bb", "yy"]
        .iter()
        .map(|n| Did::parse(&format!("did:plc:{n}")).unwrap())
        .collect()
}

const ROWS_EACH: usize = 20;

/// The truth: `(created_at, uri)` of every status; few times, so that most of them tie.
fn truth() -> BTreeMap<(i64, String), AtUri> {
    let mut all = BTreeMap::new();
    for (a, did) in accounts().into_iter().enumerate() {
        for n in 0..ROWS_EACH {
            let uri = AtUri {
                did: did.clone(),
                collection: Nsid::parse(COLLECTION).unwrap(),
                rkey: RecordKey::parse(&format!("k{}", (n * 7 + a) % ROWS_EACH)).unwrap(),
            };
            all.insert(((n % 3) as i64, uri.to_string()), uri);
        }
    }
    all
}

async fn archive(store: &dyn Store) -> Vec<Arc<Change>> {
    let body = Bytes::from_static(b"\xa0");
    let mut entries = Vec::new();
    for (seq, did) in (1..).zip(accounts()) {
        let of_account = truth().into_values().filter(|u| u.did == did);
        let ops = of_account.map(|uri| Op {
            collection: uri.collection,
            rkey: uri.rkey,
            action: Action::Put {
                cid: Cid::of_dag_cbor(&body),
                body: body.clone(),
            },
        });
        let commit = Commit {
            ops: ops.collect(),
            did,
            rev: Tid::parse("3kabcdefghij2").unwrap(),
            since: None,
            data: None,
            trust: Trust::Hashed,
            source: source(),
            seq,
            rejected: Vec::new(),
        };
        entries.push((0, Entry::Commit(commit)));
    }
    let unit = ArchiveUnit {
        entries: Arc::new(entries),
        now_us: 5,
    };
    store.archive(unit).await.unwrap().changes
}

async fn filled(backend: Backend) -> (World, Generation) {
    let world = world(backend).await;
    let generation = world
        .store
        .register(registration(STATUSPHERE))
        .await
        .unwrap();
    let changes = archive(&*world.store).await;
    let times: BTreeMap<String, i64> = truth().into_keys().map(|(at, uri)| (uri, at)).collect();
    let to = changes.iter().map(|c| c.pos).max().unwrap();
    let effects = changes.into_iter().map(|change| {
        let at = times[&change.uri().to_string()];
        let row = vec![Value::Text("up".into()), Value::Time(at)];
        (change, Effect::Rows(vec![Put { table: 0, row }]))
    });
    let unit = IndexUnit {
        generation: generation.id,
        advances: vec![Advance {
            partition: 0,
            from: 0,
            to,
        }],
        effects: effects.collect(),
        now_us: 6,
    };
    let applied = world.store.index(Arc::new(unit)).await.unwrap();
    assert_eq!((applied.rows, applied.dead), (5 * ROWS_EACH as u64, 0));
    (world, generation)
}

/// All URIs of `latest`, page by page.
async fn paged(store: &dyn Store, generation: &Generation, size: usize) -> Vec<String> {
    let mut session = store.read(generation.id).await.unwrap();
    let mut all: Vec<String> = Vec::new();
    let far = AtUri::parse("at://did:plc:zzz/xyz.statusphere.status/z").unwrap();
    let mut cursor = (i64::MAX, far);
    loop {
        let params = vec![
            Param::One(Value::Time(cursor.0)),
            Param::One(Value::Uri(cursor.1.clone())),
            Param::One(Value::Integer(size as i64)),
        ];
        let page = session.run("latest", params).await.unwrap();
        let Some(last) = page.rows.last() else {
            return all;
        };
        let (Value::Uri(uri), Value::Time(at)) = (&last[0], &last[4]) else {
            panic!("expected a URI and a time, got {last:?}");
        };
        cursor = (*at, uri.clone());
        all.extend(page.rows.iter().map(|row| match &row[0] {
            Value::Uri(uri) => uri.to_string(),
            other => panic!("expected a URI, got {other:?}"),
        }));
    }
}

async fn bundled_plugins_reads_are_accepted_and_run(backend: Backend) {
    let world = world(backend).await;
    for toml in [STATUSPHERE, LIKES, POSTS, CALENDAR, FRONTPAGE] {
        let registration = registration(toml);
        let manifest = Arc::clone(&registration.manifest);
        let generation = world.store.register(registration).await.unwrap();
        for read in &manifest.reads {
            let params = read.params.iter().map(some_value).collect();
            let mut session = world.store.read(generation.id).await.unwrap();
            let page = session.run(&read.name, params).await.unwrap();
            assert!(page.rows.is_empty(), "{}.{}", manifest.name, read.name);
            assert_eq!(page.columns.len(), read.returns.len());
        }
    }
}

fn some_value(param: &ParamType) -> Param {
    let value = match param.ty {
        ColumnType::Text => Value::Text("x".into()),
        ColumnType::Integer => Value::Integer(3),
        ColumnType::Real => Value::Real(0.5),
        ColumnType::Boolean => Value::Boolean(true),
        ColumnType::Time => Value::Time(9),
        ColumnType::Bytes => Value::Bytes(vec![1]),
        ColumnType::Json => Value::Json("{}".into()),
        ColumnType::Did => Value::Did(accounts()[0].clone()),
        ColumnType::AtUri => Value::Uri(truth().into_values().next().unwrap()),
    };
    if param.list {
        Param::Many(vec![value])
    } else {
        Param::One(value)
    }
}

async fn pages_follow_time_and_then_the_text_of_uris(backend: Backend) {
    let (world, generation) = filled(backend).await;
    let expected: Vec<String> = truth().into_keys().rev().map(|(_, uri)| uri).collect();
    for size in [1, 7, 100] {
        let got = paged(&*world.store, &generation, size).await;
        assert_eq!(got, expected, "pages of {size}");
    }
}

async fn a_hidden_account_is_in_no_page(backend: Backend) {
    let (world, generation) = filled(backend).await;
    let gone = accounts().swap_remove(2);
    let event = AccountEvent {
        did: gone.clone(),
        active: false,
        status: Some("takendown".into()),
        source: source(),
        seq: 99,
    };
    let unit = ArchiveUnit {
        entries: Arc::new(vec![(0, Entry::Account(event))]),
        now_us: 7,
    };
    world.store.archive(unit).await.unwrap();
    let expected: Vec<String> = truth()
        .into_iter()
        .rev()
        .filter(|(_, uri)| uri.did != gone)
        .map(|((_, text), _)| text)
        .collect();
    assert_eq!(expected.len(), 4 * ROWS_EACH);
    assert_eq!(paged(&*world.store, &generation, 9).await, expected);
    let mut session = world.store.read(generation.id).await.unwrap();
    let uris: Vec<AtUri> = truth().into_values().collect();
    let records = session.records(&uris).await.unwrap();
    for (uri, record) in uris.iter().zip(records) {
        assert_eq!(record.is_none(), uri.did == gone, "{uri}");
    }
}

async fn what_a_read_may_not_do_is_refused_when_it_registers(backend: Backend) {
    let world = world(backend).await;
    let cases = [
        (
            "select n from by_status where n > (select count(*) from did)",
            "no table did",
        ),
        (
            "select n from by_status where nosuch = 1",
            "no column nosuch",
        ),
        ("delete from statuses", "got DELETE"),
        (
            "select n from by_status where random() > n",
            "function random is not allowed",
        ),
        ("select count(*) from likes.likes", "no table likes.likes"),
        (
            "select count(*) from statuses",
            "declare a count in [[counts]]",
        ),
        (
            "select length(status) from statuses where _cid = 'x'",
            r#"indexes = [["_cid"]]"#,
        ),
    ];
    for (sql, expected) in cases {
        let mut manifest = Manifest::from_toml(STATUSPHERE).unwrap();
        manifest.reads.truncate(1);
        let read = &mut manifest.reads[0];
        read.sql = sql.into();
        read.params.clear();
        read.returns = vec!["n integer".to_owned().try_into().unwrap()];
        let registration = Registration {
            manifest: Arc::new(manifest),
            digest: "d".into(),
        };
        let error = world.store.register(registration).await.unwrap_err();
        let StoreError::Refused(message) = &error else {
            panic!("{sql}: {error}");
        };
        assert!(message.contains(expected), "{sql}\n  {message}");
        assert!(message.contains(r#"read "latest""#), "{message}");
    }
}
