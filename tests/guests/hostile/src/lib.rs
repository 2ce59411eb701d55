//! A guest that misbehaves on purpose.
//!
//! `index` does what the settings' `mode` says; `handle` what the parameter `mode` says, else the settings. A mode may carry
//! an argument after a colon. Written against the raw interface, since the typed one does not let it.
//!
//! Everywhere: `ok`, `loop`, `trap`, `recurse`, `grow-memory`, `grow-pages`, `flood-log`, `flood-log:N`, `long-log`,
//! `flood-settings`, `flood-settings:N`, `slow-ms:N`, `static-state`. In `index` also `wrong-count`, `too-many-outcomes`
//! and those of `rows`; in `handle` also those of `answers`.

mod answers;
mod harm;
mod rows;

use aviary_plugin::wit::indexer::exports::aviary::plugin::indexer;
use aviary_plugin::wit::methods::exports::aviary::plugin::methods;
use aviary_plugin::wit::types::{Batch, Outcome};

aviary_plugin::embed_manifest!();

/// What the component exports.
pub struct Hostile;

/// What to do, and its argument.
#[derive(Clone)]
struct Mode {
    name: String,
    argument: String,
}

impl Mode {
    fn parse(text: &str) -> Self {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        Self {
            name: name.into(),
            argument: argument.into(),
        }
    }

    fn from_settings() -> Self {
        #[derive(serde::Deserialize)]
        struct Settings {
            mode: Option<String>,
        }
        let mode = aviary_plugin::settings::<Settings>()
            .ok()
            .and_then(|s| s.mode);
        Self::parse(mode.as_deref().unwrap_or("ok"))
    }

    fn number(&self) -> u64 {
        self.argument.parse().unwrap_or(1_000_000)
    }
}

impl indexer::Guest for Hostile {
    fn index(input: Batch) -> Vec<Outcome> {
        let mode = Mode::from_settings();
        harm::whole_call(&mode);
        let mut outcomes: Vec<Outcome> = input.changes.iter().map(|c| rows::of(&mode, c)).collect();
        match mode.name.as_str() {
            "wrong-count" => {
                outcomes.pop();
            }
            "too-many-outcomes" => outcomes.push(Outcome::Skip),
            _ => {}
        }
        outcomes
    }
}

impl methods::Guest for Hostile {
    fn handle(request: methods::XrpcRequest) -> Result<methods::XrpcResponse, methods::XrpcError> {
        #[derive(serde::Deserialize)]
        struct Params {
            mode: Option<String>,
            n: Option<i64>,
        }
        let params: Params =
            serde_json::from_str(&request.params).map_err(|e| methods::XrpcError {
                status: 400,
                error: "InvalidRequest".into(),
                message: e.to_string(),
            })?;
        let mode = params
            .mode
            .map_or_else(Mode::from_settings, |text| Mode::parse(&text));
        harm::whole_call(&mode);
        answers::of(&mode, params.n.unwrap_or(1_000_000))
    }
}

#[cfg(target_family = "wasm")]
aviary_plugin::made::export_indexer!(Hostile with_types_in aviary_plugin::wit::indexer);
#[cfg(target_family = "wasm")]
aviary_plugin::made::export_methods!(Hostile with_types_in aviary_plugin::wit::methods);
