//! Aviary: an AT Protocol AppView host that grows by plugins.
//!
//! Data runs one way: [`ingest`] reads an upstream and appends entries to a [`queue`]; [`index`] moves them into the
//! [`store`]'s archive and feeds [`plugins`], whose rows go back into the store; [`serve`] reads the store.
//! `docs/ARCHITECTURE.md` draws it; a test holds the import rules.

#![deny(unsafe_code)]

pub mod app;
pub mod atproto;
pub mod cli;
pub mod clock;
pub mod config;
pub mod entry;
pub mod fault;
pub mod identity;
pub mod index;
pub mod ingest;
pub mod limits;
pub mod net;
pub mod plugins;
pub mod queue;
pub mod serve;
pub mod store;
pub mod telemetry;
