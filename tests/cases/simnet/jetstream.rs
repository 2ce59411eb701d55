//! The Jetstream tells the world's events, filtered, from a cursor, and twists them when told to.

use std::time::Duration;

use aviary_simnet::{Config, Network, Twist};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::client::wait_for;
use super::network;

struct Listener(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Listener {
    async fn connect(network: &Network, query: &str) -> Self {
        let url = format!("{}/subscribe{query}", network.urls().jetstream);
        let before = network.jetstream().connections().len();
        let (socket, _) = connect_async(url).await.unwrap();
        wait_for(|| network.jetstream().connections().len() > before).await;
        Self(socket)
    }

    /// The next message, or none within two seconds.
    async fn raw(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(2), self.0.next());
        next.await.ok().flatten().and_then(Result::ok)
    }

    /// All events until it is quiet.
    async fn all(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(Message::Text(text)) = self.raw().await {
            events.push(serde_json::from_str(&text).unwrap());
        }
        events
    }

    async fn want(&mut self, collections: &[&str]) {
        let update = json!({
            "type": "options_update",
            "payload": { "wantedCollections": collections },
        });
        let message = Message::Text(update.to_string().into());
        self.0.send(message).await.unwrap();
    }
}

fn collections(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<_> = events
        .iter()
        .filter_map(|event| event["commit"]["collection"].as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn events_are_those_of_the_world_in_the_order_of_their_times() {
    let network = network(Config::default()).await;
    network.emit(400).await.unwrap();
    let events = Listener::connect(&network, "?cursor=0").await.all().await;
    assert!(events.len() > 400);
    let times: Vec<u64> = events
        .iter()
        .map(|e| e["time_us"].as_u64().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a < b));
    let truth = network.truth().unwrap();
    let mut checked = 0;
    for event in events.iter().filter(|event| event["kind"] == "commit") {
        let commit = &event["commit"];
        let text = |part: &Value| part.as_str().unwrap().to_owned();
        let account = &truth.accounts[&text(&event["did"])];
        let of_collection = account.collections.get(&text(&commit["collection"]));
        let record = of_collection.and_then(|records| records.get(&text(&commit["rkey"])));
        if let Some(record) = record.filter(|record| commit["cid"] == json!(record.cid)) {
            assert_eq!(commit["record"], record.value);
            checked += 1;
        }
        assert_eq!(commit["operation"] == "delete", commit["cid"].is_null());
    }
    assert!(checked > 200, "{checked}");
}

#[tokio::test]
async fn filters_come_by_query_or_by_message() {
    let network = network(Config::default()).await;
    let posts = "?wantedCollections=app.bsky.feed.post&wantedCollections=xyz.statusphere.*";
    let mut filtered = Listener::connect(&network, posts).await;
    let mut waiting = Listener::connect(&network, "?requireHello=true&cursor=0").await;
    network.emit(300).await.unwrap();
    let events = filtered.all().await;
    assert_eq!(
        collections(&events),
        ["app.bsky.feed.post", "xyz.statusphere.status"]
    );
    assert!(waiting.all().await.is_empty(), "nothing before the hello");
    waiting.want(&["app.bsky.graph.follow"]).await;
    assert_eq!(collections(&waiting.all().await), ["app.bsky.graph.follow"]);
    filtered.want(&["app.bsky.feed.like"]).await;
    wait_for(|| network.jetstream().updates() == 2).await;
    network.emit(100).await.unwrap();
    assert_eq!(collections(&filtered.all().await), ["app.bsky.feed.like"]);
    let refused = format!("{}/subscribe?wantedCollections=*", network.urls().jetstream);
    assert!(connect_async(refused).await.is_err());
}

#[tokio::test]
async fn a_cursor_goes_on_after_its_event_and_an_old_one_at_the_oldest() {
    let network = network(Config {
        jetstream_events: 50,
        ..Config::default()
    })
    .await;
    network.emit(300).await.unwrap();
    let all = Listener::connect(&network, "?cursor=1").await.all().await;
    assert_eq!(all.len(), 50, "clamped without a word");
    let cursor = &all[29]["time_us"];
    let rest = Listener::connect(&network, &format!("?cursor={cursor}")).await;
    let mut rest = rest;
    assert_eq!(rest.all().await, all[30..]);
    let mut live = Listener::connect(&network, "").await;
    assert!(live.all().await.is_empty());
    assert_eq!(
        network.jetstream().last_us(),
        all[49]["time_us"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn compressed_events_are_the_same_with_and_without_a_dictionary() {
    let network = network(Config::default()).await;
    network.emit(60).await.unwrap();
    let plain = Listener::connect(&network, "?cursor=0").await.all().await;
    let dictionary = serde_json::to_vec(&plain[..20]).unwrap();
    for dictionary in [None, Some(dictionary.as_slice())] {
        network.jetstream().dictionary(dictionary);
        let mut packed = Listener::connect(&network, "?cursor=0&compress=true").await;
        let mut unpacker = match dictionary {
            None => zstd::bulk::Decompressor::new(),
            Some(bytes) => zstd::bulk::Decompressor::with_dictionary(bytes),
        }
        .unwrap();
        for event in &plain {
            let Some(Message::Binary(bytes)) = packed.raw().await else {
                panic!("expected a binary message")
            };
            let text = unpacker.decompress(&bytes, 1 << 20).unwrap();
            assert_eq!(&serde_json::from_slice::<Value>(&text).unwrap(), event);
        }
    }
}

#[tokio::test]
async fn every_twist_is_what_it_says_and_is_counted() {
    let network = network(Config::default()).await;
    let jetstream = network.jetstream();
    for twist in [Twist::Lie, Twist::WrongCid, Twist::Drop, Twist::Duplicate] {
        jetstream.every(twist, 5);
        let mut live = Listener::connect(&network, "").await;
        network.emit(40).await.unwrap();
        let events = live.all().await;
        jetstream.every(twist, 0);
        let fired = jetstream.fired(twist) as usize;
        assert!(fired > 4, "{twist:?}");
        let lies = events
            .iter()
            .filter(|event| event["commit"]["record"]["notInTheRepository"].is_u64());
        assert_eq!(lies.count(), if twist == Twist::Lie { fired } else { 0 });
        let doubled = events.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert_eq!(doubled, if twist == Twist::Duplicate { fired } else { 0 });
    }
    jetstream.every(Twist::UnknownKind, 3);
    jetstream.every(Twist::Close, 20);
    let mut live = Listener::connect(&network, "").await;
    network.emit(60).await.unwrap();
    let events = live.all().await;
    assert_eq!(events.len(), 20);
    let unknown = events.iter().filter(|event| event["kind"] == "unheard-of");
    assert!(unknown.count() >= 4);
    assert_eq!(jetstream.fired(Twist::Close), 1);
}
