//! `aviary serve`: ingest, index and answer until told to stop.

use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::health::{self, Sources};
use super::methods::PluginMethods;
use super::parts::Parts;
use super::pipeline::Pipeline;
use super::{ServeOptions, Shutdown};
use crate::atproto::lexicon::Catalog;
use crate::config::{IngestSettings, Settings};
use crate::entry::Source;
use crate::ingest::{Intake, RelayOptions, run_relay};
use crate::serve::{self, Bounds, ServeParts};

/// Runs a host until it is told to stop.
///
/// # Errors
/// When it cannot start, a part fails, or the drain is not finished in time.
pub async fn serve(
    settings: Settings,
    options: ServeOptions,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.serve.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.serve.listen))?;
    let mut parts = Parts::build(&settings).await?;
    let pipeline = Pipeline::start(&mut parts);
    let source = options.ingest.then(|| source(&settings));
    let parts = Arc::new(parts);

    let stop_ingest = CancellationToken::new();
    let ingest = match &source {
        Some(source) => {
            let stop = stop_ingest.clone();
            Some(follow(&parts, &pipeline, &settings.ingest, source, stop).await?)
        }
        None => None,
    };
    let stop_serving = CancellationToken::new();
    let serving = {
        let parts = serve_parts(&settings, &parts, &pipeline, source)?;
        (options.on_listening)(listener.local_addr()?);
        tokio::spawn(serve::run(
            listener,
            parts,
            stop_serving.clone().cancelled_owned(),
        ))
    };

    tokio::select! {
        () = shutdown.drain.cancelled() => tracing::info!("app.draining: told to stop"),
        () = shutdown.now.cancelled() => {}
        () = pipeline.failed.cancelled() => {}
    }
    // In data order: no more frames, then what is queued, then the rows; readers are served to the end.
    stop_ingest.cancel();
    if let Some(ingest) = ingest {
        ingest.await?;
    }
    let drained = pipeline.drain(settings.limits.drain, &shutdown.now).await;
    stop_serving.cancel();
    tokio::select! {
        served = serving => served??,
        () = shutdown.now.cancelled() => {}
        () = tokio::time::sleep(settings.limits.drain) => {}
    }
    parts.store.close().await;
    drained
}

/// What the cursor belongs to: the relay's address, without a password, for it is stored, logged and shown.
fn source(settings: &Settings) -> Source {
    Source(settings.ingest.relay.to_string().into())
}

/// Starts to follow the relay at the saved cursor; without one, where the settings say.
async fn follow(
    parts: &Arc<Parts>,
    pipeline: &Pipeline,
    settings: &IngestSettings,
    source: &Source,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let cursor = parts
        .store
        .saved_cursor(source)
        .await?
        .or(settings.start.cursor());
    let intake = Intake::new(
        source.clone(),
        parts.scope.clone(),
        parts.store.partitions(),
        Arc::clone(&pipeline.queue),
        Arc::clone(&parts.counters),
        cursor,
    );
    let options = RelayOptions::new(settings.relay.as_str(), &source.0);
    let counters = Arc::clone(&parts.counters);
    let task = tokio::spawn(async move { run_relay(options, intake, &counters, stop).await });
    Ok(pipeline.watch("ingest", task))
}

fn serve_parts(
    settings: &Settings,
    parts: &Parts,
    pipeline: &Pipeline,
    source: Option<Source>,
) -> anyhow::Result<ServeParts> {
    Ok(ServeParts {
        store: Arc::clone(&parts.store),
        catalog: Arc::new(catalog(parts)?),
        methods: Arc::new(PluginMethods {
            registry: Arc::clone(&parts.registry),
            store: Arc::clone(&parts.store),
            clock: parts.clock.clone(),
        }),
        health: health::provider(Sources {
            store: Arc::clone(&parts.store),
            feed: Arc::clone(&parts.feed),
            registry: Arc::clone(&parts.registry),
            statuses: parts.statuses.clone(),
            counters: Arc::clone(&parts.counters),
            upstream: source.map(|source| (source, Arc::clone(&pipeline.queue))),
        }),
        counters: Arc::clone(&parts.counters),
        bounds: Bounds {
            request: settings.limits.request,
            request_bytes: settings.limits.request_bytes,
        },
    })
}

/// The host's own lexicon documents and the plugins'.
fn catalog(parts: &Parts) -> anyhow::Result<Catalog> {
    let mut catalog = serve::core_catalog()?;
    for loaded in &parts.registry.plugins {
        for document in loaded.plugin.lexicons() {
            catalog
                .add(document.to_string().as_bytes())
                .with_context(|| format!("plugin {}", loaded.plugin.name()))?;
        }
    }
    Ok(catalog)
}
