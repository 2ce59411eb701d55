//! Plugin rows in a store: the laws that hold for any plugin, over a seeded world with updates, deletes, duplicate
//! likes, two claims on one key, accounts that hide and come back, and records that a plugin cannot use.
//!
//! What is expected is computed from the world itself (`world.rs`), never from the store.

mod erasing;
mod grants;
mod laws;
mod letters;
mod plugin;
mod registering;
mod sharing;
mod tables;
mod unheard;
mod world;
