//! Records, as the lexicons of their collections have them, in atproto JSON.

use rand::Rng;
use serde_json::{Value, json};
use shrike::cbor::json::{Integers, drisl_to_json, json_to_drisl};
use shrike::cbor::{Cid, Codec};

use crate::Result;
use crate::text;

pub(crate) const LIKE: &str = "app.bsky.feed.like";
pub(crate) const FOLLOW: &str = "app.bsky.graph.follow";
pub(crate) const REPOST: &str = "app.bsky.feed.repost";
pub(crate) const POST: &str = "app.bsky.feed.post";
pub(crate) const STATUS: &str = "xyz.statusphere.status";
pub(crate) const PROFILE: &str = "app.bsky.actor.profile";

/// A record's DAG-CBOR.
pub(crate) fn encode(record: &Value) -> Result<Vec<u8>> {
    Ok(json_to_drisl(record, Integers::Safe)?)
}

/// A record's atproto JSON.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value> {
    Ok(drisl_to_json(bytes)?)
}

/// A like or a repost: both point at a version of a record.
pub(crate) fn pointer(collection: &str, subject: &Value, at: &str) -> Value {
    json!({ "$type": collection, "subject": subject, "createdAt": at })
}

/// A reference to a version of a record (`com.atproto.repo.strongRef`).
pub(crate) fn strong_ref(uri: &str, cid: &Cid) -> Value {
    json!({ "uri": uri, "cid": cid.to_string() })
}

pub(crate) fn follow(subject: &str, at: &str) -> Value {
    json!({ "$type": FOLLOW, "subject": subject, "createdAt": at })
}

pub(crate) fn status(rng: &mut impl Rng, at: &str) -> Value {
    json!({ "$type": STATUS, "status": text::one(rng, &text::EMOJI), "createdAt": at })
}

pub(crate) fn profile(rng: &mut impl Rng, at: &str) -> Value {
    let words = rng.random_range(3..14);
    let mut record = json!({
        "$type": PROFILE,
        "displayName": text::text(rng, 2).text,
        "description": text::text(rng, words).text,
        "createdAt": at,
    });
    if rng.random_ratio(3, 5) {
        record["avatar"] = blob(rng);
    }
    record
}

/// A blob that nobody can fetch: the network keeps none.
fn blob(rng: &mut impl Rng) -> Value {
    let cid = Cid::compute(Codec::Raw, &rng.random::<[u8; 32]>());
    json!({
        "$type": "blob",
        "ref": { "$link": cid.to_string() },
        "mimeType": "image/jpeg",
        "size": rng.random_range(5_000..900_000),
    })
}

/// A person that a post may mention.
pub(crate) struct Mentioned {
    pub(crate) did: String,
    pub(crate) handle: String,
}

/// What a post answers, if it does, and whom it mentions, if anybody.
#[derive(Default)]
pub(crate) struct Context {
    pub(crate) reply: Option<(Value, Value)>,
    pub(crate) mentioned: Option<Mentioned>,
}

/// A post; `context.reply` is root and parent.
pub(crate) fn post(rng: &mut impl Rng, context: Context, at: &str) -> Value {
    let written = text::post(rng);
    let (text, facets) = decorate(rng, written.text, context.mentioned);
    let mut record = json!({
        "$type": POST,
        "text": text,
        "createdAt": at,
        "langs": [written.lang],
    });
    if !facets.is_empty() {
        record["facets"] = Value::Array(facets);
    }
    if let Some((root, parent)) = context.reply {
        record["reply"] = json!({ "root": root, "parent": parent });
    } else if rng.random_ratio(1, 12) {
        record["embed"] = json!({
            "$type": "app.bsky.embed.external",
            "external": {
                "uri": link(rng),
                "title": text::text(rng, 5).text,
                "description": text::text(rng, 12).text,
                "thumb": blob(rng),
            },
        });
    }
    record
}

/// Adds a mention, a tag and a link to a text, each sometimes, with the facet that marks its bytes.
fn decorate(rng: &mut impl Rng, mut text: String, who: Option<Mentioned>) -> (String, Vec<Value>) {
    let mut facets = Vec::new();
    let mut add = |text: &mut String, shown: &str, feature: Value| {
        text.push(' ');
        let start = text.len();
        text.push_str(shown);
        facets.push(json!({
            "$type": "app.bsky.richtext.facet",
            "index": { "byteStart": start, "byteEnd": text.len() },
            "features": [feature],
        }));
    };
    if let Some(Mentioned { did, handle }) = who {
        let feature = json!({ "$type": "app.bsky.richtext.facet#mention", "did": did });
        add(&mut text, &format!("@{handle}"), feature);
    }
    if rng.random_ratio(1, 8) {
        let tag = text::one(
            rng,
            &[
                "caturday",
                "写真",
                "rustlang",
                "böcker",
                "música",
                "100daysofcode",
            ],
        );
        let feature = json!({ "$type": "app.bsky.richtext.facet#tag", "tag": tag });
        add(&mut text, &format!("#{tag}"), feature);
    }
    if rng.random_ratio(1, 8) {
        let uri = link(rng);
        let feature = json!({ "$type": "app.bsky.richtext.facet#link", "uri": uri });
        add(&mut text, uri.trim_start_matches("https://"), feature);
    }
    (text, facets)
}

fn link(rng: &mut impl Rng) -> String {
    format!("https://news.sim.test/{}", rng.random_range(1..100_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn facets_mark_the_bytes_of_what_they_show() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let mut seen = 0;
        for _ in 0..500 {
            let who = Mentioned {
                did: "did:plc:x".into(),
                handle: "user1.sim.test".into(),
            };
            let context = Context {
                reply: None,
                mentioned: Some(who),
            };
            let record = post(&mut rng, context, "2026-01-01T00:00:00.000Z");
            let text = record["text"].as_str().unwrap();
            for facet in record["facets"].as_array().unwrap() {
                let at = |key: &str| facet["index"][key].as_u64().unwrap() as usize;
                let shown = &text[at("byteStart")..at("byteEnd")];
                assert!(
                    ["@user1.sim.test", "#", "news.sim.test/"]
                        .iter()
                        .any(|p| shown.starts_with(p))
                );
                seen += 1;
            }
        }
        assert!(seen > 500);
    }

    #[test]
    fn records_survive_the_way_through_dag_cbor() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for _ in 0..200 {
            let record = profile(&mut rng, "2026-01-01T00:00:00.000Z");
            assert_eq!(decode(&encode(&record).unwrap()).unwrap(), record);
        }
    }
}
