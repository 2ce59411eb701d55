//! The task runner: `cargo xtask dev | test | check | plugins | bench | soak`.
//!
//! Guarantees: writes below the workspace's target folder and nowhere else (cargo and rustup keep their own folders,
//! private servers a temporary one); says what it runs and how long each step took; stops at the first step that fails.

mod bench;
mod check;
mod dev;
mod plugins;
mod services;
mod soak;
mod steps;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run Aviary against a simulated network on loopback
    Dev(dev::Dev),
    /// Everything that must pass: check, plugins, all tests
    Test(test::Test),
    /// Format, lints, documentation and the architecture test
    Check,
    /// Measure the parts and the whole path
    Bench(bench::Bench),
    /// Run a host against a random adversary, seed after seed
    Soak(soak::Soak),
    /// Build the bundled plugins and the tests' guests for wasm32-wasip2
    Plugins,
}

fn main() -> ExitCode {
    let mut steps = steps::Steps::default();
    let done = match Cli::parse().task {
        Task::Dev(dev) => dev.run(&mut steps),
        Task::Test(test) => test.run(&mut steps).map(|()| steps.report()),
        Task::Check => check::run(&mut steps).map(|()| steps.report()),
        Task::Bench(bench) => bench.run(&mut steps).map(|()| steps.report()),
        Task::Soak(soak) => soak.run(&mut steps).map(|()| steps.report()),
        Task::Plugins => plugins::build(&mut steps).map(|_| ()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
