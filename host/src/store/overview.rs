//! What a store says about itself to its operator: who works on it, and how far everything is.
//!
//! Guarantees: it is read without taking part: no lock, no lease, no table is made. Of one moment on each backend.

use crate::entry::Partition;

use super::feed::Pos;
use super::rows::GenerationId;

/// A store at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Hosts that said something lately; empty where a file has one owner.
    pub hosts: Vec<HostNote>,
    /// The last pos of each partition.
    pub partitions: Vec<(Partition, Pos)>,
    /// The lowest mark of each source that has one in every partition: its saved cursor.
    pub cursors: Vec<(String, i64)>,
    /// Registered generations.
    pub plugins: Vec<PluginNote>,
}

/// One host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNote {
    /// Unique for each process.
    pub name: String,
    /// What it does.
    pub roles: String,
    /// The program's version.
    pub version: String,
    /// Where it answers.
    pub address: String,
    /// Since it last said something (s).
    pub seen_s: i64,
    /// Since it started (s).
    pub up_s: i64,
    /// Whether it holds the leases: it writes.
    pub writes: bool,
}

/// One generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginNote {
    /// The plugin.
    pub name: String,
    /// Its number.
    pub generation: GenerationId,
    /// Its position in each partition.
    pub positions: Vec<(Partition, Pos)>,
    /// Commits that it is behind the archive.
    pub lag: i64,
}

impl Overview {
    /// Adds up from rows: partitions, (source, lowest mark, how many partitions have one), (plugin, generation,
    /// partition, position) in the order of generations.
    pub(super) fn of(
        partitions: Vec<(Partition, Pos)>,
        marks: Vec<(String, i64, i64)>,
        positions: Vec<(String, GenerationId, Partition, Pos)>,
    ) -> Self {
        let head = |partition| {
            let found = partitions.iter().find(|(p, _)| *p == partition);
            found.map_or(0, |(_, pos)| *pos)
        };
        let mut plugins: Vec<PluginNote> = Vec::new();
        for (name, generation, partition, pos) in positions {
            if plugins.last().is_none_or(|p| p.generation != generation) {
                plugins.push(PluginNote {
                    name,
                    generation,
                    positions: Vec::new(),
                    lag: 0,
                });
            }
            if let Some(plugin) = plugins.last_mut() {
                plugin.lag += (head(partition) - pos).max(0);
                plugin.positions.push((partition, pos));
            }
        }
        let all = i64::try_from(partitions.len()).unwrap_or(i64::MAX);
        let cursors = marks
            .into_iter()
            .filter_map(|(source, lowest, marked)| (marked == all).then_some((source, lowest)))
            .collect();
        Self {
            hosts: Vec::new(),
            partitions,
            cursors,
            plugins,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_over_all_partitions_and_a_cursor_needs_all_of_them() {
        let of =
            |name: &str, generation, partition, pos| (name.to_owned(), generation, partition, pos);
        let overview = Overview::of(
            vec![(0, 10), (1, 20)],
            vec![("a".into(), 7, 2), ("b".into(), 9, 1)],
            vec![
                of("x", 1, 0, 10),
                of("x", 1, 1, 15),
                of("y", 2, 0, 0),
                of("y", 2, 1, 20),
            ],
        );
        assert_eq!(overview.cursors, [("a".to_owned(), 7)]);
        let lags: Vec<_> = overview.plugins.iter().map(|p| (&*p.name, p.lag)).collect();
        assert_eq!(lags, [("x", 5), ("y", 10)]);
    }
}
