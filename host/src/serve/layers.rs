//! What stands around every request.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, Any as AnyOrigin, CorsLayer};

use super::ServeParts;
use super::error::XrpcError;
use crate::limits;
use crate::telemetry::{Counter, Counters};

/// Puts the layers around the routes; the last one here meets a request first.
pub(super) fn around(routes: Router, parts: &ServeParts) -> Router {
    let room = Arc::new(Semaphore::new(limits::REQUESTS_AT_ONCE_MAX));
    routes
        // Innermost, so that a panic costs one answer and the layers around still see that answer.
        .layer(CatchPanicLayer::custom(panicked))
        // Around everything that may wait on the store, a plugin or a slow body.
        .layer(from_fn_with_state(parts.bounds.request, in_time))
        // Outside the clock: a request over the limit is refused at once and waits for nothing.
        .layer(from_fn_with_state(room, in_bounds))
        // Outside what refuses, so that a browser can read refusals too; answers preflights by itself.
        .layer(cors())
        // Outermost, so that it counts every answer, whoever gave it.
        .layer(from_fn_with_state(Arc::clone(&parts.counters), counted))
}

/// The bound of every answer in time, with an XRPC error at it.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("this took more than {} ms", limit.as_millis());
            XrpcError::new(504, "Timeout", message).into_response()
        }
    }
}

async fn in_bounds(State(room): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match room.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => XrpcError::unavailable("too many requests at once; try again").into_response(),
    }
}

async fn counted(State(counters): State<Arc<Counters>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    counters.add(Counter::Requests, 1);
    if response.status().is_server_error() {
        counters.add(Counter::RequestsFailed, 1);
    }
    let (status, duration_us) = (response.status().as_u16(), started.elapsed().as_micros());
    tracing::debug!(%method, path, status, duration_us, "serve.answered: a request was answered");
    response
}

/// XRPC is public: any page may call it, and it sets no cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        // Not `*`, which leaves Authorization out.
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(Duration::from_secs(86_400))
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<&str>().copied();
    let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        cause = text.unwrap_or("unknown"),
        "serve.panicked: a request panicked"
    );
    XrpcError::internal().into_response()
}
