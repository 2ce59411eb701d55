//! `aviary serve`: ingest, index and answer until told to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::follow::{self, Upstream};
use super::health::{self, Sources};
use super::ingest::Outside;
use super::methods::PluginMethods;
use super::parts::Parts;
use super::pipeline::Pipeline;
use super::{ServeOptions, Shutdown};
use crate::atproto::lexicon::Catalog;
use crate::config::{Settings, SourceKind};
use crate::limits;
use crate::queue::{Queue, RenewedQueue};
use crate::serve::{self, Bounds, ServeParts};
use crate::store::Store;

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
    let Some(mut parts) = Parts::build(&settings, &shutdown.drain).await? else {
        return Ok(());
    };
    let outside = Outside::new(&settings, &parts)?;
    let queue = Arc::new(RenewedQueue::new());
    let reads = Arc::clone(&queue) as Arc<dyn Queue>;
    let pipeline = if settings.roles.writes() {
        Pipeline::start(&mut parts, reads)
    } else {
        Pipeline::idle(&parts, reads)
    };
    let parts = Arc::new(parts);

    let stop_source = CancellationToken::new();
    let following = options.ingest.then(|| {
        let stop = stop_source.clone();
        follow::follow(&settings, &parts, &pipeline, &outside, queue, stop)
    });
    let stop_serving = CancellationToken::new();
    let serving = {
        let upstream = following.as_ref().map(|f| f.upstream.clone());
        let address = listener.local_addr()?;
        let (store, roles) = (Arc::clone(&parts.plain_store), settings.roles);
        let announcing = announce(store, roles.to_string(), address.to_string());
        tokio::spawn(stop_serving.clone().run_until_cancelled_owned(announcing));
        let parts = serve_parts(&settings, &parts, &pipeline, &outside, upstream)?;
        (options.on_listening)(address);
        tokio::spawn(serve::run(
            listener,
            parts,
            stop_serving.clone().cancelled_owned(),
        ))
    };

    tokio::select! {
        () = shutdown.drain.cancelled() => tracing::info!("app.draining: told to stop"),
        () = shutdown.now.cancelled() => {}
        () = pipeline.watch.failed().cancelled() => {}
    }
    // In data order: no more frames, then what is queued, then the rows; readers are served to the end.
    stop_source.cancel();
    let begun = Instant::now();
    if let Some(following) = following {
        // A queue that takes nothing now must not hold us for longer than the drain may take.
        tokio::select! {
            ended = following.task => ended?,
            () = shutdown.now.cancelled() => {}
            () = tokio::time::sleep(settings.limits.drain) => {}
        }
    }
    let left = settings.limits.drain.saturating_sub(begun.elapsed());
    let drained = pipeline.drain(left, &shutdown.now).await;
    stop_serving.cancel();
    tokio::select! {
        served = serving => served??,
        () = shutdown.now.cancelled() => {}
        () = tokio::time::sleep(settings.limits.drain) => {}
    }
    parts.store.close().await;
    drained
}

/// Says again and again that this host is there. What cannot be said now is said the next time.
async fn announce(store: Arc<dyn Store>, roles: String, address: String) {
    let mut every = tokio::time::interval(Duration::from_millis(limits::HOST_SEEN_MS));
    loop {
        every.tick().await;
        if let Err(error) = store.announce(&roles, &address).await {
            tracing::debug!(%error, "app.announce: this host could not say that it is there");
        }
    }
}

fn serve_parts(
    settings: &Settings,
    parts: &Parts,
    pipeline: &Pipeline,
    outside: &Outside,
    upstream: Option<Upstream>,
) -> anyhow::Result<ServeParts> {
    Ok(ServeParts {
        xrpc: settings.roles.serve,
        store: Arc::clone(&parts.plain_store),
        catalog: Arc::new(catalog(parts)?),
        methods: Arc::new(PluginMethods {
            registry: Arc::clone(&parts.registry),
            store: Arc::clone(&parts.plain_store),
            clock: parts.clock.clone(),
        }),
        identities: Some(Arc::clone(&outside.identities)),
        health: health::provider(Sources {
            store: Arc::clone(&parts.plain_store),
            feed: Arc::clone(&parts.feed),
            registry: Arc::clone(&parts.registry),
            statuses: parts.statuses.clone(),
            counters: Arc::clone(&parts.counters),
            upstream: upstream.map(|upstream| (upstream, Arc::clone(&pipeline.queue))),
            kind: settings.ingest.source,
            verify: verify_word(settings),
        }),
        counters: Arc::clone(&parts.counters),
        bounds: Bounds {
            request: settings.limits.request,
            request_bytes: settings.limits.request_bytes,
        },
    })
}

/// How far records are proven, in a word.
fn verify_word(settings: &Settings) -> String {
    match settings.ingest.source {
        SourceKind::Relay => settings.ingest.verify.word().to_owned(),
        SourceKind::Jetstream => settings.ingest.jetstream_verify.to_string(),
    }
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
