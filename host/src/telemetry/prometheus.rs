//! Prometheus' text format, version 0.0.4, and the counters in it.

use std::fmt::{Display, Write};

use super::counters::{Counter, Kind, Snapshot};

/// A page of series. Each name is begun once, and its samples follow.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a series; `help` is one line.
    pub fn begin(&mut self, name: &str, help: &str, kind: Kind) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string cannot fail.
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
    }

    /// One value, told apart by a label where there are several.
    pub fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl Display) {
        match label {
            Some((key, text)) => {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                let text = text.replace('\n', "\\n");
                writeln!(self.0, "{name}{{{key}=\"{text}\"}} {value}").ok();
            }
            None => {
                writeln!(self.0, "{name} {value}").ok();
            }
        }
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Snapshot {
    /// A page of every counter as `aviary_…`, and of refused frames by reason.
    #[must_use]
    pub fn prometheus(&self) -> Page {
        let mut page = Page::default();
        for counter in Counter::ALL {
            let suffix = match counter.kind() {
                Kind::Counter => "_total",
                Kind::Gauge => "",
            };
            let name = format!("aviary_{}{suffix}", counter.name());
            page.begin(&name, counter.help().trim(), counter.kind());
            page.sample(&name, None, self.get(*counter));
        }
        let name = "aviary_rejected_total";
        page.begin(name, "Frames refused, by reason.", Kind::Counter);
        for (reason, n) in &self.rejected {
            page.sample(name, Some(("reason", reason)), n);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use crate::telemetry::{Counter, Counters};

    #[test]
    fn what_a_label_says_is_escaped() {
        let mut page = Page::default();
        page.sample("a", Some(("b", "c\"d\\e\nf")), 1);
        assert_eq!(page.into_text(), "a{b=\"c\\\"d\\\\e\\nf\"} 1\n");
    }

    #[test]
    fn a_counter_is_three_lines() {
        let counters = Counters::new();
        counters.add(Counter::Reconnects, 7);
        counters.reject("car");
        let text = counters.snapshot().prometheus().into_text();
        assert!(
            text.contains("# TYPE aviary_reconnects_total counter\naviary_reconnects_total 7\n")
        );
        assert!(text.contains("# TYPE aviary_connected gauge\naviary_connected 0\n"));
        assert!(text.ends_with("aviary_rejected_total{reason=\"car\"} 1\n"));
    }
}
