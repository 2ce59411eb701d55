//! Commands run one after the other, each with its name and its time.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// What has been run so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    /// Runs a command with its output passed through.
    ///
    /// # Errors
    /// When it cannot be started or ends with another code than 0.
    pub(crate) fn run(&mut self, name: &'static str, command: &mut Command) -> anyhow::Result<()> {
        let shown = shown(command);
        eprintln!("==> {name}: {shown}");
        let started = Instant::now();
        let status = command
            .status()
            .with_context(|| format!("cannot start {shown}"))?;
        let took = started.elapsed();
        ensure!(status.success(), "{name} failed ({status}): {shown}");
        eprintln!("    {name} took {:.1} s", took.as_secs_f64());
        self.0.push((name, took));
        Ok(())
    }

    /// Prints every step's time.
    pub(crate) fn report(&self) {
        eprintln!("\nAll passed:");
        for (name, took) in &self.0 {
            eprintln!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        let all: Duration = self.0.iter().map(|(_, took)| took).sum();
        eprintln!("{:>8.1} s  in all", all.as_secs_f64());
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
}

/// The cargo that runs us, with arguments.
pub(crate) fn cargo_with(args: &[&str]) -> Command {
    let mut command = cargo();
    command.args(args);
    command
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let args = command.get_args().map(|a| a.to_string_lossy());
    let words: Vec<_> = std::iter::once(program.to_string_lossy())
        .chain(args)
        .collect();
    words.join(" ")
}
