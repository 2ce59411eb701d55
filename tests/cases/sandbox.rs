//! Guests that misbehave on purpose cost themselves one change or one answer, and nothing else.

use std::sync::Arc;

use aviary::atproto::{AtUri, Cid, Tid};
use aviary::plugins::{EngineOptions, Engines, GuestOutcome, Plugin, PluginOptions, check_rows};
use aviary::store::{Change, ChangeState, DeadReason};
use aviary_tests::guests;

mod methods;
mod reads;

/// One engine for all tests of this file: it reserves its address space once.
fn engines() -> &'static Engines {
    static ENGINES: std::sync::OnceLock<Engines> = std::sync::OnceLock::new();
    ENGINES.get_or_init(|| Engines::new(EngineOptions::default()).expect("an engine"))
}

/// The guest that does what its settings' `mode` says.
fn hostile(mode: &str) -> Arc<Plugin> {
    let mut options = PluginOptions::default();
    options.settings.insert("mode".to_owned(), mode.into());
    Plugin::load(engines(), &guests::bytes("aviary_guest_hostile"), &options).expect("it loads")
}

fn change(collection: &str, rkey: &str, body: &[u8]) -> Arc<Change> {
    let uri = AtUri::parse(&format!(
        "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/{collection}/{rkey}"
    ))
    .unwrap();
    let state = ChangeState::Live {
        rev: Tid::parse("3kaaaaaaaaa22").unwrap(),
        cid: Cid::of_dag_cbor(body),
        seen_us: 1_700_000_000_000_000,
        body: body.to_vec().into(),
    };
    Arc::new(Change::new((0, 1), (1, 1), uri, state))
}

/// `n` records with the keys `r0`, `r1`, …
fn changes(n: usize) -> Vec<Arc<Change>> {
    (0..n)
        .map(|i| change("test.aviary.hostile", &format!("r{i}"), b"\xa0"))
        .collect()
}

