use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::atproto::Cid;
use crate::entry::Action;
use crate::queue::ChannelQueue;

const NOW_US: i64 = 1_800_000_000_000_000;
const HEAD: &str = r#""did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz""#;

fn events(patterns: &[&str]) -> (Events, Arc<dyn Queue>) {
    let queue: Arc<dyn Queue> = Arc::new(ChannelQueue::new());
    let parts = EventsParts {
        queue: Arc::clone(&queue),
        partitions: 1,
        counters: Arc::new(Counters::new()),
        clock: Clock::from_fn(|| NOW_US),
        identities: None,
        pulse: Arc::new(Pulse::new(Clock::from_fn(|| NOW_US))),
        prover: None,
        returns: None,
    };
    let mut events = Events::new(Source("test".into()), parts, None);
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    assert_eq!(events.want(&patterns, None), None);
    (events, queue)
}

fn commit(time_us: i64, collection: &str, rest: &str) -> String {
    format!(
        r#"{{{HEAD},"time_us":{time_us},"kind":"commit","commit":{{"rev":"3mptbypluud2a","collection":"{collection}","rkey":"k",{rest}}}}}"#
    )
}

/// What the messages become, without marks.
async fn entries(events: &mut Events, queue: &dyn Queue, messages: &[String]) -> Vec<Entry> {
    for message in messages {
        events.accept(message).await.unwrap();
    }
    events.flush().await.unwrap();
    let batch = queue.read(100).await.unwrap().unwrap();
    let entries = batch.entries.iter().map(|(_, entry)| entry.clone());
    entries
        .filter(|entry| !matches!(entry, Entry::Mark { .. }))
        .collect()
}

