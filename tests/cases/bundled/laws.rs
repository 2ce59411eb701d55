//! The laws of any plugin, over the fixtures of the two that have some.

use aviary_tests::dump::{Dump, assert_same};

use super::bed::{Bed, Write, fixtures};

const PLUGINS: [&str; 2] = ["calendar", "frontpage"];
const SEEN_US: i64 = 1_785_600_000_000_000;

async fn filled(plugin: &str) -> Bed {
    let mut bed = Bed::new(plugin).await;
    bed.put(SEEN_US, &fixtures(plugin)).await;
    bed
}

fn deletions(plugin: &str) -> Vec<Write> {
    let uris = fixtures(plugin).into_iter().map(|write| write.uri);
    uris.map(Write::delete).collect()
}

/// The plugin's own tables: neither the archive's nor the accounts'.
fn own(dump: Dump, plugin: &str) -> Dump {
    let prefix = format!("{plugin}.");
    let is_own = |name: &String| name.starts_with(&prefix) || name == "dead_letter";
    dump.into_iter().filter(|(name, _)| is_own(name)).collect()
}

#[tokio::test]
async fn however_the_changes_are_cut_the_tables_are_the_same() {
    for plugin in PLUGINS {
        let at_once = filled(plugin).await.dump().await;
        for size in [1, 7] {
            let mut bed = Bed::new(plugin).await;
            for part in fixtures(plugin).chunks(size) {
                bed.put(SEEN_US, part).await;
            }
            assert_same(&bed.dump().await, &at_once);
        }
    }
}

#[tokio::test]
async fn deleting_everything_leaves_nothing_and_writing_it_again_everything() {
    for plugin in PLUGINS {
        let mut bed = filled(plugin).await;
        let before = own(bed.dump().await, plugin);
        assert!(before.values().all(|lines| !lines.is_empty()), "{before:?}");
        bed.put(SEEN_US, &deletions(plugin)).await;
        let left = own(bed.dump().await, plugin);
        assert!(left.values().all(Vec::is_empty), "{left:?}");
        bed.put(SEEN_US, &fixtures(plugin)).await;
        assert_same(&own(bed.dump().await, plugin), &before);
    }
}

#[tokio::test]
async fn hidden_accounts_come_back_with_everything() {
    for plugin in PLUGINS {
        let mut bed = filled(plugin).await;
        let before = own(bed.dump().await, plugin);
        let dids = ["ann", "bob", "cid", "dee", "eve"].map(|who| format!("did:plc:{who}"));
        for active in [false, true] {
            for did in &dids {
                bed.account(did, active).await;
            }
            bed.index().await;
            let now = own(bed.dump().await, plugin);
            if active {
                assert_same(&now, &before);
            } else {
                let counted = now.values().flatten().count();
                assert_eq!(counted, 0, "{now:?}");
            }
        }
    }
}