/// What a mode makes of one change.
fn one(mode: &str) -> GuestOutcome {
    let mut outcomes = hostile(mode).index(&changes(1));
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn dead(outcome: &GuestOutcome) -> (DeadReason, &str) {
    match outcome {
        GuestOutcome::Dead { reason, detail } => (*reason, detail),
        other => panic!("expected a dead letter, got {other:?}"),
    }
}

/// The first column of the only row: the record key, as the guest writes it.
fn word(outcome: &GuestOutcome) -> String {
    match outcome {
        GuestOutcome::Apply(puts) => match &puts[0].row[0] {
            aviary::plugins::RawValue::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("expected rows, got {other:?}"),
    }
}

#[test]
fn each_way_to_fail_has_its_reason() {
    for (mode, reason, says) in [
        ("trap", DeadReason::Trap, "unreachable"),
        ("recurse", DeadReason::Trap, "wasm trap: "),
        ("loop", DeadReason::Timeout, "ran out of time"),
        ("grow-memory", DeadReason::Limit, "its limit is 67108864"),
        ("grow-pages", DeadReason::Limit, "its limit is 67108864"),
        ("flood-log", DeadReason::Limit, "10000 host calls"),
        ("flood-settings", DeadReason::Limit, "10000 host calls"),
        (
            "huge-string:20000000",
            DeadReason::Limit,
            "its limit is 67108864",
        ),
        ("million-rows", DeadReason::Limit, "its limit is 67108864"),
        ("million-rows:100000", DeadReason::Limit, "fuel"),
        (
            "wrong-count",
            DeadReason::Trap,
            "expected 1 outcomes, one for each change, got 0",
        ),
        (
            "too-many-outcomes",
            DeadReason::Trap,
            "expected 1 outcomes, one for each change, got 2",
        ),
    ] {
        let outcome = one(mode);
        let (got, detail) = dead(&outcome);
        assert_eq!(got, reason, "{mode}: {detail}");
        assert!(detail.contains(says), "{mode}: {detail}");
        assert!(detail.len() <= 1_024);
    }
}

#[test]
fn noise_within_bounds_is_only_noise() {
    for mode in [
        "ok",
        "flood-log:9999",
        "long-log",
        "slow-ms:50",
        "time-text",
    ] {
        assert_eq!(word(&one(mode)), "r0", "{mode}");
    }
    assert_eq!(one("skip"), GuestOutcome::Skip);
    assert_eq!(
        one("reject"),
        GuestOutcome::Reject("bad \0record\n".to_owned())
    );
    let GuestOutcome::Reject(reason) = one("long-reason") else {
        panic!("a rejection");
    };
    assert_eq!(reason.len(), 1_024);
}

#[test]
fn rows_are_held_against_the_manifest() {
    for (mode, says) in [
        ("million-rows:65", "at most 64 rows for one record, got 65"),
        ("bad-table", "expected a table's ordinal below 1, got 7"),
        ("wrong-arity", "things: expected 7 values, got 6"),
        ("wrong-types", "things.number: expected integer, got text"),
        ("null-value", "things.number: expected integer, got null"),
        ("nul-text", "things.word: expected text without NUL"),
        (
            "long-key",
            "things.word: expected at most 1024 bytes in a key or an index, got 10240",
        ),
        ("huge-string:300000", "at most 262144 bytes"),
        ("bad-uri", "things.link: expected a record's AT URI"),
        ("bad-did", "things.owner: expected a DID"),
        (
            "bad-time",
            "things.made_at: expected an RFC 3339 date-time, got \"yesterday\"",
        ),
        ("bad-json", "things.extra: expected a JSON document"),
        (
            "not-a-number",
            "things.share: expected a finite real, got NaN",
        ),
        ("infinite", "things.share: expected a finite real, got inf"),
        (
            "same-key",
            "things: expected one row for each key (_uri, word) of a record, got two",
        ),
    ] {
        let plugin = hostile(mode);
        let GuestOutcome::Apply(puts) = plugin.index(&changes(1)).remove(0) else {
            panic!("{mode}: rows");
        };
        let error = check_rows::rows(plugin.manifest(), puts).unwrap_err();
        assert!(error.contains(says), "{mode}: {error}");
    }
    let plugin = hostile("ok");
    let GuestOutcome::Apply(puts) = plugin.index(&changes(1)).remove(0) else {
        panic!("rows");
    };
    assert_eq!(check_rows::rows(plugin.manifest(), puts).unwrap().len(), 1);
}

#[test]
fn one_trap_in_256_costs_one_change() {
    let batch = changes(256);
    for bad in [0, 100, 255] {
        let outcomes = hostile(&format!("trap-on:r{bad}")).index(&batch);
        assert_eq!(outcomes.len(), 256);
        for (i, outcome) in outcomes.iter().enumerate() {
            if i == bad {
                assert_eq!(dead(outcome).0, DeadReason::Trap);
            } else {
                assert_eq!(word(outcome), format!("r{i}"));
            }
        }
    }
}

#[test]
fn a_loop_on_one_change_costs_one_change() {
    let outcomes = hostile("loop-on:r1").index(&changes(3));
    assert_eq!(word(&outcomes[0]), "r0");
    assert_eq!(dead(&outcomes[1]).0, DeadReason::Timeout);
    assert_eq!(word(&outcomes[2]), "r2");
}

#[test]
fn answers_that_are_too_much_together_are_given_apart() {
    // 40 rows of 1 MB each are within the fuel of a call alone and over it together.
    let outcomes = hostile("huge-string:1000000").index(&changes(40));
    assert_eq!(outcomes.len(), 40);
    for (i, outcome) in outcomes.iter().enumerate() {
        assert_eq!(word(outcome), format!("r{i}"));
    }
}

#[test]
fn no_state_outlives_a_call() {
    let plugin = hostile("static-state");
    let seen = |n| -> Vec<i64> {
        let outcomes = plugin.index(&changes(n));
        let number = |o: &GuestOutcome| match o {
            GuestOutcome::Apply(puts) => match puts[0].row[1] {
                aviary::plugins::RawValue::Integer(n) => n,
                ref other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        outcomes.iter().map(number).collect()
    };
    // The guest does count: within a call its state is there.
    assert_eq!(seen(3), [1, 2, 3]);
    assert_eq!(seen(2), [1, 2]);
}

#[test]
fn a_record_that_is_no_record_never_reaches_the_guest() {
    let mut batch = changes(3);
    batch[1] = change("test.aviary.hostile", "r1", b"\xff");
    let outcomes = hostile("ok").index(&batch);
    assert_eq!(word(&outcomes[0]), "r0");
    assert_eq!(dead(&outcomes[1]).0, DeadReason::BadRecord);
    assert_eq!(word(&outcomes[2]), "r2");
    assert!(hostile("trap").index(&[]).is_empty());
}

#[test]
fn plugins_run_without_a_pool_too() {
    let engines = Engines::new(EngineOptions {
        pooling: false,
        ..EngineOptions::default()
    })
    .unwrap();
    assert!(!engines.pooled());
    let mut options = PluginOptions::default();
    options
        .settings
        .insert("mode".to_owned(), "trap-on:r1".into());
    let plugin = Plugin::load(&engines, &guests::bytes("aviary_guest_hostile"), &options).unwrap();
    let outcomes = plugin.index(&changes(3));
    assert_eq!(word(&outcomes[0]), "r0");
    assert_eq!(dead(&outcomes[1]).0, DeadReason::Trap);
    assert_eq!(word(&outcomes[2]), "r2");
}

#[test]
fn more_callers_than_slots_all_get_their_answers() {
    const CALLERS: usize = 40;
    let plugin = hostile("slow-ms:5");
    let batch = changes(2);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| scope.spawn(|| plugin.index(&batch)))
            .collect();
        for caller in callers {
            let outcomes = caller.join().unwrap();
            assert_eq!(word(&outcomes[1]), "r1");
        }
    });
}

#[test]
fn a_bundled_plugin_makes_rows_of_a_real_record() {
    let plugin = Plugin::load(
        engines(),
        &guests::bytes("statusphere"),
        &PluginOptions::default(),
    )
    .unwrap();
    // {"$type": "xyz.statusphere.status", "status": "👍", "createdAt": "2026-01-02T03:04:05Z"}, keys by length.
    let mut body = vec![0xa3];
    for (key, value) in [
        ("$type", "xyz.statusphere.status"),
        ("status", "👍"),
        ("createdAt", "2026-01-02T03:04:05Z"),
    ] {
        for text in [key, value] {
            body.push(0x60 | u8::try_from(text.len()).unwrap());
            body.extend_from_slice(text.as_bytes());
        }
    }
    let outcomes = plugin.index(&[change("xyz.statusphere.status", "3kaaaaaaaaa22", &body)]);
    let GuestOutcome::Apply(puts) = outcomes[0].clone() else {
        panic!("{outcomes:?}");
    };
    let rows = check_rows::rows(plugin.manifest(), puts).unwrap();
    assert_eq!(rows[0].row[0], aviary::store::Value::Text("👍".to_owned()));
}
