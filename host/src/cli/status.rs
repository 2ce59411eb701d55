//! `aviary status`.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::table::{Table, grouped};
use super::{Common, ExitCode};
use crate::app;
use crate::config::{Flags, Settings};
use crate::store::overview::{HostNote, Overview, PluginNote};

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    common: Common,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn flags(&self) -> Flags {
        self.common.flags()
    }

    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let overview = app::status(&settings).await?;
        let text = if self.json {
            format!("{}\n", as_json(&overview))
        } else {
            shown(&settings.store.to_string(), &overview)
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(ExitCode::Done)
    }
}

fn shown(store: &str, overview: &Overview) -> String {
    let mut table = Table::default();
    table.line("store", store);
    table.lines("hosts", overview.hosts.iter().map(host));
    let pos = |(partition, pos): &(u16, i64)| format!("{partition}: {}", count(*pos));
    table.lines("partitions", overview.partitions.iter().map(pos));
    let cursor = |(source, seq): &(String, i64)| format!("{source} after {seq}");
    table.lines("cursors", overview.cursors.iter().map(cursor));
    table.lines("plugins", overview.plugins.iter().map(plugin));
    table.to_string()
}

fn host(host: &HostNote) -> String {
    let does = if host.writes {
        "writes"
    } else {
        "does not write"
    };
    format!(
        "{} {} at {}, {does}, version {}, up {} s, seen {} s ago",
        host.name, host.roles, host.address, host.version, host.up_s, host.seen_s
    )
}

fn plugin(plugin: &PluginNote) -> String {
    let (name, generation, lag) = (&plugin.name, plugin.generation, count(plugin.lag));
    format!("{name}, generation {generation}, {lag} behind")
}

fn count(n: i64) -> String {
    grouped(n.unsigned_abs())
}

fn as_json(overview: &Overview) -> Value {
    let hosts = overview.hosts.iter().map(|host| {
        json!({
            "name": host.name, "roles": host.roles, "version": host.version, "address": host.address,
            "seenS": host.seen_s, "upS": host.up_s, "writes": host.writes,
        })
    });
    let pos = |all: &[(u16, i64)]| {
        let each = all
            .iter()
            .map(|(p, pos)| json!({ "partition": p, "pos": pos }));
        each.collect::<Vec<Value>>()
    };
    let cursors = overview.cursors.iter();
    let plugins = overview.plugins.iter().map(|plugin| {
        json!({
            "name": plugin.name, "generation": plugin.generation, "lag": plugin.lag,
            "positions": pos(&plugin.positions),
        })
    });
    json!({
        "hosts": hosts.collect::<Vec<Value>>(),
        "partitions": pos(&overview.partitions),
        "cursors": cursors.map(|(source, seq)| json!({ "source": source, "seq": seq })).collect::<Vec<Value>>(),
        "plugins": plugins.collect::<Vec<Value>>(),
    })
}
