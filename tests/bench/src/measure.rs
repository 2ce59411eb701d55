//! Medians, CPU time, memory. Linux: from `/proc`.

use std::time::Instant;

use anyhow::Context;

/// The machine and what else it does.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|l| l.strip_prefix("model name"));
    let model = model.map_or("a processor", |l| l.trim_start_matches(['\t', ' ', ':']));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!(
        "{cores} cores of {model}; load average {} (1, 5, 15 min)",
        load.join(" ")
    )
}

/// The middle one of several figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time of this thread (s).
pub(crate) fn thread_cpu_s() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")
        .context("expected /proc/thread-self/schedstat, which Linux has")?;
    let on_cpu_ns = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    Ok(on_cpu_ns.context("expected a time in schedstat")? / 1e9)
}

/// One piece of work done over and over.
pub(crate) struct Spent {
    /// CPU time of this thread for one item (us).
    pub(crate) cpu_us: f64,
    /// Items in one second of the clock.
    pub(crate) per_s: f64,
}

/// Does `pass`, which does `items` pieces of work, until `at_least_s` have gone.
pub(crate) fn spent(
    items: usize,
    at_least_s: f64,
    mut pass: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Spent> {
    let (begun, before, mut done) = (Instant::now(), thread_cpu_s()?, 0);
    while done == 0 || begun.elapsed().as_secs_f64() < at_least_s {
        pass()?;
        done += items;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to show")]
    let done = done as f64;
    Ok(Spent {
        cpu_us: (thread_cpu_s()? - before) * 1e6 / done,
        per_s: done / begun.elapsed().as_secs_f64(),
    })
}

/// What another process has used so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    /// User and system time (s).
    pub(crate) cpu_s: f64,
    /// The most resident memory (MiB).
    pub(crate) peak_mib: f64,
}

/// Reads what a process has used; none when it has ended.
pub(crate) fn used(pid: u32) -> Option<Used> {
    const TICKS_PER_S: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Used {
        cpu_s: (user + system) / TICKS_PER_S,
        peak_mib: kib / 1_024.0,
    })
}
