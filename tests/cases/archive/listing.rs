//! Reading repositories page by page.

use aviary_tests::backend::{Backend, Place};

use super::world::{archive, collection, commit, did, put};

aviary_tests::on_both!(repositories_list_by_record_key_both_ways);

async fn repositories_list_by_record_key_both_ways(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let keys = ["3a", "3b", "A", "self", "~x", "_y"];
    let ops = keys.iter().map(|k| put(0, k, 1, 256)).collect();
    archive(&*store, [commit(1, 1, ops)], 1).await.unwrap();
    let mut sorted: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
    sorted.sort();
    for reverse in [true, false] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store
                .list_records(&did(1), &collection(0), after.as_ref(), reverse, 2)
                .await
                .unwrap()
                .unwrap();
            assert!(page.records.len() <= 2);
            seen.extend(page.records.iter().map(|r| r.rkey.to_string()));
            after = page.records.last().map(|r| r.rkey.clone());
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, sorted);
        sorted.reverse();
    }
    let nobody = store
        .list_records(&did(8), &collection(0), None, false, 2)
        .await
        .unwrap()
        .unwrap();
    assert!(nobody.records.is_empty() && !nobody.more);
}
