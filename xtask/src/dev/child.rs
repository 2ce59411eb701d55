//! A program of ours as a child, in a process group of its own, its log in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A running program. Killed when dropped, which happens on errors only.
pub(super) struct Child {
    name: String,
    process: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it writes to standard error.
    pub(super) log: PathBuf,
}

impl Child {
    /// Starts a program in `dir`.
    pub(super) fn start(
        program: &Path,
        args: &[String],
        environment: &[(&str, &str)],
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut process = Command::new(program)
            .args(args)
            .envs(environment.iter().copied())
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            // Ctrl-C goes to the terminal's whole group; a child that heard it twice would not drain.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = process
            .stdout
            .take()
            .context("a child without standard output")?;
        Ok(Self {
            name,
            process,
            lines: BufReader::new(stdout).lines(),
            log,
        })
    }

    /// The first line of its standard output from here on in which `wanted` finds something.
    pub(super) async fn line<T>(
        &mut self,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        while let Some(line) = self.lines.next_line().await? {
            if let Some(found) = wanted(&line) {
                return Ok(found);
            }
        }
        let status = self.process.wait().await?;
        bail!("{} ended by itself ({status})", self.name)
    }

    /// What to tell about its failure: the end of its log.
    pub(super) fn failure(&self) -> String {
        const LINES: usize = 15;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
        format!(
            "{} failed; {} ends with:\n{end}\n",
            self.name,
            self.log.display()
        )
    }

    /// Asks it to drain, and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time, or with another code than 0.
    pub(super) async fn stop(&mut self, limit: Duration) -> anyhow::Result<()> {
        if let Some(pid) = self.process.id() {
            // By its id alone. The shell has `kill` built in on every system.
            let script = format!("kill -TERM {pid}");
            Command::new("sh").args(["-c", &script]).status().await?;
        }
        let ended = tokio::time::timeout(limit, self.process.wait()).await;
        let status = ended.with_context(|| {
            format!("{} did not drain within {} s", self.name, limit.as_secs())
        })??;
        ensure!(status.success(), "{}{status}", self.failure());
        Ok(())
    }
}

/// Ctrl-C and SIGTERM.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Watches from now on.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one.
    pub(super) async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
