//! `com.atproto.sync.subscribeRepos`: the event stream over WebSocket.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Result;
use crate::faults::{Fault, Sent};
use crate::frame::{self, Frame};
use crate::http::{Params, XrpcError};
use crate::limits;
use crate::network::{Admission, Consumer, Shared};

type Sink = SplitSink<WebSocket, Message>;

/// Why a connection ends.
enum End {
    /// With a close message.
    Close,
    /// With an error frame and a close message.
    Error(&'static str, String),
    /// Without a word, or because the other side is gone.
    Silently,
}

/// Answers the upgrade; a cursor that is not a number is refused.
pub(crate) async fn subscribe(
    State(shared): State<Arc<Shared>>,
    params: Params,
    upgrade: WebSocketUpgrade,
) -> Response {
    let cursor = match params.number("cursor") {
        Ok(cursor) => cursor,
        Err(error) => return XrpcError::into_response(error),
    };
    let tasks = shared.tasks.clone();
    upgrade.on_upgrade(move |socket| {
        tasks.track_future(async move {
            let (mut sink, mut stream) = socket.split();
            let end = connection(&shared, cursor, &mut sink, &mut stream).await;
            last_word(end, sink, stream).await;
        })
    })
}

async fn connection(
    shared: &Arc<Shared>,
    cursor: Option<u64>,
    sink: &mut Sink,
    stream: &mut SplitStream<WebSocket>,
) -> End {
    let (place, outdated) = match Admission::of(shared, cursor) {
        Admission::At { place, outdated } => (place, outdated),
        Admission::Future(head) => {
            return End::Error(
                "FutureCursor",
                format!("the cursor is in the future: the last event is {head}"),
            );
        }
    };
    let consumer = &place.consumer;
    tokio::select! {
        () = shared.stop.cancelled() => End::Close,
        () = consumer.dropped.cancelled() => End::Silently,
        () = consumer.too_slow.cancelled() => too_slow(),
        () = listen(stream, shared.faults.silenced()) => End::Silently,
        end = send(shared, consumer, outdated, sink) => end.unwrap_or_else(|error| {
            tracing::debug!(%error, "a consumer is gone");
            End::Silently
        }),
    }
}

fn too_slow() -> End {
    End::Error(
        "ConsumerTooSlow",
        "the events that come next are no longer kept".to_owned(),
    )
}

/// Reads, which also answers pings, until the other side closes; reads nothing while silent.
async fn listen(stream: &mut SplitStream<WebSocket>, mut silenced: watch::Receiver<bool>) {
    loop {
        sounded(&mut silenced).await;
        tokio::select! {
            changed = silenced.changed() => if changed.is_err() { return },
            message = stream.next() => match message {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Waits until the connections are not silent.
async fn sounded(silenced: &mut watch::Receiver<bool>) {
    // The sender lives as long as the network; when it is gone there is nothing to wait for.
    drop(silenced.wait_for(|silent| !silent).await);
}

/// Sends what the window has and then what comes, until a fault or the window ends it.
async fn send(
    shared: &Shared,
    consumer: &Consumer,
    outdated: bool,
    sink: &mut Sink,
) -> Result<End> {
    let mut head = shared.head.subscribe();
    let mut silenced = shared.faults.silenced();
    if outdated && shared.faults.tells_of_gap() {
        let message = "the cursor is older than the events that are kept; some were missed";
        sink.send(binary(frame::info("OutdatedCursor", message))?)
            .await?;
    }
    let mut sent = 0;
    loop {
        if *silenced.borrow() {
            shared.faults.count(Fault::Silence);
            consumer.silent.store(true, Ordering::Release);
            sounded(&mut silenced).await;
            consumer.silent.store(false, Ordering::Release);
        }
        head.borrow_and_update();
        let Some(batch) = next_batch(shared, consumer) else {
            return Ok(too_slow());
        };
        if batch.is_empty() {
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return Ok(End::Close) },
                changed = silenced.changed() => if changed.is_err() { return Ok(End::Close) },
            }
            continue;
        }
        for frame in batch {
            if !send_frame(shared, &frame, sink).await? {
                return Ok(End::Close);
            }
            consumer.taken.store(frame.seq, Ordering::Release);
            sent += 1;
            if shared.faults.closes_after(sent) {
                return Ok(End::Close);
            }
        }
        sink.flush().await?;
    }
}

/// What follows the last frame that the consumer took; none if that is no longer known.
fn next_batch(shared: &Shared, consumer: &Consumer) -> Option<Vec<Frame>> {
    let window = shared.window();
    let taken = consumer.taken.load(Ordering::Acquire);
    (!window.is_outdated(taken)).then(|| window.after(taken, limits::SEND_BATCH_FRAMES))
}

/// Hands a frame and what faults add to it to the socket; says whether the connection goes on.
async fn send_frame(shared: &Shared, frame: &Frame, sink: &mut Sink) -> Result<bool> {
    for message in shared.faults.messages(frame)? {
        match message {
            Sent::Binary(bytes) => sink.feed(Message::Binary(bytes)).await?,
            Sent::Text(text) => sink.feed(Message::Text(text.into())).await?,
            Sent::Last(bytes) => {
                sink.feed(Message::Binary(bytes)).await?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Ends the connection in its way, waiting a moment for the other side to have heard it.
async fn last_word(end: End, mut sink: Sink, mut stream: SplitStream<WebSocket>) {
    let said = async {
        match end {
            End::Silently => return Ok(()),
            End::Close => {}
            End::Error(name, message) => sink.send(binary(frame::error(name, &message))?).await?,
        }
        sink.send(Message::Close(None)).await?;
        while let Some(Ok(_)) = stream.next().await {}
        Result::Ok(())
    };
    if !matches!(
        timeout(Duration::from_millis(limits::LAST_WORD_MS), said).await,
        Ok(Ok(()))
    ) {
        tracing::debug!("a consumer did not hear why its connection ended");
    }
}

fn binary(frame: Result<Bytes>) -> Result<Message> {
    frame.map(Message::Binary)
}
