//! The command line: one file for each command.
//!
//! Guarantees: answers go to standard output, everything else to standard error; exit codes are those of
//! [`ExitCode`]. Holds no logic of the host: a command reads settings, calls [`crate::app`] and prints.

mod backfill;
mod config;
mod migrate_store;
mod plugin;
mod progress;
mod replay;
mod serve;
mod signals;
mod status;
mod table;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{ConfigError, Flags, Loaded, LogFormat, Sources};
use crate::telemetry;

/// An AT Protocol AppView host that grows by WASM plugins.
#[derive(Debug, Parser)]
#[command(name = "aviary", version, propagate_version = true)]
struct Cli {
    /// The settings file [default: aviary.toml, when it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow a relay, run the plugins, answer XRPC
    Serve(serve::Serve),
    /// Index a file of recorded frames at full speed
    Replay(replay::Replay),
    /// Fetch whole repositories: what was written before this host followed the relay
    Backfill(backfill::Backfill),
    /// Who works on a store, and how far everything is
    Status(status::Status),
    /// Move everything from a SQLite store into a Postgres store
    MigrateStore(migrate_store::MigrateStore),
    /// Look at plugins without running them
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Print the effective settings and where each came from
    Config(config::Config),
}

/// Settings that several commands take.
#[derive(Debug, Default, Args)]
struct Common {
    /// Where everything durable is, sqlite://PATH
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Which collections the archive keeps: those that plugins want, or all
    #[arg(long, value_name = "plugins|all")]
    archive: Option<String>,
    /// The folder of plugins
    #[arg(long, value_name = "DIR")]
    plugins: Option<String>,
}

impl Common {
    fn flags(&self) -> Flags {
        Flags {
            store: self.store.clone(),
            archive: self.archive.clone(),
            plugins_dir: self.plugins.clone(),
            ..Flags::default()
        }
    }
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// It did what it was asked.
    Done,
    /// It did not: a part failed, a file was refused or cut, a drain was not finished.
    Failed,
    /// The command line or the settings are wrong; nothing was started.
    Usage,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Done => 0,
            ExitCode::Failed => 1,
            ExitCode::Usage => 2,
        })
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> std::process::ExitCode {
    let cli = Cli::parse();
    let ended = cli.run();
    let code = ended.unwrap_or_else(|error| {
        eprintln!("aviary: {error:#}");
        let usage = error.is::<ConfigError>() || error.is::<telemetry::TelemetryError>();
        if usage {
            ExitCode::Usage
        } else {
            ExitCode::Failed
        }
    });
    code.into()
}

impl Cli {
    fn run(self) -> anyhow::Result<ExitCode> {
        let flags = match &self.command {
            Command::Serve(command) => command.flags(),
            Command::Replay(command) => command.flags(),
            Command::Backfill(command) => command.flags(),
            Command::Status(command) => command.flags(),
            Command::MigrateStore(command) => command.flags(),
            Command::Plugin(command) => command.flags(),
            Command::Config(command) => command.flags(),
        };
        let loaded = Sources::of_process(self.config, flags).load()?;
        start_log(&loaded)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            match self.command {
                Command::Serve(command) => command.run(loaded.settings).await,
                Command::Replay(command) => command.run(loaded.settings).await,
                Command::Backfill(command) => command.run(loaded.settings).await,
                Command::Status(command) => command.run(loaded.settings).await,
                Command::MigrateStore(command) => command.run(loaded.settings).await,
                Command::Plugin(command) => command.run(loaded.settings).await,
                Command::Config(_) => config::run(&loaded),
            }
        })
    }
}

fn start_log(loaded: &Loaded) -> Result<(), telemetry::TelemetryError> {
    let log = &loaded.settings.log;
    telemetry::init(&log.level, log.format == LogFormat::Json)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_settings() {
        let cli = Cli::try_parse_from([
            "aviary",
            "serve",
            "--store",
            "sqlite://a",
            "--archive",
            "all",
            "--plugins",
            "p",
            "--listen",
            "[::1]:1",
            "--relay",
            "ws://r",
            "--source",
            "jetstream",
            "--jetstream",
            "ws://j",
            "--no-ingest",
        ]);
        let Command::Serve(serve) = cli.unwrap().command else {
            panic!("expected serve");
        };
        let sources = Sources {
            flags: serve.flags(),
            ..Sources::default()
        };
        let settings = sources.load().unwrap().settings;
        assert_eq!(settings.store.to_string(), "sqlite://a");
        assert_eq!(settings.archive.word(), "all");
        assert_eq!(settings.plugins_dir, PathBuf::from("p"));
        assert_eq!(settings.serve.listen.port(), 1);
        assert_eq!(settings.ingest.relay.first().as_str(), "ws://r");
        assert_eq!(settings.ingest.source.word(), "jetstream");
        assert_eq!(settings.ingest.jetstream.first().as_str(), "ws://j");
    }
}
