//! How far each backfill's listing came, of several marks in one unit.

use std::collections::BTreeMap;

use crate::entry::BackfillMark;

/// The mark that stands for each job after all of them in their order: one that has listed less than one before it is
/// old, and the end of a listing stands. A backend holds each against what it has by the same rule.
pub(super) fn last_of_each<'a>(marks: &[&'a BackfillMark]) -> Vec<&'a BackfillMark> {
    let mut last: BTreeMap<&str, &'a BackfillMark> = BTreeMap::new();
    for mark in marks {
        let stands = last.entry(&mark.job).or_insert(mark);
        let goes_on = mark.listed == stands.listed && stands.cursor.is_some();
        if mark.listed > stands.listed || goes_on {
            *stands = mark;
        }
    }
    last.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(job: &str, cursor: Option<&str>, listed: u64) -> BackfillMark {
        BackfillMark {
            job: job.into(),
            cursor: cursor.map(str::to_owned),
            listed,
        }
    }

    #[test]
    fn the_furthest_mark_of_each_job_stands() {
        let marks = [
            mark("a", Some("1"), 10),
            mark("b", Some("1"), 5),
            mark("a", Some("2"), 20),
            mark("a", Some("1"), 10),
            mark("a", None, 20),
            mark("a", Some("2"), 20),
        ];
        let marks: Vec<&BackfillMark> = marks.iter().collect();
        let last: Vec<(&str, Option<&str>, u64)> = last_of_each(&marks)
            .iter()
            .map(|m| (&*m.job, m.cursor.as_deref(), m.listed))
            .collect();
        assert_eq!(last, [("a", None, 20), ("b", Some("1"), 5)]);
    }
}
