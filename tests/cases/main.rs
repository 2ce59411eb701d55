//! The one integration test binary: a file for each subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case that cannot go on fails"
)]

mod adversary;
mod architecture;
mod archive;
mod backfill;
mod bundled;
mod car;
mod cbor;
mod component;
mod components;
mod crash;
mod crash_points;
mod crypto;
mod describe;
mod did_document;
mod failover;
mod frame;
mod fuzz_corpus;
mod gate;
mod hosts;
mod identity;
mod jetstream;
mod lexicon;
mod metrics;
mod moving;
mod mst;
mod net;
mod oracle;
mod postgres_harm;
mod proof;
mod queue;
mod recording;
mod replay;
mod rows;
mod sandbox;
mod services;
mod simnet;
mod spine;
mod syntax;
