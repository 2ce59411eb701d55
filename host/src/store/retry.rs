//! Doing the same again while the store says "not now".

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::StoreError;
use crate::fault::{Class, Classify};

const FIRST_WAIT_MS: u64 = 50;
const LONGEST_WAIT_MS: u64 = 5_000;

/// Runs `step` until it succeeds or fails for another reason than passing trouble.
///
/// # Errors
/// What `step` said last; [`StoreError::Closed`] when `abandon` fires while waiting.
pub(crate) async fn until_done<T, F>(
    what: &'static str,
    abandon: &CancellationToken,
    mut step: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut wait_ms = FIRST_WAIT_MS;
    loop {
        match step().await {
            Err(error) if error.class() == Class::Retry => {
                tracing::warn!(what, %error, wait_ms, "store.retry: the store does not take it now");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
                    () = abandon.cancelled() => return Err(StoreError::Closed),
                }
                wait_ms = (wait_ms * 2).min(LONGEST_WAIT_MS);
            }
            done => return done,
        }
    }
}
