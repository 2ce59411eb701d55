//! The log: one line for each event, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;
use tracing_subscriber::{fmt, prelude::*};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error(
        "expected a log level (error, warn, info, debug, trace) or a filter such as \"info,aviary::ingest=debug\", got {got:?}: {reason}"
    )]
    Filter {
        /// What was configured.
        got: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody set up a log before.
    #[error("the log was set up twice: {0}")]
    Twice(#[from] TryInitError),
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(level)
        .map_err(|e| TelemetryError::Filter {
            got: level.to_owned(),
            reason: e.to_string(),
        })
}

/// Sets the process's log up: `level` is a level or a filter of targets, `json` makes each line one object.
///
/// # Errors
/// When the filter does not parse, or a log is set up already.
pub fn init(level: &str, json: bool) -> Result<(), TelemetryError> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter(level)?);
    if json {
        registry.with(lines.json().flatten_event(true)).try_init()?;
    } else {
        let ansi = std::io::stderr().is_terminal();
        registry.with(lines.with_ansi(ansi)).try_init()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_targets() {
        assert!(filter("info").is_ok());
        assert!(filter("warn,aviary::ingest=debug").is_ok());
        let error = filter("info,aviary=verbose").unwrap_err().to_string();
        assert!(error.contains("\"info,aviary=verbose\""), "{error}");
    }
}
