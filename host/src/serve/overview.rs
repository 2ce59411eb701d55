//! `/`: what runs here, in plain text.

use std::fmt::Write;

use axum::extract::State;

use super::ServeParts;

pub(super) async fn page(State(parts): State<ServeParts>) -> String {
    let health = (parts.health)().await;
    let mut out = format!(
        "This is Aviary {}, an AT Protocol AppView host.\n\n\
         Below /xrpc/:\n  com.atproto.repo.getRecord\n  com.atproto.repo.listRecords\n  _health\n",
        health.version
    );
    for plugin in &health.plugins {
        // Writing to a string cannot fail.
        writeln!(
            out,
            "\nPlugin {} {} ({})",
            plugin.name, plugin.version, plugin.state
        )
        .ok();
        for collection in &plugin.collections {
            writeln!(out, "  indexes {collection}").ok();
        }
        for method in &plugin.methods {
            writeln!(out, "  answers {method}").ok();
        }
    }
    out.push_str("\nCounters for Prometheus: /metrics\n");
    out
}
