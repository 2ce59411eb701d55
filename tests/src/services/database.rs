//! A Postgres database of one case's own.
//!
//! Guarantees: fresh and empty; dropped with its handle, together with the roles that are named after it, also when
//! the case fails. Databases of processes that no longer run are dropped by the first that comes after.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::OnceCell;

use super::{BRINGS_UP, postgres_url};

const PREFIX: &str = "aviary_test_";

/// A database on the shared server. Dropped with this handle.
pub struct PrivateDatabase {
    name: String,
    url: String,
}

impl PrivateDatabase {
    /// Makes one.
    ///
    /// # Panics
    /// When the server is not there, or does not allow it.
    pub async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        static SWEPT: OnceCell<()> = OnceCell::const_new();
        let mut server = connect().await;
        SWEPT.get_or_init(sweep).await;
        // Of fixed width: no name begins with another one.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}_{number:04}", std::process::id());
        run(&mut server, &format!("create database {name}")).await;
        server.close().await.ok();
        let url = with_database(&postgres_url(), &name);
        Self { name, url }
    }

    /// Where it is: `postgres://…/NAME`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, with which the roles that are made for it begin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PrivateDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        // The case's own runtime may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let mut server = connect().await;
                discard(&mut server, &name).await;
            });
        });
        // A panic while another one is under way would abort; the next run sweeps.
        dropping.join().ok();
    }
}

/// The same server and options, another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = match url.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = address.split_once("://").expect("a URL of Postgres");
    let server = rest.split_once('/').map_or(rest, |(server, _)| server);
    format!("{scheme}://{server}/{name}{options}")
}

async fn connect() -> PgConnection {
    let url = postgres_url();
    PgConnection::connect(&url)
        .await
        .unwrap_or_else(|error| panic!("no Postgres at {url}: {error}\n{BRINGS_UP}"))
}

async fn run(server: &mut PgConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(server)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn discard(server: &mut PgConnection, name: &str) {
    run(
        server,
        &format!("drop database if exists {name} with (force)"),
    )
    .await;
    let roles: Vec<String> = sqlx::query_scalar(
        "select quote_ident(rolname) from pg_roles where starts_with(rolname, $1)",
    )
    .bind(name)
    .fetch_all(&mut *server)
    .await
    .expect("roles");
    for role in roles {
        run(server, &format!("drop role if exists {role}")).await;
    }
}

/// Discards what processes left that no longer run.
async fn sweep() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let mut server = connect().await;
    let names: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database where starts_with(datname, $1)
         union select substring(rolname from '^aviary_test_[0-9]+_[0-9]{4}') from pg_roles
           where rolname ~ '^aviary_test_[0-9]+_[0-9]{4}'",
    )
    .bind(PREFIX)
    .fetch_all(&mut server)
    .await
    .expect("databases");
    for name in names {
        let pid = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another run may be sweeping the same one.
            let sql = format!("drop database if exists {name} with (force)");
            let dropped = sqlx::query(AssertSqlSafe(sql)).execute(&mut server).await;
            if dropped.is_ok() {
                discard(&mut server, &name).await;
            }
        }
    }
}
