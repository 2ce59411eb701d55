//! Counters in Prometheus' text format, version 0.0.4.

use std::fmt::Write;

use super::counters::{Counter, Kind, Snapshot};

impl Snapshot {
    /// The text for `/metrics`: every counter as `aviary_…`, refused frames by reason.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut out = String::new();
        for counter in Counter::ALL {
            let (kind, suffix) = match counter.kind() {
                Kind::Counter => ("counter", "_total"),
                Kind::Gauge => ("gauge", ""),
            };
            let name = format!("aviary_{}{suffix}", counter.name());
            head(&mut out, &name, counter.help().trim(), kind);
            line(&mut out, &name, self.get(*counter));
        }
        let name = "aviary_rejected_total";
        head(&mut out, name, "Frames refused, by reason.", "counter");
        for (reason, n) in &self.rejected {
            // Reasons are short fixed names: nothing in them needs escaping.
            line(&mut out, &format!("{name}{{reason=\"{reason}\"}}"), *n);
        }
        out
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a string cannot fail.
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
}

fn line(out: &mut String, series: &str, value: u64) {
    writeln!(out, "{series} {value}").ok();
}

#[cfg(test)]
mod tests {
    use crate::telemetry::{Counter, Counters};

    #[test]
    fn a_counter_is_three_lines() {
        let counters = Counters::new();
        counters.add(Counter::Reconnects, 7);
        counters.reject("car");
        let text = counters.snapshot().prometheus();
        assert!(
            text.contains("# TYPE aviary_reconnects_total counter\naviary_reconnects_total 7\n")
        );
        assert!(text.contains("# TYPE aviary_connected gauge\naviary_connected 0\n"));
        assert!(text.ends_with("aviary_rejected_total{reason=\"car\"} 1\n"));
    }
}
