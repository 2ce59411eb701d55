//! What this process has used, from `/proc/self`; nothing on systems without it.

/// CPU time and memory of this process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// User and system time of all threads since the start (seconds).
    pub(super) cpu_s: Option<f64>,
    /// Resident memory now (bytes).
    pub(super) resident_bytes: Option<u64>,
    /// The most resident memory so far (bytes).
    pub(super) resident_peak_bytes: Option<u64>,
}

impl Usage {
    /// Reads the figures.
    pub(super) fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            cpu_s: cpu_s(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default()),
            resident_bytes: kib_line(&status, "VmRSS:"),
            resident_peak_bytes: kib_line(&status, "VmHWM:"),
        }
    }
}

/// Linux reports these fields in hundredths of a second on every architecture that we build for.
const TICKS_PER_S: f64 = 100.0;

fn cpu_s(stat: &str) -> Option<f64> {
    // The program's name stands in parentheses and may hold spaces: fields are counted after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}

fn kib_line(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_after_a_name_with_spaces() {
        let stat = "7 (a b) c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 1 2 3";
        assert_eq!(cpu_s(stat), Some(3.0));
        assert_eq!(
            kib_line("VmPeak:\t9 kB\nVmRSS:\t   12 kB\n", "VmRSS:"),
            Some(12 * 1_024)
        );
        assert_eq!(kib_line("", "VmRSS:"), None);
    }
}
