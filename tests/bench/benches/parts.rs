//! The parts of the path by themselves, on the vendored recording of a real network.
//!
//! Frames: decoding with and without hashing every block. Trees: undoing each commit of the medium recording, and
//! walking a large repository, where the shared data is there. Guests: one call of `index` on a fresh instance for batches
//! of several sizes, beside native Rust that does the same work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot go on stops"
)]

use std::sync::{Arc, OnceLock};

use aviary::atproto::car::CarSlice;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::frame::{CommitFrame, Frame, OpAction};
use aviary::atproto::mst::Walk;
use aviary::atproto::proof::prove_commit;
use aviary::atproto::{AtUri, json, syntax};
use aviary::plugins::{EngineOptions, Engines, Plugin, PluginOptions};
use aviary::store::{Change, ChangeState};
use aviary_tests::recording::Recording;
use aviary_tests::{guests, shared_data};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde::Deserialize;

const COLLECTION: &str = "app.bsky.feed.post";
const BATCHES: &[usize] = &[1, 16, 256, 4_096];

fn main() {
    println!(
        "Guests: the host never reuses an instance, each batch below runs on a fresh one. A consumer takes up to 256\n\
         changes at once. A batch of 4,096 is never made: its single instance serves so many changes that starting it no\n\
         longer counts, so it shows the most that reusing instances could give."
    );
    divan::main();
}

/// The recording's frames.
fn frames() -> &'static [Vec<u8>] {
    static FRAMES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FRAMES.get_or_init(|| frames_of(&Recording::small()))
}

fn frames_of(recording: &Recording) -> Vec<Vec<u8>> {
    let bytes = recording.frames();
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some((head, tail)) = rest.split_first_chunk() {
        let (frame, tail) = tail.split_at(u32::from_be_bytes(*head) as usize);
        frames.push(frame.to_vec());
        rest = tail;
    }
    frames
}

/// The medium recording's commits, read and hashed; the vendored recording's where it is absent.
fn commits() -> &'static [(
    CommitFrame<'static>,
    CommitObject<'static>,
    CarSlice<'static>,
)] {
    type Commits = Vec<(
        CommitFrame<'static>,
        CommitObject<'static>,
        CarSlice<'static>,
    )>;
    static COMMITS: OnceLock<Commits> = OnceLock::new();
    COMMITS.get_or_init(|| {
        let medium = Recording::shared("medium").map(|recording| frames_of(&recording));
        let frames = medium.unwrap_or_else(|| frames().to_vec()).leak();
        let commits = frames
            .iter()
            .filter_map(|f| match Frame::decode(f).unwrap() {
                Frame::Commit(frame) => Some(frame),
                _ => None,
            });
        commits
            .map(|frame| {
                let car = CarSlice::read(frame.blocks).unwrap();
                let object = CommitObject::decode(car.get(&frame.commit).unwrap()).unwrap();
                (frame, object, car)
            })
            .collect()
    })
}

/// Enough posts for the largest batch, each with its JSON made.
fn posts() -> &'static [Arc<Change>] {
    static POSTS: OnceLock<Vec<Arc<Change>>> = OnceLock::new();
    POSTS.get_or_init(|| {
        let found: Vec<Arc<Change>> = frames().iter().flat_map(|f| posts_of(f)).collect();
        found.iter().cycle().take(4_096).cloned().collect()
    })
}

fn posts_of(frame: &[u8]) -> Vec<Arc<Change>> {
    let Ok(Frame::Commit(commit)) = Frame::decode(frame) else {
        return Vec::new();
    };
    let car = CarSlice::read(commit.blocks).unwrap();
    let wanted = commit
        .ops
        .iter()
        .filter(|op| op.action != OpAction::Delete && op.path.starts_with(COLLECTION))
        .filter(|op| op.path.as_bytes().get(COLLECTION.len()) == Some(&b'/'));
    wanted
        .map(|op| {
            let (collection, rkey) = syntax::split_path(op.path).unwrap();
            let cid = op.cid.unwrap();
            let state = ChangeState::Live {
                rev: commit.rev,
                cid,
                seen_us: 1_785_000_000_000_000,
                body: Bytes::copy_from_slice(car.get(&cid).unwrap()),
            };
            let did = commit.repo.clone();
            let uri = AtUri {
                did,
                collection,
                rkey,
            };
            let change = Change::new((0, 1), (1, 1), uri, state);
            change.json().unwrap();
            Arc::new(change)
        })
        .collect()
}

