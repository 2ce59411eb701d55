//! `aviary replay` with damaged files: what is bad is named, everything around it is indexed.

use aviary_tests::recording::Recording;
use aviary_tests::{Backend, Place, dump, host, on_both, place};
use serde_json::Value;

on_both!(
    a_frame_that_does_not_decode_is_counted_with_its_offset_and_the_rest_is_indexed,
    a_bad_length_ends_the_file_with_its_place_and_keeps_what_came_before,
    replaying_a_prefix_and_then_all_of_it_twice_changes_nothing
);

/// Offsets of each frame's length in a file of frames.
fn offsets(frames: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut found = Vec::new();
    while at + 4 <= frames.len() {
        found.push(at);
        let length = u32::from_be_bytes(frames[at..at + 4].try_into().expect("four bytes"));
        at += 4 + length as usize;
    }
    found
}

struct Replayed {
    code: Option<i32>,
    summary: Value,
    log: String,
}

async fn replay(frames: &[u8], place: &Place) -> Replayed {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("damaged.bin"), frames).expect("a file");
    let store = place.url();
    let plugins = place::plugins_dir(&["statusphere", "posts", "likes"]);
    let plugins_dir = plugins.path().to_str().expect("utf-8");
    let args = [
        "replay",
        "damaged.bin",
        "--store",
        &store,
        "--archive",
        "all",
        "--plugins",
        plugins_dir,
        "--json",
    ];
    let out = host::command(&args, dir.path())
        .env("AVIARY_LOG_LEVEL", "warn")
        .output()
        .await
        .expect("aviary replay");
    Replayed {
        code: out.status.code(),
        summary: serde_json::from_slice(&out.stdout).unwrap_or(Value::Null),
        log: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

async fn a_frame_that_does_not_decode_is_counted_with_its_offset_and_the_rest_is_indexed(
    backend: Backend,
) {
    let clean = Recording::small().frames();
    let at = offsets(&clean);
    // The middle frame's header becomes something that no CBOR decoder takes.
    let bad = at[at.len() / 2];
    let mut damaged = clean.clone();
    damaged[bad + 4] = 0xff;

    let (dir, whole) = (Place::new(backend).await, Place::new(backend).await);
    let replayed = replay(&damaged, &dir).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.log);
    assert_eq!(replayed.summary["events"], at.len());
    assert_eq!(replayed.summary["rejected"]["frame"], 1);
    assert!(
        replayed.log.contains(&bad.to_string()),
        "the log does not name byte {bad}: {}",
        replayed.log
    );

    let reference = replay(&clean, &whole).await;
    assert_eq!(reference.summary["rejected"], serde_json::json!({}));
    let (damaged, clean) = (dump::of_place(&dir).await, dump::of_place(&whole).await);
    let missing = clean["record"].len().abs_diff(damaged["record"].len());
    assert!(missing <= 200, "one frame cost {missing} records");
    assert!(damaged["record"].len() > 300);
}

async fn a_bad_length_ends_the_file_with_its_place_and_keeps_what_came_before(backend: Backend) {
    let clean = Recording::small().frames();
    let at = offsets(&clean);
    let (cut, good) = (at[at.len() / 2], at.len() / 2);
    let mut damaged = clean.clone();
    damaged[cut..cut + 4].copy_from_slice(&u32::MAX.to_be_bytes());

    let (dir, part) = (Place::new(backend).await, Place::new(backend).await);
    let replayed = replay(&damaged, &dir).await;
    assert_eq!(replayed.code, Some(1), "{}", replayed.log);
    assert!(
        replayed.log.contains(&format!("byte {cut}")),
        "{}",
        replayed.log
    );
    assert_eq!(replayed.summary["events"], good);

    // Exactly what a file with only those frames gives.
    assert_eq!(replay(&clean[..cut], &part).await.code, Some(0));
    dump::assert_same(&dump::of_place(&dir).await, &dump::of_place(&part).await);
}

async fn replaying_a_prefix_and_then_all_of_it_twice_changes_nothing(backend: Backend) {
    let clean = Recording::small().frames();
    let at = offsets(&clean);
    let (once, again) = (Place::new(backend).await, Place::new(backend).await);
    assert_eq!(replay(&clean, &once).await.code, Some(0));
    for end in [at[at.len() / 3], clean.len(), clean.len()] {
        assert_eq!(replay(&clean[..end], &again).await.code, Some(0));
    }
    dump::assert_same(&dump::of_place(&once).await, &dump::of_place(&again).await);
}
