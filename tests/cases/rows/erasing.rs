//! Erased is erased: nothing that an account said is left in any table, and its neighbours keep everything.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aviary::entry::{AccountEvent, Desync, Entry, Erase, IdentityEvent, RejectedOp, Source};
use aviary::store::{Change, ChangeState, DeadReason, Effect};
use aviary_tests::backend::Backend;

use super::plugin::effect;
use super::tables::Bed;
use super::world::{Said, World, did};

aviary_tests::on_both!(no_table_holds_a_word_of_an_erased_account,);

const GOES: &str = "sesame";
const STAYS: &str = "poppy";

fn source() -> Source {
    Source("wss://relay.example".into())
}

fn lost(who: u64, path: &str) -> Vec<RejectedOp> {
    vec![RejectedOp {
        path: path.to_owned(),
        reason: format!("not read: {path}, of account {who}"),
    }]
}

/// Everything that an account can leave, with `word` in it, and one record that no plugin can use.
fn life(who: u64, word: &str, seq: i64) -> Vec<Entry> {
    let hole = |reason: &str, lost: Vec<RejectedOp>, seq: i64| {
        Entry::Desync(Desync {
            did: did(who),
            reason: reason.to_owned(),
            rev: None,
            follow: false,
            lost,
            source: source(),
            seq,
        })
    };
    let said = |text: String| Said {
        text,
        reply: Some(format!("at://{}/test.rows.post/r0", did(7))),
        subject: Some(format!("at://{}/test.rows.post/r0", did(7))),
        ..Said::default()
    };
    let mut world = World::default();
    world.commit(
        &did(who),
        vec![
            ("test.rows.post", "r0".into(), Some(said(word.to_owned()))),
            (
                "test.rows.post",
                "r1".into(),
                Some(said(format!("bad {word}"))),
            ),
            (
                "test.rows.like",
                "r2".into(),
                Some(said(format!("bad {word}"))),
            ),
            ("test.rows.like", "r3".into(), Some(said(word.to_owned()))),
        ],
    );
    let gone = ("test.rows.like", "r3".to_owned(), None);
    world.commit(&did(who), vec![gone]);
    let Some(Entry::Commit(last)) = world.events.last_mut() else {
        unreachable!()
    };
    last.rejected = lost(who, &format!("not-a-path-{word}"));
    let mut entries = vec![
        hole("nobody follows", lost(who, &format!("x.y.z/{word}")), seq),
        Entry::Identity(IdentityEvent {
            did: did(who),
            handle: Some(format!("{word}.example")),
            source: source(),
            seq,
        }),
    ];
    entries.append(&mut world.events);
    entries.push(hole(&format!("a hole in {word}"), Vec::new(), seq + 1));
    entries
}

fn goes(who: u64, seq: i64) -> [Entry; 2] {
    let event = AccountEvent {
        did: did(who),
        active: false,
        status: Some("deleted".into()),
        source: source(),
        seq,
    };
    let confirmed = Erase {
        did: did(who),
        source: source(),
        seq,
    };
    [Entry::Account(event), Entry::Erase(confirmed)]
}

/// Has every plugin index what it wants; what is bad becomes a dead letter that quotes it.
async fn index(bed: &mut Bed, changes: &[Arc<Change>], plugins: std::ops::Range<usize>) {
    for plugin in plugins {
        let effects = changes.iter().filter(|c| bed.wants(plugin, c)).map(|c| {
            let text = match &c.state {
                ChangeState::Live { body, .. } => String::from_utf8_lossy(body),
                ChangeState::Deleted => Cow::default(),
            };
            let effect = if text.contains("bad") {
                Effect::Dead {
                    reason: DeadReason::Rejected,
                    detail: text.into_owned(),
                }
            } else {
                effect(c)
            };
            (Arc::clone(c), effect)
        });
        let unit = bed.unit(plugin, effects.collect());
        bed.apply(plugin, unit).await.unwrap();
    }
}

/// The columns of all tables in which a word stands.
async fn holds(bed: &Bed, word: &str) -> BTreeSet<String> {
    let columns = bed.place.columns_with(word, 60).await;
    columns.into_iter().collect()
}

async fn no_table_holds_a_word_of_an_erased_account(backend: Backend) {
    let mut bed = Bed::new(backend).await;
    let mut entries = life(1, GOES, 1);
    entries.extend(life(11, STAYS, 1));
    let changes = bed.archive(&entries).await;
    let plugins = bed.plugins.len();
    index(&mut bed, &changes, 0..plugins).await;
    let everywhere: BTreeSet<String> = [
        "account.handle",
        "dead_letter.detail",
        "dead_letter.subject",
        "g1_by_reply.body",
        "g1_post.body",
        "g1_post.doc",
        "record.body",
        "repo.reason",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(holds(&bed, GOES).await, everywhere);
    assert_eq!(holds(&bed, STAYS).await, everywhere);

    let changes = bed.archive(&goes(1, 5)).await;
    // The plugin of posts follows; that of likes stands still, and its dead letters go all the same.
    index(&mut bed, &changes, 0..1).await;
    let empty = BTreeSet::new();
    assert_eq!(holds(&bed, GOES).await, empty);
    assert_eq!(holds(&bed, STAYS).await, everywhere);
    let account = bed.store.account(&did(1)).await.unwrap().unwrap();
    assert!(account.erased && !account.active);
    assert_eq!(account.status.as_deref(), Some("deleted"));
    assert_eq!(
        bed.rows_in("redo").await + bed.rows_in("erased where not done").await,
        0
    );

    // Whatever comes while the erasure stands is not taken.
    let changes = bed.archive(&life(1, GOES, 6)).await;
    assert!(changes.is_empty());
    assert_eq!(holds(&bed, GOES).await, empty);
}
