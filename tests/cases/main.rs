//! The one integration test binary: a file for each subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case that cannot go on fails"
)]

mod architecture;
mod archive;
mod car;
mod cbor;
mod component;
mod components;
mod crash;
mod frame;
mod gate;
mod lexicon;
mod recording;
mod replay;
mod rows;
mod sandbox;
mod simnet;
mod spine;
mod syntax;
