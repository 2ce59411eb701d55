//! What the host says about itself while it runs: plugins and examples once, then a live line.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use super::child::{Child, Stop};
use super::{examples, http};

/// How long the host may stand still after the last event before this counts as a failure.
const STALLED_MAX: Duration = Duration::from_secs(60);

/// How the watching ended.
pub(super) enum Ended {
    /// By Ctrl-C.
    Told,
    /// All events are indexed; a summary.
    Reached(String),
}

/// Polls one host.
pub(super) struct Watch {
    url: String,
    events_max: Option<u64>,
    started: Instant,
    /// The seq of the last event, once the network has emitted it.
    last_seq: Option<i64>,
    examples_shown: bool,
    previous: (Instant, u64),
    progressed: Instant,
    line_at: Option<Instant>,
}

impl Watch {
    pub(super) fn new(url: &str, events_max: Option<u64>) -> Self {
        let now = Instant::now();
        Self {
            url: url.to_owned(),
            events_max,
            started: now,
            last_seq: None,
            examples_shown: false,
            previous: (now, 0),
            progressed: now,
            line_at: None,
        }
    }

    /// Watches until told to stop, or until the network's last event is indexed.
    ///
    /// # Errors
    /// When one of the two ends by itself, or the host stands still with events left.
    pub(super) async fn run(
        &mut self,
        host: &mut Child,
        simnet: &mut Child,
        stop: &mut Stop,
    ) -> anyhow::Result<Ended> {
        let (_, health) = http::get(&self.url, "/xrpc/_health").await?;
        println!("{}", plugins(&health));
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = stop.told() => {
                    println!("\nDraining ...");
                    return Ok(Ended::Told);
                }
                never = host.line(|_| None::<()>) => {
                    never?;
                    bail!("{}", host.failure());
                }
                seq = simnet.line(done), if self.last_seq.is_none() => self.last_seq = Some(seq.with_context(|| simnet.failure())?),
                _ = tick.tick() => {
                    if let Some(summary) = self.look().await? {
                        return Ok(Ended::Reached(summary));
                    }
                }
            }
        }
    }

    /// One look: examples when there are some, the live line, and whether all is done.
    async fn look(&mut self) -> anyhow::Result<Option<String>> {
        let (_, health) = http::get(&self.url, "/xrpc/_health").await?;
        if !self.examples_shown {
            let paths = examples::working(&self.url).await;
            self.examples_shown = !paths.is_empty();
            if self.examples_shown {
                println!("\rTry:");
                for path in paths {
                    println!("  curl -s '{}{path}'", self.url);
                }
                println!();
            }
        }
        self.live_line(&health)?;
        let Some(last_seq) = self.last_seq.filter(|_| self.events_max.is_some()) else {
            return Ok(None);
        };
        let behind =
            health["cursor"].as_i64() < Some(last_seq) || health["lag"].as_u64() != Some(0);
        if behind && self.progressed.elapsed() > STALLED_MAX {
            bail!("the host stands still before the last event ({last_seq}): {health}");
        }
        Ok((!behind).then(|| summary(&health, self.started.elapsed())))
    }

    /// Written over itself on a terminal, every five seconds elsewhere.
    fn live_line(&mut self, health: &Value) -> std::io::Result<()> {
        let events = health["events"].as_u64().unwrap_or_default();
        let (at, before) = self.previous;
        let per_s = (events.saturating_sub(before)) as f64 / at.elapsed().as_secs_f64().max(0.001);
        self.previous = (Instant::now(), events);
        if events != before || health["lag"].as_u64() != Some(0) {
            self.progressed = Instant::now();
        }
        let memory = health["residentBytes"]
            .as_u64()
            .map(|b| format!("  {} MiB", b >> 20));
        let line = format!(
            "{events} events  {per_s:.0} events/s  lag {}  {} rows{}",
            health["lag"],
            health["rows"],
            memory.unwrap_or_default()
        );
        let mut out = std::io::stdout();
        if out.is_terminal() {
            write!(out, "\r{line:<70}")?;
            return out.flush();
        }
        if self
            .line_at
            .is_none_or(|at| at.elapsed() >= Duration::from_secs(5))
        {
            self.line_at = Some(Instant::now());
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// The seq of the last event, in the line that the network ends with.
fn done(line: &str) -> Option<i64> {
    let said: Value = serde_json::from_str(line).ok()?;
    said["done"].as_bool().filter(|done| *done)?;
    said["seq"].as_i64()
}

fn plugins(health: &Value) -> String {
    let mut out = String::new();
    for plugin in health["plugins"].as_array().into_iter().flatten() {
        let text = |name: &str| plugin[name].as_str().unwrap_or_default();
        // Writing to a string cannot fail.
        writeln!(
            out,
            "Plugin {} {} ({})",
            text("name"),
            text("version"),
            text("state")
        )
        .ok();
        for (word, list) in [("indexes", "collections"), ("answers", "methods")] {
            for item in plugin[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                writeln!(out, "  {word} {item}").ok();
            }
        }
    }
    out
}

fn summary(health: &Value, took: Duration) -> String {
    let events = health["events"].as_u64().unwrap_or_default();
    let mut out = format!(
        "\n{events} events in {:.1} s ({:.0} events/s), {} records, {} rows, refused {}",
        took.as_secs_f64(),
        events as f64 / took.as_secs_f64().max(0.001),
        health["records"],
        health["rows"],
        health["rejected"],
    );
    for plugin in health["plugins"].as_array().into_iter().flatten() {
        let name = plugin["name"].as_str().unwrap_or_default();
        write!(
            out,
            "\n  {name}: {} rows, {} dead letters",
            plugin["rows"], plugin["deadLetters"]
        )
        .ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_network_is_found() {
        assert_eq!(done(r#"{"done":true,"seq":12,"drained":true}"#), Some(12));
        assert_eq!(done(r#"{"relay":"ws://x"}"#), None);
        assert_eq!(done("words"), None);
    }
}
