//! `simnet`: the simulated network as a process, and as a recorder of pre-signed traffic.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aviary_simnet::{Config, Network, Time, limits, record};
use clap::{Args, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

/// A simulated AT Protocol network on loopback.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the stream, the repositories and the PLC directory until a signal or N events.
    Serve(Serve),
    /// Write pre-signed frames, DID documents and the true final state into a directory.
    Record(Record),
}

#[derive(Args)]
struct Serve {
    /// Where the stream and the repositories listen. Port 0: any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the PLC directory listens. Port 0: any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    plc_listen: SocketAddr,
    /// Accounts of the world.
    #[arg(long, default_value_t = 200)]
    accounts: usize,
    /// Seed of the world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events per second; 0: as fast as they can be signed and taken.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Stop after so many events, once the connected consumers have them.
    #[arg(long)]
    events: Option<u64>,
    /// Go on serving after the last event, until a signal.
    #[arg(long)]
    stay: bool,
    /// Use the repeatable clock instead of the machine's: same seed, same bytes.
    #[arg(long)]
    logical_clock: bool,
}

#[derive(Args)]
struct Record {
    /// Events to record.
    #[arg(long)]
    events: u64,
    /// Accounts of the world.
    #[arg(long, default_value_t = 1_000)]
    accounts: usize,
    /// Seed of the world: same seed, same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The directory to write into; it is created.
    #[arg(long)]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match Cli::parse().command {
        Command::Serve(args) => serve(args).await,
        Command::Record(args) => write(&args),
    }
}

async fn serve(args: Serve) -> anyhow::Result<()> {
    let config = Config {
        seed: args.seed,
        accounts: args.accounts,
        time: if args.logical_clock {
            Time::default()
        } else {
            Time::Wall
        },
        listen: args.listen,
        plc_listen: args.plc_listen,
        ..Config::default()
    };
    let network = Network::start(config).await?;
    println!("{}", serde_json::to_string(network.urls())?);
    let events = args.events.unwrap_or(u64::MAX);
    tokio::select! {
        heard = signalled() => heard?,
        done = emission(&network, args.rate, events, args.stay) => done?,
    }
    network.stop().await;
    Ok(())
}

/// Emits, lets the consumers take what is left, and with `stay` never ends.
async fn emission(network: &Network, rate: u32, events: u64, stay: bool) -> anyhow::Result<()> {
    let seq = network
        .run_for(rate, events, CancellationToken::new())
        .await?;
    let drained = network
        .drained(Duration::from_millis(limits::SLOW_CONSUMER_MS))
        .await;
    let done = serde_json::json!({ "done": true, "seq": seq, "drained": drained });
    if writeln!(std::io::stdout(), "{done}").is_err() {
        tracing::debug!("nobody reads the output any more");
    }
    if stay {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Waits for SIGINT or SIGTERM.
async fn signalled() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        heard = tokio::signal::ctrl_c() => heard,
        _ = terminate.recv() => Ok(()),
    }
}

fn write(args: &Record) -> anyhow::Result<()> {
    let config = Config {
        seed: args.seed,
        accounts: args.accounts,
        ..Config::default()
    };
    let (started, mut told) = (Instant::now(), Instant::now());
    let summary = record::record(&config, args.events, &args.out, |events| {
        if told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            let rate = events as f64 / started.elapsed().as_secs_f64();
            eprintln!("{events} of {} events, {rate:.0} events/s", args.events);
        }
    })?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}
