//! `cargo xtask dev`: a host and a simulated network on loopback, with a live line, until Ctrl-C or so many events.

mod child;
mod examples;
mod http;
mod watch;

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use crate::plugins;
use crate::steps::{Steps, cargo_with};
use crate::workspace::Workspace;
use child::Child;
use watch::{Ended, Watch};

/// How long a program may take until it says that it is ready.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a program may take to drain: above the host's own bound of 30 s.
const STOP_MAX: Duration = Duration::from_secs(40);

#[derive(Args)]
pub(crate) struct Dev {
    /// Stop after so many events, with a summary
    #[arg(long)]
    events: Option<u64>,
    /// Accounts of the simulated network
    #[arg(long, default_value_t = 200)]
    accounts: usize,
    /// Events per second; 0 is as fast as they are taken
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Where XRPC is answered; any free port when this one is taken
    #[arg(long, default_value = "127.0.0.1:3210")]
    listen: String,
}

impl Dev {
    pub(crate) fn run(self, steps: &mut Steps) -> anyhow::Result<()> {
        let workspace = plugins::build(steps)?;
        let build = [
            "build",
            "--release",
            "--package",
            "aviary",
            "--package",
            "aviary-simnet",
            "--bins",
        ];
        steps.run("release build", &mut cargo_with(&build))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.go(&workspace))
    }

    async fn go(&self, workspace: &Workspace) -> anyhow::Result<()> {
        // From here on Ctrl-C is ours: the children stand in groups of their own and are told by us.
        let mut stop = child::Stop::new()?;
        let dir = workspace.target.join("dev");
        fresh(&dir)?;
        let simnet = self.start_simnet(workspace, &dir)?;
        let (mut simnet, network) = ready(simnet, simnet_addresses, &mut stop).await?;
        let host = self.start_host(workspace, &dir, &network)?;
        let (mut host, url) = ready(host, host_url, &mut stop).await?;

        println!(
            "\nSimulated network  {}   (log {})",
            network.relay,
            simnet.log.display()
        );
        println!("Aviary             {url}   (log {})\n", host.log.display());
        let watched = Watch::new(&url, self.events)
            .run(&mut host, &mut simnet, &mut stop)
            .await;
        // The host first: it drains what it has read.
        let stopped = host.stop(STOP_MAX).await;
        simnet.stop(STOP_MAX).await?;
        stopped?;
        match watched? {
            Ended::Told => println!("Stopped: everything that was read is committed."),
            Ended::Reached(summary) => println!("{summary}"),
        }
        Ok(())
    }

    fn start_simnet(&self, workspace: &Workspace, dir: &Path) -> anyhow::Result<Child> {
        let mut args = vec!["serve".to_owned(), "--listen".into(), "127.0.0.1:0".into()];
        args.extend([
            "--accounts".into(),
            self.accounts.to_string(),
            "--rate".into(),
            self.rate.to_string(),
        ]);
        if let Some(events) = self.events {
            args.extend(["--events".into(), events.to_string(), "--stay".into()]);
        }
        Child::start(&workspace.target.join("release/simnet"), &args, &[], dir)
    }

    fn start_host(
        &self,
        workspace: &Workspace,
        dir: &Path,
        network: &Network,
    ) -> anyhow::Result<Child> {
        let plugins = workspace.plugins_dir();
        let listen = match TcpListener::bind(&self.listen) {
            Ok(_free) => self.listen.clone(),
            Err(error) => {
                println!("{} is not free ({error}): taking another port", self.listen);
                "127.0.0.1:0".into()
            }
        };
        let args = [
            "serve",
            "--store",
            "sqlite://aviary.db",
            "--relay",
            &network.relay,
            "--listen",
            &listen,
            "--plugins",
            &plugins.to_string_lossy(),
        ];
        // All that the network has emitted: it began before we could listen.
        let environment = [
            ("AVIARY_INGEST_START", "oldest"),
            ("AVIARY_IDENTITY_PLC", network.plc.as_str()),
            ("AVIARY_NET_ALLOW", "127.0.0.1"),
        ];
        Child::start(
            &workspace.target.join("release/aviary"),
            &args.map(str::to_owned),
            &environment,
            dir,
        )
    }
}

/// Where the simulated network listens.
struct Network {
    relay: String,
    plc: String,
}

/// An empty folder: the simulated network begins anew each time, so must the store.
fn fresh(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// Waits for the line in which a program says that it is ready.
async fn ready<T>(
    mut child: Child,
    said: fn(&str) -> Option<T>,
    stop: &mut child::Stop,
) -> anyhow::Result<(Child, T)> {
    let waited = tokio::select! {
        found = tokio::time::timeout(START_MAX, child.line(said)) => found.context("it did not say that it is ready").flatten(),
        () = stop.told() => Err(anyhow::anyhow!("stopped before it was ready")),
    };
    let told = || child.failure();
    let found = waited.with_context(told)?;
    Ok((child, found))
}

/// The simulated network prints its addresses as one JSON object.
fn simnet_addresses(line: &str) -> Option<Network> {
    let urls: Value = serde_json::from_str(line).ok()?;
    let of = |name: &str| Some(urls[name].as_str()?.to_owned());
    Some(Network {
        relay: of("relay")?,
        plc: of("plc")?,
    })
}

fn host_url(line: &str) -> Option<String> {
    Some(line.split_once("listening on ")?.1.trim().to_owned())
}
