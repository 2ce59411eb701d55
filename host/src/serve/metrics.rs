//! `/metrics`: every counter and the most telling of the host's figures, for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::ServeParts;
use super::health::{Health, StreamHealth};
use crate::telemetry::{Kind, Page};

/// What a stream can be, so that each has a series from the start.
const STATES: [&str; 5] = ["live", "catching-up", "stalled", "quiet", "disconnected"];

pub(super) async fn metrics(State(parts): State<ServeParts>) -> Response {
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    let mut page = parts.counters.snapshot().prometheus();
    gauges(&mut page, &(parts.health)().await);
    ([(header::CONTENT_TYPE, content_type)], page.into_text()).into_response()
}

fn gauges(page: &mut Page, health: &Health) {
    let name = "aviary_repos";
    page.begin(name, "Followed repositories, by state.", Kind::Gauge);
    for (state, n) in [
        ("synchronized", health.repos.synchronized),
        ("desynchronized", health.repos.desynchronized),
        ("resyncing", health.repos.resyncing),
        ("inactive", health.repos.inactive),
    ] {
        page.sample(name, Some(("state", state)), n);
    }
    let name = "aviary_lag";
    let help =
        "Entries that wait for the archive, and commits that the slowest running plugin is behind.";
    page.begin(name, help, Kind::Gauge);
    page.sample(name, None, health.lag);
    let name = "aviary_plugin_lag";
    page.begin(name, "Commits that a plugin is behind.", Kind::Gauge);
    for plugin in &health.plugins {
        page.sample(name, Some(("plugin", &plugin.name)), plugin.lag);
    }
    if let Some(bytes) = health.resident_bytes {
        let name = "aviary_resident_bytes";
        page.begin(name, "Resident memory.", Kind::Gauge);
        page.sample(name, None, bytes);
    }
    if let Some(stream) = &health.stream {
        of_stream(page, stream);
    }
}

fn of_stream(page: &mut Page, stream: &StreamHealth) {
    for (name, help, value) in [
        (
            "aviary_stream_silent_seconds",
            "Time since the last message of the stream.",
            stream.silent_s,
        ),
        (
            "aviary_cursor_still_seconds",
            "Time since the saved cursor moved.",
            stream.cursor_still_s,
        ),
        (
            "aviary_quiet_collections",
            "Collections that are quiet against their own rate.",
            stream.quiet_collections.len() as u64,
        ),
    ] {
        page.begin(name, help, Kind::Gauge);
        page.sample(name, None, value);
    }
    let name = "aviary_stream_state";
    page.begin(name, "1 for what the stream is now.", Kind::Gauge);
    for state in STATES {
        let is_now = u64::from(stream.state == state);
        page.sample(name, Some(("state", state)), is_now);
    }
}
