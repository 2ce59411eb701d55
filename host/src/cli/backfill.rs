//! `aviary backfill`.

use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;

use super::progress::OnProgress;
use super::table::grouped;
use super::{Common, ExitCode, progress, signals};
use crate::app::{self, BackfillOptions, BackfillProgress, BackfillReport, BackfillTarget};
use crate::atproto::Nsid;
use crate::config::{Flags, Settings};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target").required(true))]
pub(super) struct Backfill {
    /// Every repository with records of this collection, as the relay lists them
    #[arg(long, value_name = "NSID", group = "target", value_parser = |t: &str| Nsid::parse(t))]
    collection: Option<Nsid>,
    /// One repository
    #[arg(long, value_name = "DID|HANDLE", group = "target")]
    repo: Option<String>,
    /// Every repository of a host, such as https://pds.example
    #[arg(long, value_name = "URL", group = "target")]
    pds: Option<String>,
    /// How long repositories that fail are tried again (s)
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
    /// The relay that lists repositories, such as wss://relay.example
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl Backfill {
    pub(super) fn flags(&self) -> Flags {
        Flags {
            relay: self.relay.clone(),
            ..self.common.flags()
        }
    }

    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let shutdown = signals::shutdown()?;
        let target = match (self.collection, self.repo, self.pds) {
            (Some(nsid), ..) => BackfillTarget::Collection(nsid),
            (None, Some(repo), _) => BackfillTarget::Repo(repo),
            (None, None, Some(pds)) => BackfillTarget::Pds(pds),
            (None, None, None) => anyhow::bail!("expected --collection, --repo or --pds"),
        };
        let options = BackfillOptions {
            target,
            patience: Duration::from_secs(self.patience),
            on_progress: progress()?,
        };
        let report = app::backfill(settings, options, shutdown).await?;
        let text = if self.json {
            format!("{}\n", serde_json::to_string(&report)?)
        } else {
            shown(&report)
        };
        std::io::stdout().write_all(text.as_bytes())?;
        let whole = report.listed_all && report.failing.is_empty();
        Ok(if whole {
            ExitCode::Done
        } else {
            ExitCode::Failed
        })
    }
}

fn progress() -> anyhow::Result<OnProgress<BackfillProgress>> {
    let begun = Instant::now();
    progress::teller(
        "{bar:30} {pos}/{len} repositories {msg} {elapsed} (left {eta})",
        move |bar, p: BackfillProgress| {
            bar.set_length(p.listed);
            bar.set_position(p.listed.saturating_sub(p.left));
            bar.set_message(line_end(p, begun));
        },
        move |p| {
            let (listed, left) = (grouped(p.listed), grouped(p.left));
            format!(
                "{listed} repositories listed, {left} left, {}",
                line_end(p, begun)
            )
        },
    )
}

fn line_end(p: BackfillProgress, begun: Instant) -> String {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate to show"
    )]
    let rate = (p.records as f64 / begun.elapsed().as_secs_f64().max(0.001)) as u64;
    format!("{} records, {}/s", grouped(p.records), grouped(rate))
}

fn shown(report: &BackfillReport) -> String {
    let mut text = format!(
        "{} repositories listed{}, {} of the store are complete, {} records compared in {:.1} s\n",
        grouped(report.listed),
        if report.listed_all {
            ""
        } else {
            " so far (run it again to go on)"
        },
        grouped(report.complete),
        grouped(report.records),
        report.seconds,
    );
    let failing = report.failing.len() as u64 + report.failing_more;
    if failing > 0 {
        text.push_str(&format!(
            "{} could not be fetched; they are tried again by the next run or by `aviary serve`:\n",
            grouped(failing)
        ));
    }
    for repo in &report.failing {
        text.push_str(&format!("  {}  {}\n", repo.did, repo.reason));
    }
    text
}
