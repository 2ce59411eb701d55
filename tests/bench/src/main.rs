//! The figures of the whole host: commits verified, frames replayed into a store, a large repository fetched.
//!
//! Every figure is the median of several runs and stands beside what it is to be held against, measured in the same
//! run. The machine may be shared and noisy: compare CPU time and ratios; rates say what this machine did at that moment.

mod measure;
mod peer;
mod recorded;
mod resync;
mod verification;
mod whole_path;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};

/// Measures a release build of `aviary`.
#[derive(Parser)]
struct Args {
    /// The `aviary` program (a release build).
    #[arg(long)]
    aviary: PathBuf,
    /// A folder of plugins.
    #[arg(long)]
    plugins: PathBuf,
    /// A folder with pre-signed frames and their DID documents, as `simnet record` makes it.
    #[arg(long)]
    signed: PathBuf,
    /// A folder with the reference libraries installed; without it nothing stands beside verification.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Counted runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Records of the repository that is fetched.
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// Only this.
    #[arg(long)]
    only: Option<Only>,
}

/// One table.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Verification,
    WholePath,
    Resync,
}

impl Args {
    fn asks_for(&self, table: Only) -> bool {
        self.only.is_none_or(|only| only == table)
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!("{}", measure::machine());
    let signed = recorded::of_folder("pre-signed", &args.signed)?;
    let medium = recorded::medium()?;
    let inputs: Vec<_> = std::iter::once(signed).chain(medium).collect();
    if args.asks_for(Only::Verification) {
        verification::table(&inputs, args.peer.as_deref(), args.runs)?;
    }
    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    if args.asks_for(Only::WholePath) {
        whole_path::table(&args, &runtime, &inputs)?;
    }
    if args.asks_for(Only::Resync) {
        runtime.block_on(resync::table(&args))?;
    }
    println!("{}", measure::machine());
    Ok(())
}
