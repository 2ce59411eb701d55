//! SIGINT and SIGTERM: the first asks to drain, the second to stop at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::Shutdown;

/// Watches for signals from now on.
///
/// # Errors
/// When the system takes no handlers.
pub(super) fn shutdown() -> std::io::Result<Shutdown> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = Shutdown::default();
    let told = shutdown.clone();
    // Ends with the runtime: the process is over then.
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("cli.stopping: draining; a second signal stops at once");
        told.drain.cancel();
        either(&mut interrupt, &mut terminate).await;
        tracing::warn!(
            "cli.stopping_now: not drained; the next start goes on where this one committed"
        );
        told.now.cancel();
    });
    Ok(shutdown)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
