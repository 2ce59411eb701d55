use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::super::connection;
use super::fixture::{Database, role, server};
use super::*;
use crate::store::gate::fixture::{read, schema};
use crate::store::gate::{Dialect, compile};
use crate::store::rows::Value;

/// Carries bytes on until told to hang.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    hangs: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        if *hangs.borrow() {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            break;
        }
    }
}

/// The test's server behind a door that can hang; connections made after that are served again.
async fn door() -> (u16, watch::Sender<bool>) {
    let options = PgConnectOptions::from_str(&server()).unwrap();
    let address = (options.get_host().to_owned(), options.get_port());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (hangs, _) = watch::channel(false);
    let told = hangs.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(address.clone()).await.unwrap();
            let hanging = if *told.borrow() {
                watch::channel(false).1
            } else {
                told.subscribe()
            };
            let (client_in, client_out) = client.into_split();
            let (server_in, server_out) = server.into_split();
            tokio::spawn(carry(client_in, server_out, hanging.clone()));
            tokio::spawn(carry(server_in, client_out, hanging));
        }
    });
    (port, hangs)
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_connection_and_not_the_pool() {
    let db = Database::open(1).await;
    let (port, hangs) = door().await;
    let options = connection::reading(&server(), "aviary").unwrap();
    let options = options.host("127.0.0.1").port(port).database(&db.name);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false);
    let pool = pool.connect_with(options).await.unwrap();
    let count = read("", "n integer", "select count(*) from status");
    let count = compile(&count, &schema(), Dialect::Postgres).unwrap();
    let reads = Arc::new(Reads::from([("count".to_owned(), count)]));
    let session = || PostgresReadSession::new(pool.clone(), Arc::clone(&reads), role(&db.name));
    let mut first = session();
    let page = first.run("count", Vec::new()).await.unwrap();
    assert_eq!(page.rows, [[Value::Integer(4)]]);
    hangs.send(true).unwrap();
    let before = Instant::now();
    let error = first.run("count", Vec::new()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(before.elapsed() >= Duration::from_millis(limits::POSTGRES_ANSWER_MS_MAX));
    // The session has lost its snapshot and says so at once; the pool's only place is free again soon after.
    for _ in 0..2 {
        let again = first.run("count", Vec::new()).await.unwrap_err();
        assert!(matches!(again, StoreError::Unavailable(_)), "{again}");
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match session().run("count", Vec::new()).await {
            Ok(page) => break assert_eq!(page.rows, [[Value::Integer(4)]]),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}
