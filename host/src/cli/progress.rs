//! How far a long command is: a bar on a terminal, a line every few seconds elsewhere. On standard error.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Told how far it is, as often as the command likes.
pub(super) type OnProgress<P> = Box<dyn Fn(P) + Send + Sync>;

/// A teller for progress of one kind: `style` is the bar's template, `bar` sets it, `line` words it.
///
/// # Errors
/// When the template is not one.
pub(super) fn teller<P: 'static>(
    style: &str,
    bar: impl Fn(&ProgressBar, P) + Send + Sync + 'static,
    line: impl Fn(P) -> String + Send + Sync + 'static,
) -> anyhow::Result<OnProgress<P>> {
    if std::io::stderr().is_terminal() {
        let shown = ProgressBar::no_length().with_style(ProgressStyle::with_template(style)?);
        return Ok(Box::new(move |progress| bar(&shown, progress)));
    }
    let last = Mutex::new(Instant::now());
    Ok(Box::new(move |progress| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= BETWEEN_LINES {
            *last = Instant::now();
            eprintln!("{}", line(progress));
        }
    }))
}
