//! The same guest behind XRPC: a call fails by itself, with its kind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aviary::limits;
use aviary::plugins::{HandleError, Payload, Plugin, XrpcRequest, XrpcResponse};
use aviary::store::partial::Partial;

use super::hostile;
use super::reads::{Asked, Reading};

fn request(mode: &str, n: i64) -> XrpcRequest {
    XrpcRequest {
        viewer: None,
        now_us: 1_700_000_000_000_000,
        languages: vec![],
        labelers: vec![],
        method: "test.aviary.hostile.call".to_owned(),
        params: format!("{{\"mode\":\"{mode}\",\"n\":{n}}}"),
        input: None,
    }
}

async fn call(
    plugin: &Plugin,
    mode: &str,
    n: i64,
) -> (Result<XrpcResponse, HandleError>, Arc<Asked>) {
    let store = Reading::default();
    let asked = Arc::clone(&store.0);
    (
        plugin
            .handle(request(mode, n), Arc::new(Partial(store)), 1)
            .await,
        asked,
    )
}

async fn json(plugin: &Plugin, mode: &str, n: i64) -> String {
    match call(plugin, mode, n).await.0 {
        Ok(XrpcResponse {
            body: Payload::Json(text),
            ..
        }) => text,
        other => panic!("{mode}: {other:?}"),
    }
}

async fn fails(plugin: &Plugin, mode: &str, n: i64) -> HandleError {
    call(plugin, mode, n).await.0.expect_err(mode)
}

#[tokio::test]
async fn answers_come_from_named_reads_over_one_snapshot() {
    let plugin = hostile("ok");
    assert_eq!(json(&plugin, "ok", 0).await, "{\"ok\":true}");
    assert_eq!(json(&plugin, "many-rows", 1_000).await, "{\"rows\":1000}");
    assert_eq!(
        json(&plugin, "many-records", 100).await,
        "{\"records\":100}"
    );
    let (answer, asked) = call(
        &plugin,
        "flood-reads",
        i64::from(limits::READS_PER_CALL_MAX),
    )
    .await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(
        asked.reads.load(Ordering::SeqCst),
        limits::READS_PER_CALL_MAX
    );
    assert_eq!(asked.sessions.load(Ordering::SeqCst), 1);
    let (_, asked) = call(&plugin, "ok", 0).await;
    assert_eq!(
        asked.sessions.load(Ordering::SeqCst),
        0,
        "no read opens no snapshot"
    );
}

#[tokio::test]
async fn each_way_to_fail_has_its_kind() {
    let plugin = hostile("ok");
    assert!(matches!(
        fails(&plugin, "trap", 0).await,
        HandleError::Trap(_)
    ));
    assert!(matches!(
        fails(&plugin, "recurse", 0).await,
        HandleError::Trap(_)
    ));
    assert_eq!(fails(&plugin, "loop", 0).await, HandleError::Timeout);
    for (mode, n) in [
        ("grow-memory", 0),
        ("grow-pages", 0),
        ("flood-log", 0),
        ("flood-settings", 0),
        ("flood-reads", 17),
        ("flood-records", 17),
        ("many-records", 101),
        ("huge-answer", 20_000_000),
    ] {
        let error = fails(&plugin, mode, n).await;
        assert!(matches!(error, HandleError::Limit(_)), "{mode}: {error}");
    }
    for (mode, n) in [
        ("huge-answer", 5_000_000),
        ("bad-json", 0),
        ("bytes", 0),
        ("bad-status", 200),
        ("bad-status", 400),
    ] {
        let error = fails(&plugin, mode, n).await;
        assert!(
            matches!(error, HandleError::BadResponse(_)),
            "{mode}: {error}"
        );
    }
}

#[tokio::test]
async fn a_read_that_goes_wrong_is_the_guests_to_answer_for() {
    let plugin = hostile("ok");
    for (mode, n, name) in [
        ("unknown-read", 0, "UnknownRead"),
        ("bad-params", 0, "BadParams"),
        ("missing-params", 0, "BadParams"),
        ("long-list", 1, "BadParams"),
        ("many-rows", 1_000_000, "TooManyRows"),
    ] {
        let failure = fails(&plugin, mode, n).await;
        let HandleError::Xrpc { error, status, .. } = failure else {
            panic!("{mode}: {failure}");
        };
        assert_eq!((error.as_str(), status), (name, 500), "{mode}");
    }
    let down = Reading(Arc::new(Asked {
        down: true,
        ..Asked::default()
    }));
    let told = plugin
        .handle(request("many-rows", 1), Arc::new(Partial(down.clone())), 1)
        .await;
    assert!(matches!(told, Err(HandleError::Xrpc { error, .. }) if error == "Unavailable"));
    let untold = plugin
        .handle(request("many-records", 1), Arc::new(Partial(down)), 1)
        .await;
    assert!(
        matches!(untold, Err(HandleError::Unavailable(_))),
        "{untold:?}"
    );
}

#[tokio::test]
async fn no_state_outlives_a_call() {
    let plugin = hostile("ok");
    for _ in 0..3 {
        assert_eq!(json(&plugin, "static-state", 0).await, "{\"count\":1}");
    }
}

/// On one thread: a guest that loops lets others run at each tick of its time.
#[tokio::test(flavor = "current_thread")]
async fn a_loop_does_not_hold_its_thread() {
    let plugin = hostile("ok");
    let looping = tokio::spawn({
        let plugin = Arc::clone(&plugin);
        async move { fails(&plugin, "loop", 0).await }
    });
    tokio::task::yield_now().await;
    for _ in 0..10 {
        assert_eq!(json(&plugin, "ok", 0).await, "{\"ok\":true}");
    }
    assert!(
        !looping.is_finished(),
        "it still had time when the others were done"
    );
    assert_eq!(looping.await.unwrap(), HandleError::Timeout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_slots_all_get_their_answers() {
    let plugin = hostile("ok");
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let plugin = Arc::clone(&plugin);
            tokio::spawn(async move { json(&plugin, "many-rows", 10).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "{\"rows\":10}");
    }
}
