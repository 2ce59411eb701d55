//! `aviary config`.

use std::io::Write;

use clap::Args;

use super::{Common, ExitCode};
use crate::config::{Flags, Loaded};

#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(flatten)]
    common: Common,
}

impl Config {
    pub(super) fn flags(&self) -> Flags {
        self.common.flags()
    }
}

/// Prints; reading the settings has checked them.
pub(super) fn run(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(loaded.to_toml().as_bytes())?;
    Ok(ExitCode::Done)
}
