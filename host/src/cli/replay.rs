//! `aviary replay`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::progress::OnProgress;
use super::table::{Table, grouped};
use super::{Common, ExitCode, progress, signals};
use crate::app::{self, ReplayOptions, ReplayProgress, ReplaySummary};
use crate::config::{Flags, Settings};

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Frames: (u32 big-endian length, bytes), repeated
    frames: PathBuf,
    /// DID documents by DID, as a PLC directory returned them
    #[arg(long, value_name = "PLC.json")]
    identities: Option<PathBuf>,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl Replay {
    pub(super) fn flags(&self) -> Flags {
        self.common.flags()
    }

    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let shutdown = signals::shutdown()?;
        let options = ReplayOptions {
            frames: self.frames,
            identities: self.identities,
            on_progress: progress()?,
        };
        let summary = app::replay(settings, options, shutdown).await?;
        let text = if self.json {
            format!("{}\n", serde_json::to_string(&summary)?)
        } else {
            table(&summary).to_string()
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(match &summary.cut {
            Some(reason) => {
                eprintln!("aviary: {reason}");
                ExitCode::Failed
            }
            None => ExitCode::Done,
        })
    }
}

fn progress() -> anyhow::Result<OnProgress<ReplayProgress>> {
    progress::teller(
        "{bar:30} {bytes}/{total_bytes} {msg} {elapsed} (left {eta})",
        |bar, p: ReplayProgress| {
            bar.set_length(p.total_bytes);
            bar.set_position(p.read_bytes);
            bar.set_message(format!("{} events", grouped(p.events)));
            if p.read_bytes >= p.total_bytes {
                bar.finish();
            }
        },
        |p| {
            let percent = (p.read_bytes * 100)
                .checked_div(p.total_bytes)
                .unwrap_or(100);
            format!("{} events, {percent} % of the file", grouped(p.events))
        },
    )
}

fn table(summary: &ReplaySummary) -> Table {
    let mut table = Table::default();
    table.line("events", grouped(summary.events));
    table.line("operations", grouped(summary.ops));
    table.line("records", grouped(summary.records));
    table.line("proven commits", grouped(summary.verified));
    if summary.desynchronized > 0 {
        table.line(
            "desynchronized",
            format!("{} repositories", grouped(summary.desynchronized)),
        );
    }
    table.line("rows", grouped(summary.rows));
    table.line("dead letters", grouped(summary.dead_letters));
    let rejected = summary
        .rejected
        .iter()
        .map(|(reason, n)| format!("{} {reason}", grouped(*n)));
    table.lines("rejected", rejected);
    table.line("time", format!("{:.2} s", summary.seconds));
    table.line("events/s", format!("{:.0}", summary.events_per_s));
    if let (Some(cpu_s), Some(per_1000)) = (summary.cpu_s, summary.cpu_s_per_1000_events) {
        table.line(
            "CPU time",
            format!("{cpu_s:.2} s, of it {:.2} s in plugins", summary.guest_s),
        );
        table.line("CPU s/1,000 events", format!("{per_1000:.3}"));
    }
    if let Some(bytes) = summary.resident_peak_bytes {
        table.line("resident memory", format!("{} MiB at most", bytes >> 20));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_shows_every_reason() {
        let summary = ReplaySummary {
            events: 12_345,
            rejected: [("car".to_owned(), 2), ("frame".to_owned(), 1)].into(),
            cpu_s: Some(1.5),
            cpu_s_per_1000_events: Some(0.1215),
            ..ReplaySummary::default()
        };
        let text = table(&summary).to_string();
        assert!(text.starts_with("events              12,345\n"), "{text}");
        assert!(
            text.contains("rejected            2 car\n                    1 frame\n"),
            "{text}"
        );
        assert!(
            text.contains("CPU s/1,000 events  0.121\n") || text.contains("0.122\n"),
            "{text}"
        );
    }
}
