//! Rankings of made-up links at made-up moments.

use aviary_plugin::testing::{self, Param, Value};

use super::*;

fn uri(n: i64) -> String {
    format!("at://did:plc:a/fyi.frontpage.feed.post/{n}")
}

/// Links by number: votes and age in hours at `NOW`.
const LINKS: [(i64, i64); 5] = [(0, 0), (3, 2), (8, 4), (100, 40), (0, 100)];
const NOW: Time = Time::from_us(1_000 * HOUR_US + SETTLING_US);

/// Answers as a host that has these links.
fn set_links(links: Vec<(i64, i64)>) {
    testing::set_reads(move |name, params| {
        assert_eq!(name, "candidates");
        let moment = match &params[1] {
            Param::One(Value::TimeUs(us)) => *us,
            other => panic!("{other:?}"),
        };
        assert_eq!(moment, 1_000 * HOUR_US, "each page asks for one moment");
        assert_eq!(params[0], Param::One(Value::TimeUs(moment - WINDOW_US)));
        assert_eq!(params[2], Param::One(Value::TimeUs(moment)));
        let row = |(n, (votes, age)): (i64, &(i64, i64))| {
            let created = Value::TimeUs(moment - age * HOUR_US);
            vec![Value::Text(uri(n)), created, Value::Integer(*votes)]
        };
        Ok((0..).zip(&links).map(row).collect())
    });
}

#[test]
fn votes_lift_and_age_lowers() {
    set_links(LINKS.to_vec());
    let reading = Reading::parse(None, NOW).unwrap();
    // (votes + 1) / (hours + 2)^2: 0.25, 0.25, 0.25, 0.0573, 0.0001; of equal ones the newer is before.
    let (uris, cursor) = reading.page(9).unwrap();
    assert_eq!(uris, [0, 1, 2, 3, 4].map(uri));
    assert_eq!(cursor, None);
    let mut links = LINKS.to_vec();
    links[4].0 = 20_000;
    links[0].1 = 1;
    set_links(links);
    assert_eq!(reading.page(9).unwrap().0, [4, 1, 2, 0, 3].map(uri));
}

#[test]
fn pages_are_cut_from_one_ranking() {
    set_links(LINKS.to_vec());
    let whole = Reading::parse(None, NOW).unwrap().page(9).unwrap().0;
    for limit in 1..5 {
        let (mut uris, mut cursor) = Reading::parse(None, NOW).unwrap().page(limit).unwrap();
        while let Some(text) = cursor {
            // It is later now, and the reading is of the same moment.
            let later = Time::from_us(NOW.us() + 5 * HOUR_US);
            let next = Reading::parse(Some(&text), later).unwrap();
            let (more, then) = next.page(limit).unwrap();
            assert!(more.len() <= usize::try_from(limit).unwrap());
            uris.extend(more);
            cursor = then;
        }
        assert_eq!(uris, whole, "pages of {limit}");
    }
}

#[test]
fn a_link_that_goes_between_pages_takes_only_itself_away() {
    set_links(LINKS.to_vec());
    let (_, cursor) = Reading::parse(None, NOW).unwrap().page(2).unwrap();
    let next = Reading::parse(cursor.as_deref(), NOW).unwrap();
    // The last link of the first page is not there any more.
    testing::set_reads(|_, _| {
        let hours = [(2, 8, 4), (3, 100, 40), (0, 0, 0)];
        let row = |(n, votes, age): (i64, i64, i64)| {
            let created = Value::TimeUs((1_000 - age) * HOUR_US);
            vec![Value::Text(uri(n)), created, Value::Integer(votes)]
        };
        Ok(hours.map(row).to_vec())
    });
    assert_eq!(next.page(9).unwrap().0, [2, 3].map(uri));
}

#[test]
fn made_up_cursors_are_refused_or_harmless() {
    for text in [
        "",
        "1 2 3",
        "1 2 3 at://x",
        "1 2 x at://did:plc:a/a.b.c/k",
        "a 2 3 at://did:plc:a/a.b.c/k",
    ] {
        let refused = Reading::parse(Some(&Cursor::opaque(text)), NOW).unwrap_err();
        assert_eq!(
            (refused.status(), refused.error()),
            (400, "InvalidRequest"),
            "{text}"
        );
    }
    testing::set_reads(|_, _| {
        let row = vec![
            Value::Text(uri(0)),
            Value::TimeUs(i64::MIN),
            Value::Integer(i64::MAX),
        ];
        Ok(vec![row])
    });
    for us in [i64::MIN, 0, i64::MAX] {
        let text = format!("{us} {us} {us} at://did:plc:a/a.b.c/k");
        let reading = Reading::parse(Some(&Cursor::opaque(&text)), NOW).unwrap();
        assert!(reading.page(1).unwrap().0.len() <= 1);
    }
}

#[test]
fn an_hour_begins_at_its_start() {
    for (us, hour) in [(0, 0), (HOUR_US - 1, 0), (HOUR_US, HOUR_US), (-1, -HOUR_US)] {
        assert_eq!(hour_of(Time::from_us(us)).us(), hour);
    }
    assert_eq!(hour_of(Time::from_us(i64::MIN)).us(), i64::MIN);
}
