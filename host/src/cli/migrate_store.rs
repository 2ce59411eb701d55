//! `aviary migrate-store`.

use std::io::Write;

use clap::Args;

use super::table::{Table, grouped};
use super::{ExitCode, progress};
use crate::app::{self, MoveOptions};
use crate::config::{Flags, Settings, StoreUrl};
use crate::store::moving::{MoveProgress, Moved};

#[derive(Debug, Args)]
pub(super) struct MigrateStore {
    /// The store that is left, sqlite://PATH; no host may run on it
    #[arg(long, value_name = "URL", value_parser = store)]
    from: StoreUrl,
    /// The store that takes over, postgres://…; a new schema, or the one of a move that was interrupted
    #[arg(long, value_name = "URL", value_parser = store)]
    to: StoreUrl,
}

fn store(text: &str) -> Result<StoreUrl, String> {
    StoreUrl::parse(text).map_err(|problem| problem.to_string())
}

impl MigrateStore {
    pub(super) fn flags(&self) -> Flags {
        Flags::default()
    }

    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let options = MoveOptions {
            from: self.from,
            to: self.to,
            partitions: settings.partitions,
            on_progress: progress::teller(
                "{bar:30} {pos}/{len} {msg} {elapsed} (left {eta})",
                |bar, p: MoveProgress| {
                    bar.set_length(p.of);
                    bar.set_position(p.rows);
                    bar.set_message(what(p));
                },
                |p| format!("{}: {} of {} rows", what(p), grouped(p.rows), grouped(p.of)),
            )?,
        };
        let moved = app::move_store(options).await?;
        let mut table = Table::default();
        for one in &moved {
            let verdict = if one.is_equal() {
                format!("{} rows, equal", grouped(one.to.rows))
            } else {
                format!(
                    "DIFFERENT: {} rows were expected, the database has {}, or their contents differ",
                    grouped(one.from.rows),
                    grouped(one.to.rows)
                )
            };
            table.line(one.table, verdict);
        }
        let is_equal = moved.iter().all(Moved::is_equal);
        write!(std::io::stdout(), "{table}")?;
        if is_equal {
            writeln!(
                std::io::stdout(),
                "everything moved; plugins' tables are built again when a host starts on it"
            )?;
            Ok(ExitCode::Done)
        } else {
            Ok(ExitCode::Failed)
        }
    }
}

fn what(p: MoveProgress) -> String {
    let act = if p.is_check { "comparing" } else { "copying" };
    format!("{act} {}", p.table)
}
