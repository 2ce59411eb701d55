//! Watches over the stream's pulse: tells it the saved cursor, and the log when the cursor stands still.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::follow::Upstream;
use crate::ingest::{IngestError, StreamState};
use crate::limits;
use crate::store::Store;

/// Watches until told to stop.
///
/// # Errors
/// Never: a store that cannot be asked now is asked again.
pub(super) async fn watch(
    upstream: Upstream,
    store: Arc<dyn Store>,
    stop: CancellationToken,
) -> Result<(), IngestError> {
    let mut was_stalled = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(limits::STREAM_LOOK_MS)) => {}
        }
        let source = upstream.source.borrow().clone();
        if let Ok(cursor) = store.saved_cursor(&source).await {
            upstream.pulse.cursor(cursor);
        }
        let report = upstream.pulse.report();
        let is_stalled = report.state == StreamState::Stalled;
        if is_stalled && !was_stalled {
            tracing::error!(
                source = %source.0,
                cursor_still_s = report.cursor_still_s,
                "app.stalled: events come, but the saved cursor stands still: the archive does not take them"
            );
        }
        was_stalled = is_stalled;
    }
}
