//! Recordings: the frames of the same world, its documents and its truth.

use aviary_simnet::{Config, World, record};
use serde_json::Value;

fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut frames, mut rest) = (Vec::new(), bytes);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (frame, next) = after.split_at(u32::from_be_bytes(*length) as usize);
        frames.push(frame);
        rest = next;
    }
    assert!(rest.is_empty());
    frames
}

#[test]
fn a_recording_is_the_world_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        accounts: 30,
        seed: 5,
        ..Config::default()
    };
    let out = dir.path().join("new");
    let summary = record::record(&config, 600, &out, |_| {}).unwrap();
    let read = |name: &str| std::fs::read(out.join(name)).unwrap();
    let bytes = read("frames.bin");
    assert_eq!(
        (summary.events, summary.frames_bytes),
        (600, bytes.len() as u64)
    );
    let mut world = World::new(&config).unwrap();
    for frame in frames(&bytes) {
        assert!(frame == world.next_frame().unwrap().bytes);
    }
    assert_eq!(world.seq(), 600);
    let truth: Value = serde_json::from_slice(&read("truth.json")).unwrap();
    assert_eq!(truth, world.truth().unwrap().to_json());
    let documents: Value = serde_json::from_slice(&read("plc.json")).unwrap();
    for account in world.accounts() {
        assert_eq!(
            documents[&account.did]["doc"],
            account.document(record::PDS_ENDPOINT)
        );
    }
    assert_eq!(documents.as_object().unwrap().len(), summary.accounts);
}
