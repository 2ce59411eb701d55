//! Ranges of a calendar with events of all lengths, against a look at every event.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::bed::{Bed, Write, datetime, field};

const MINUTE_US: i64 = 60_000_000;
const YEAR_MIN: i64 = 365 * 24 * 60;
const EVENTS: u64 = 400;
const RANGES: u64 = 40;

/// An event as this case knows it (us). One that ends when it starts is a moment.
struct Event {
    uri: String,
    start_us: i64,
    end_us: i64,
}

impl Event {
    /// The words of the lexicon of `getEvents`.
    fn is_on(&self, from_us: i64, to_us: i64) -> bool {
        if self.start_us == self.end_us {
            return from_us <= self.start_us && self.start_us < to_us;
        }
        self.start_us < to_us && self.end_us > from_us
    }
}

/// From a moment to years, each length as likely as twice of it.
fn length_min(dice: &mut ChaCha8Rng) -> i64 {
    let power = dice.random_range(0..22);
    dice.random_range(0..1 << power)
}

fn rolled(dice: &mut ChaCha8Rng) -> Vec<Event> {
    let event = |n| {
        // Few whole hours, so that many start or end together and at a range's own edge.
        let start_us = hour_us(dice);
        let who = dice.random_range(0..4);
        Event {
            uri: format!("at://did:plc:a{who}/community.lexicon.calendar.event/e{n}"),
            start_us,
            end_us: start_us + length_min(dice) / 30 * 30 * MINUTE_US,
        }
    };
    (0..EVENTS).map(event).collect()
}

/// Some whole hour of two years.
fn hour_us(dice: &mut ChaCha8Rng) -> i64 {
    dice.random_range(0..2 * YEAR_MIN / 60) * 60 * MINUTE_US
}

fn write(event: &Event) -> Write {
    let mut record = json!({
        "name": "e", "createdAt": datetime(0), "startsAt": datetime(event.start_us),
    });
    if event.end_us > event.start_us {
        record["endsAt"] = datetime(event.end_us).into();
    }
    Write::new(event.uri.clone(), record)
}

#[tokio::test]
async fn a_range_has_every_event_that_overlaps_it_once_and_in_order() {
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let mut events = rolled(&mut dice);
    let mut bed = Bed::new("calendar").await;
    let writes: Vec<Write> = events.iter().map(write).collect();
    bed.put(1, &writes).await;
    events.sort_by(|a, b| (a.start_us, &a.uri).cmp(&(b.start_us, &b.uri)));
    let (mut begun_before, mut moments) = (0, 0);
    for n in 0..RANGES {
        if n == RANGES / 2 {
            bed.account("did:plc:a3", false).await;
            events.retain(|event| !event.uri.contains("did:plc:a3"));
        }
        let from_us = hour_us(&mut dice);
        let to_us = from_us + (1 + length_min(&mut dice) / 240) * 30 * MINUTE_US;
        let on: Vec<&Event> = events.iter().filter(|e| e.is_on(from_us, to_us)).collect();
        begun_before += on.iter().filter(|e| e.start_us < from_us).count();
        moments += on.iter().filter(|e| e.start_us == e.end_us).count();
        let expected: Vec<&str> = on.iter().map(|e| e.uri.as_str()).collect();
        let (from, to) = (datetime(from_us), datetime(to_us));
        let limit = dice.random_range(3..33).to_string();
        let params = [("from", &*from), ("to", &*to), ("limit", &*limit)];
        let shown = bed.pages("getEvents", &params, "events").await;
        assert_eq!(field(&shown, "uri"), expected, "{params:?}");
    }
    assert!(
        begun_before > 200 && moments > 5,
        "{begun_before} {moments}"
    );
}
