//! The Postgres and the Redis that cases use: shared servers with a place of one's own on each, and private servers
//! for cases that harm them.
//!
//! Guarantees: `cargo xtask test` names the servers in the environment; without it the local defaults are tried. What
//! a case makes on a shared server has a name of its own and goes when its handle is dropped; what a killed run left
//! behind goes at the next run. Nothing here empties or stops a server that it did not start.

mod database;
mod keys;
mod private_postgres;
mod private_redis;

pub use database::PrivateDatabase;
pub use keys::RedisPrefix;
pub use private_postgres::PrivatePostgres;
pub use private_redis::PrivateRedis;

/// What a case says when a server is not there.
const BRINGS_UP: &str = "`cargo xtask test` brings Postgres and Redis up by itself; for a case alone, start them or \
                         name them in AVIARY_TEST_POSTGRES and AVIARY_TEST_REDIS";

/// The shared Postgres server, with a database to connect to: a role that may create databases and roles.
#[must_use]
pub fn postgres_url() -> String {
    std::env::var("AVIARY_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into())
}

/// The shared Redis server.
#[must_use]
pub fn redis_url() -> String {
    std::env::var("AVIARY_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".into())
}

/// Keys of one case's own on the shared Redis server, deleted with the handle.
#[must_use]
pub fn redis_prefix() -> RedisPrefix {
    RedisPrefix::new()
}
