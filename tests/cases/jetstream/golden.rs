//! What the production Jetstream sent for real commits: every record hashes to the CID it came with.

use std::collections::BTreeSet;
use std::sync::Arc;

use aviary::atproto::json;
use aviary::entry::Source;
use aviary::ingest::{Compression, Events};
use aviary::queue::{ChannelQueue, Queue};
use aviary::telemetry::Counters;
use aviary_simnet::{Config, Network};
use aviary_tests::shared_data;
use serde_json::Value;

use super::{Follower, Held, parts};

const FILES: [(&str, usize); 2] = [
    (
        "conformance/jetstream-v2/internal/corpus/testdata/expected_v1.jsonl",
        152,
    ),
    (
        "conformance/jetstream-v2/internal/subscribe/testdata/golden_v1.jsonl",
        10,
    ),
];

fn lines(name: &str) -> Option<Vec<String>> {
    let text = String::from_utf8(shared_data::read(name)?).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn every_line_of_the_production_jetstream_is_taken_as_it_says() {
    for (name, expected) in FILES {
        let Some(lines) = lines(name) else { return };
        assert_eq!(lines.len(), expected);
        let values: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let collections: BTreeSet<String> = values
            .iter()
            .filter_map(|v| Some(v["commit"]["collection"].as_str()?.to_owned()))
            .collect();
        let queue: Arc<dyn Queue> = Arc::new(ChannelQueue::new());
        let counters = Arc::new(Counters::new());
        let mut events = Events::new(Source("golden".into()), parts(&queue, &counters), None);
        events.want(&collections.into_iter().collect::<Vec<_>>(), None);
        for line in &lines {
            assert!(events.accept(line).await.unwrap().is_some(), "{line}");
        }
        events.flush().await.unwrap();
        let mut held = Held::default();
        let batch = queue.read(10_000).await.unwrap().unwrap();
        batch.entries.iter().for_each(|(_, e)| held.take(e.clone()));
        assert!(held.desyncs.is_empty(), "{:?}", held.desyncs);
        let kind = |kind: &str| values.iter().filter(|v| v["kind"] == kind).count();
        assert_eq!(
            (held.entries, held.identities, held.accounts),
            (kind("commit"), kind("identity"), kind("account"))
        );
        for value in values.iter().filter(|value| value["kind"] == "commit") {
            let commit = &value["commit"];
            let text = |part: &Value| part.as_str().unwrap().to_owned();
            let path = format!("{}/{}", text(&commit["collection"]), text(&commit["rkey"]));
            let (rev, cid) = &held.records[&(text(&value["did"]), path)];
            assert_eq!(cid.as_deref(), commit["cid"].as_str());
            assert_eq!(Some(rev.as_str()), commit["rev"].as_str());
        }
    }
}

#[test]
fn the_data_models_vectors_are_read_as_they_say() {
    let folder = "conformance/atproto-interop-tests/data-model";
    let Some(fixtures) = shared_data::json(&format!("{folder}/data-model-fixtures.json")) else {
        return;
    };
    for fixture in fixtures.as_array().unwrap() {
        let bytes = json::read(&fixture["json"].to_string()).unwrap();
        let cid = aviary::atproto::Cid::of_dag_cbor(&bytes).to_string();
        assert_eq!(Some(cid.as_str()), fixture["cid"].as_str());
    }
    let cases = |name: &str| {
        let cases = shared_data::json(&format!("{folder}/{name}.json")).unwrap();
        cases.as_array().unwrap().clone()
    };
    for case in cases("data-model-valid") {
        assert!(json::read(&case["json"].to_string()).is_ok(), "{case}");
    }
    let refused = cases("data-model-invalid").into_iter().filter(|case| {
        let note = case["note"].as_str().unwrap();
        ["float", "link", "bytes"]
            .iter()
            .any(|kind| note.starts_with(kind))
    });
    let refused: Vec<Value> = refused.collect();
    assert_eq!(refused.len(), 6);
    for case in refused {
        assert!(json::read(&case["json"].to_string()).is_err(), "{case}");
    }
}

#[tokio::test]
async fn the_production_dictionary_works() {
    let name = "conformance/jetstream-v2/internal/subscribe/dictionaries/legacy_subscribe.zdict";
    let Some(dictionary) = shared_data::read(name) else {
        return;
    };
    let network = Network::start(Config::default()).await.unwrap();
    network.jetstream().dictionary(Some(&dictionary));
    let wanted = ["app.bsky.feed.like"];
    let compression = Compression::Dictionary(dictionary.into());
    let follower = Follower::start(&network, &wanted, compression, Some(0));
    network.emit(200).await.unwrap();
    follower.caught_up(&network).await;
    let held = follower.end().await;
    held.agrees_with(&network.truth().unwrap(), &wanted);
}
