//! `aviary serve`.

use std::io::Write;

use clap::Args;

use super::{Common, ExitCode, signals};
use crate::app::{self, ServeOptions};
use crate::config::{Flags, Settings};

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    common: Common,
    /// Where XRPC is answered; port 0 is any free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// What kind of stream is followed
    #[arg(long, value_name = "relay|jetstream")]
    source: Option<String>,
    /// Whose stream is followed, such as wss://relay.example; several with commas: the next when one fails
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Which Jetstream is followed, such as wss://jetstream.example; several as with --relay
    #[arg(long, value_name = "URL")]
    jetstream: Option<String>,
    /// What this host does; several hosts on one Postgres share the work
    #[arg(long, value_name = "ingest,index,serve")]
    roles: Option<String>,
    /// Follow nobody: answer from what the store holds
    #[arg(long)]
    no_ingest: bool,
}

impl Serve {
    pub(super) fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            roles: self.roles.clone(),
            source: self.source.clone(),
            relay: self.relay.clone(),
            jetstream: self.jetstream.clone(),
            ..self.common.flags()
        }
    }

    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let shutdown = signals::shutdown()?;
        let options = ServeOptions {
            ingest: settings.roles.ingest && !self.no_ingest,
            on_listening: Box::new(|address| {
                // Whoever started us may not read this; serving goes on.
                writeln!(std::io::stdout(), "listening on http://{address}").ok();
            }),
        };
        app::serve(settings, options, shutdown).await?;
        Ok(ExitCode::Done)
    }
}