#[tokio::test]
async fn wanted_operations_become_records_and_bad_ones_desynchronize() {
    let (mut events, queue) = events(&["a.b.c"]);
    // The CID of {"x":1}, by another implementation: sha-256 of a1 61 78 01.
    let cid = Cid::of_dag_cbor(b"\xa1\x61x\x01");
    let record = r#""operation":"create","record":{"x":1}"#;
    let messages = [
        commit(NOW_US, "a.b.c", &format!(r#"{record},"cid":"{cid}""#)),
        commit(NOW_US + 1, "x.y.z", record),
        commit(NOW_US + 2, "a.b.c", r#""operation":"delete""#),
        commit(
            NOW_US + 3,
            "a.b.c",
            &format!(r#"{record},"cid":"{}""#, Cid::of_dag_cbor(b"\xa0")),
        ),
        commit(
            NOW_US + 4,
            "a.b.c",
            r#""operation":"update","record":{"x":1.5}"#,
        ),
        commit(NOW_US + 5, "a.b.c", r#""operation":"update","record":[1]"#),
        commit(NOW_US + 6, "a.b.c", r#""operation":"merge""#),
    ];
    let entries = entries(&mut events, &*queue, &messages).await;
    assert_eq!(entries.len(), 6);
    let Entry::Records(put) = &entries[0] else {
        panic!("expected records, got {:?}", entries[0])
    };
    assert_eq!(put.trust, Trust::UnverifiedStream);
    assert!(matches!(&put.ops[0].action, Action::Put { body, .. } if **body == *b"\xa1\x61x\x01"));
    assert!(matches!(&entries[1], Entry::Records(r) if matches!(r.ops[0].action, Action::Delete)));
    for (entry, reason) in entries[2..]
        .iter()
        .zip(["with the CID", "1.5", "object", "merge"])
    {
        let Entry::Desync(desync) = entry else {
            panic!("expected a desync, got {entry:?}")
        };
        assert!(
            desync.lost[0].reason.contains(reason),
            "{}",
            desync.lost[0].reason
        );
        assert_eq!(
            (desync.lost[0].path.as_str(), desync.follow),
            ("a.b.c/k", false)
        );
    }
    let count = |counter| events.counters().get(counter);
    assert_eq!((count(Counter::Ops), count(Counter::OpsRejected)), (2, 4));
    assert_eq!(count(Counter::CommitsOutOfScope), 1);
    assert_eq!(events.last_us(), Some(NOW_US + 6));
}

#[tokio::test]
async fn what_is_no_message_or_from_the_future_does_not_move_the_cursor() {
    let (mut events, _queue) = events(&["a.b.c"]);
    let ahead_us = NOW_US + limits::JETSTREAM_AHEAD_US_MAX;
    for message in [
        "{".to_owned(),
        commit(ahead_us + 1, "x.y.z", r#""operation":"delete""#),
    ] {
        assert_eq!(events.accept(&message).await.unwrap(), None);
    }
    assert_eq!(events.last_us(), None);
    let unknown = format!(r#"{{{HEAD},"time_us":{NOW_US},"kind":"later"}}"#);
    assert_eq!(events.accept(&unknown).await.unwrap(), Some(NOW_US));
    assert_eq!(events.counters().get(Counter::FramesUnknown), 1);
    let rejected = events.counters().snapshot().rejected;
    assert_eq!(
        (rejected["jetstream-message"], rejected["jetstream-time"]),
        (1, 1)
    );
}

#[tokio::test]
async fn a_mark_names_the_latest_time_though_events_come_out_of_order() {
    let (mut events, queue) = events(&["a.b.c"]);
    for time_us in [NOW_US, NOW_US + 9, NOW_US + 4] {
        let delete = commit(time_us, "a.b.c", r#""operation":"delete""#);
        events.accept(&delete).await.unwrap();
    }
    events.flush().await.unwrap();
    let batch = queue.read(100).await.unwrap().unwrap();
    let marked = AtomicI64::new(0);
    for (_, entry) in &batch.entries {
        if let Entry::Mark { seq, .. } = entry {
            marked.fetch_max(*seq, Ordering::Relaxed);
        }
    }
    assert_eq!(marked.into_inner(), NOW_US + 9);
}

#[tokio::test]
async fn collections_that_are_wanted_late_are_a_gap() {
    let (mut events, _queue) = events(&["a.b.c", "x.y.*"]);
    let list = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        events.want(&list(&["x.y.*", "a.b.c", "x.y.z"]), Some(7)),
        None
    );
    let gap = events
        .want(&list(&["x.y.*", "d.e.f", "x.*"]), Some(7))
        .unwrap();
    assert_eq!(gap.collections, ["d.e.f", "x.*"]);
    assert_eq!(
        (gap.from_us, gap.to_us, gap.reason),
        (0, 7, GapReason::Added)
    );
    let back = events.want(&list(&["a.b.c"]), None).unwrap();
    assert_eq!((back.to_us, back.collections), (NOW_US, list(&["a.b.c"])));
}

#[tokio::test]
async fn what_waits_behind_a_proof_keeps_its_order_and_holds_the_mark() {
    let (mut events, queue) = events(&["a.b.c"]);
    let options = crate::net::NetOptions {
        allowed: crate::config::AllowedHosts::default(),
        dns: Arc::new(crate::net::SystemDns::new().unwrap()),
    };
    // Nobody is known: every proof ends without one, and asks no network.
    events.parts.prover = Some(Prover {
        client: crate::net::Client::new(options).unwrap(),
        identities: Arc::new(Identities::fixed([])),
        percent: 100,
    });
    let put = r#""operation":"create","record":{"x":1}"#;
    let identity = format!(
        r#"{{{HEAD},"time_us":{},"kind":"identity","identity":{{}}}}"#,
        NOW_US + 2
    );
    let delete = commit(NOW_US + 3, "a.b.c", r#""operation":"delete""#);
    let messages = [
        commit(NOW_US + 1, "a.b.c", put),
        identity,
        delete,
        identity_of_another(NOW_US + 4),
    ];
    for message in &messages {
        events.accept(message).await.unwrap();
    }
    assert_eq!(events.last_us(), Some(NOW_US + 4));
    assert_eq!(events.handed_us(), Some(NOW_US));
    assert_eq!(queue.len(), 1, "another account does not wait");
    let checked = events.checked().await.unwrap();
    events.finish(checked).await.unwrap();
    assert_eq!(events.handed_us(), Some(NOW_US + 4));
    let all = entries(&mut events, &*queue, &[]).await;
    let kinds: Vec<&str> = all
        .iter()
        .map(|entry| match entry {
            Entry::Identity(identity) if identity.seq == NOW_US + 4 => "another",
            Entry::Identity(_) => "identity",
            Entry::Records(records) if matches!(records.ops[0].action, Action::Delete) => "delete",
            Entry::Records(_) => "put",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["another", "put", "identity", "delete"]);
    assert_eq!(events.counters().get(Counter::StreamOpsUnproven), 2);
}

fn identity_of_another(time_us: i64) -> String {
    format!(
        r#"{{"did":"did:plc:z72i7hdynmk6r22z27h6tvur","time_us":{time_us},"kind":"identity","identity":{{}}}}"#
    )
}
