//! One connection of a Jetstream.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use zstd::bulk::Compressor;

use super::filter::Filter;
use super::{Jetstream, Twist};
use crate::network::Shared;
use crate::{Error, Result, limits};

/// Bytes that a bomb grows to.
const BOMB_BYTES: usize = 256 << 20;

/// What a connection asks for in its query and headers.
#[derive(Default)]
struct Options {
    collections: Vec<String>,
    dids: Vec<String>,
    cursor_us: Option<u64>,
    hello: bool,
    compress: bool,
}

impl Options {
    fn read(uri: &Uri, headers: &HeaderMap) -> std::result::Result<Options, String> {
        let mut options = Options {
            compress: headers
                .get("socket-encoding")
                .is_some_and(|value| value.as_bytes() == b"zstd"),
            ..Options::default()
        };
        let query: Vec<(String, String)> = axum::extract::Query::try_from_uri(uri)
            .map_err(|error| error.body_text())?
            .0;
        for (key, value) in query {
            match key.as_str() {
                "wantedCollections" => options.collections.push(value),
                "wantedDids" => options.dids.push(value),
                "cursor" => {
                    let cursor = value.parse();
                    options.cursor_us =
                        Some(cursor.map_err(|_| format!("invalid cursor: {value}"))?);
                }
                "requireHello" => options.hello = value == "true",
                "compress" => options.compress |= value == "true",
                _ => {}
            }
        }
        Ok(options)
    }
}

/// Answers the upgrade; a query that cannot be is refused.
pub(super) async fn subscribe(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let refused = |message: String| (StatusCode::BAD_REQUEST, message).into_response();
    let options = match Options::read(&uri, &headers) {
        Ok(options) => options,
        Err(message) => return refused(message),
    };
    let filter = match Filter::new(&options.collections, &options.dids) {
        Ok(filter) => filter,
        Err(message) => return refused(message),
    };
    let query = uri.query().unwrap_or_default().to_owned();
    let tasks = shared.tasks.clone();
    upgrade.on_upgrade(move |socket| {
        tasks.track_future(async move {
            shared.jetstream.note_connection(query);
            if let Err(error) = connection(&shared, options, filter, socket).await {
                tracing::debug!(%error, "a client of the Jetstream is gone");
            }
        })
    })
}

async fn connection(
    shared: &Shared,
    options: Options,
    filter: Filter,
    socket: WebSocket,
) -> Result<()> {
    let jetstream = &shared.jetstream;
    let next = jetstream.from(options.cursor_us);
    let (filter, wanted) = watch::channel((!options.hello).then(|| Arc::new(filter)));
    let (mut sink, mut stream) = socket.split();
    let mut drops = jetstream.drops.subscribe();
    drops.mark_unchanged();
    let sent = tokio::select! {
        () = shared.stop.cancelled() => Ok(()),
        _ = drops.changed() => return Ok(()),
        () = listen(jetstream, &mut stream, filter) => Ok(()),
        sent = send(jetstream, next, options.compress, wanted, &mut sink) => sent,
    };
    sink.send(Message::Close(None)).await?;
    sent
}

/// Takes updates of the filter until the other side closes or says what it must not.
async fn listen(
    jetstream: &Jetstream,
    stream: &mut SplitStream<WebSocket>,
    filter: watch::Sender<Option<Arc<Filter>>>,
) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        match Filter::from_message(&text) {
            Ok(update) => {
                jetstream.updates.fetch_add(1, Ordering::Relaxed);
                filter.send_replace(Some(Arc::new(update)));
            }
            Err(error) => {
                tracing::debug!(error, "a client of the Jetstream said what it must not");
                return;
            }
        }
    }
}

async fn send(
    jetstream: &Jetstream,
    mut next: u64,
    compress: bool,
    mut wanted: watch::Receiver<Option<Arc<Filter>>>,
    sink: &mut SplitSink<WebSocket, Message>,
) -> Result<()> {
    let mut head = jetstream.head.subscribe();
    let mut packer = compress.then(|| packer(jetstream)).transpose()?;
    let closed = |_| Error::Inconsistent("the Jetstream ended".into());
    drop(wanted.wait_for(Option::is_some).await.map_err(closed)?);
    let mut sent = 0;
    loop {
        head.borrow_and_update();
        let Some((number, event)) = jetstream.event(next) else {
            sink.flush().await?;
            head.changed().await.map_err(closed)?;
            continue;
        };
        next = number + 1;
        let filter = wanted.borrow_and_update().clone();
        if !filter.is_some_and(|filter| filter.wants(&event)) {
            continue;
        }
        match &mut packer {
            None => sink.feed(Message::Text(event.text.as_str().into())).await?,
            Some(packer) => {
                if jetstream.due(Twist::Bomb) {
                    sink.feed(Message::Binary(bomb()?.into())).await?;
                }
                let packed = packer.compress(event.text.as_bytes())?;
                sink.feed(Message::Binary(packed.into())).await?;
            }
        }
        sent += 1;
        if sent % limits::SEND_BATCH_FRAMES as u64 == 0 {
            sink.flush().await?;
        }
        if jetstream.closes_after(sent) {
            return Ok(());
        }
    }
}

fn packer(jetstream: &Jetstream) -> Result<Compressor<'static>> {
    Ok(match jetstream.own_dictionary() {
        Some(dictionary) => Compressor::with_dictionary(3, &dictionary)?,
        None => Compressor::new(3)?,
    })
}

/// Few bytes that decompress to very many.
fn bomb() -> Result<Vec<u8>> {
    Ok(zstd::encode_all(
        std::io::Read::take(std::io::repeat(b' '), BOMB_BYTES as u64),
        3,
    )?)
}