fn frames_total() -> (ItemsCount, BytesCount) {
    let bytes: usize = frames().iter().map(Vec::len).sum();
    (ItemsCount::new(frames().len()), BytesCount::new(bytes))
}

#[divan::bench]
fn frames_decoded(bencher: Bencher<'_, '_>) {
    let (items, bytes) = frames_total();
    bencher.counter(items).counter(bytes).bench(|| {
        for frame in frames() {
            divan::black_box(Frame::decode(frame).unwrap());
        }
    });
}

#[divan::bench]
fn frames_decoded_and_every_block_hashed(bencher: Bencher<'_, '_>) {
    let (items, bytes) = frames_total();
    bencher.counter(items).counter(bytes).bench(|| {
        for frame in frames() {
            if let Frame::Commit(commit) = Frame::decode(frame).unwrap() {
                divan::black_box(CarSlice::read(commit.blocks).unwrap());
            }
        }
    });
}

/// Without the hashing of blocks, which is measured above.
#[divan::bench]
fn commits_undone(bencher: Bencher<'_, '_>) {
    let items = ItemsCount::new(commits().len());
    bencher.counter(items).bench(|| {
        for (frame, object, car) in commits() {
            prove_commit(frame, object, car).unwrap();
        }
    });
}

/// A repository of 11,585 records: its CAR read and hashed, its tree walked.
#[divan::bench]
fn repository_walked(bencher: Bencher<'_, '_>) {
    let name = "conformance/repo-stream-crate/car-samples/midsize.car";
    let Some(bytes) = shared_data::read(name) else {
        return;
    };
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let car = CarSlice::read(&bytes).unwrap();
        divan::black_box(records_walked(&car))
    });
}

/// The same without hashing.
#[divan::bench]
fn repository_walked_of_hashed_blocks(bencher: Bencher<'_, '_>) {
    let name = "conformance/repo-stream-crate/car-samples/midsize.car";
    let Some(bytes) = shared_data::read(name) else {
        return;
    };
    let car = CarSlice::read(&bytes).unwrap();
    let bytes = BytesCount::new(bytes.len());
    bencher
        .counter(bytes)
        .bench(|| divan::black_box(records_walked(&car)));
}

fn records_walked(car: &CarSlice<'_>) -> usize {
    let commit = CommitObject::decode(car.get(&car.root()).unwrap()).unwrap();
    let get = |cid: &_| Ok::<_, std::convert::Infallible>(car.get(cid));
    let mut walk = Walk::new(commit.data, get).unwrap();
    let mut records = 0;
    while walk.next().unwrap().is_some() {
        records += 1;
    }
    records
}

#[divan::bench]
fn records_as_json(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(posts().len())).bench(|| {
        let mut text = String::new();
        for change in posts() {
            if let ChangeState::Live { body, .. } = &change.state {
                text.clear();
                json::write(body, &mut text).unwrap();
                divan::black_box(&text);
            }
        }
    });
}

#[divan::bench(args = BATCHES)]
fn guest_posts_fresh_instance(bencher: Bencher<'_, '_>, batch: usize) {
    static PLUGIN: OnceLock<Arc<Plugin>> = OnceLock::new();
    let plugin = PLUGIN.get_or_init(|| {
        let engines = Engines::new(EngineOptions::default()).unwrap();
        Plugin::load(&engines, &guests::bytes("posts"), &PluginOptions::default()).unwrap()
    });
    let changes = &posts()[..batch];
    bencher
        .counter(ItemsCount::new(batch))
        .bench(|| plugin.index(divan::black_box(changes)));
}

/// What the posts plugin reads of a record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    text: String,
    created_at: String,
    #[serde(default)]
    langs: Vec<String>,
    reply: Option<Reply>,
}

#[derive(Deserialize)]
struct Reply {
    parent: Reference,
    root: Reference,
}

#[derive(Deserialize)]
struct Reference {
    uri: String,
}

#[divan::bench(args = BATCHES)]
fn native_posts(bencher: Bencher<'_, '_>, batch: usize) {
    let changes = &posts()[..batch];
    bencher.counter(ItemsCount::new(batch)).bench(|| {
        let rows = changes.iter().filter_map(|change| {
            let text = change.json().ok()??;
            let post: Post = serde_json::from_str(&text).ok()?;
            let (parent, root) = post.reply.map(|r| (r.parent.uri, r.root.uri)).unzip();
            Some((
                post.text,
                post.created_at,
                post.langs.join(" "),
                parent,
                root,
            ))
        });
        divan::black_box(rows.collect::<Vec<_>>())
    });
}
