//! A small schema that tests of the gate and of its backends share.

use aviary_manifest::{Column, ParamType, Read};

use super::{GateSchema, Relation, RelationColumn};

fn relation(name: &str, physical: &str, columns: &[&str]) -> Relation {
    let columns = columns.iter().map(|text| {
        let column = Column::try_from((*text).to_owned()).unwrap();
        let physical = match column.name.as_str() {
            "_uri" => "_u",
            "_did" => "_d",
            other => other,
        };
        RelationColumn {
            physical: physical.to_owned(),
            name: column.name,
            ty: column.ty,
            nullable: column.nullable,
        }
    });
    Relation {
        name: name.to_owned(),
        schema: None,
        physical: physical.to_owned(),
        columns: columns.collect(),
    }
}

/// Three tables, two counts, one granted table, one host view.
pub(crate) fn schema() -> GateSchema {
    GateSchema {
        relations: vec![
            relation(
                "status",
                "g1_status_v",
                &[
                    "_uri at-uri",
                    "_did did",
                    "_cid text",
                    "_rev text",
                    "_seen time",
                    "status text",
                    "created_at time",
                    "subject at-uri?",
                    "score real?",
                    "extra json?",
                    "open boolean",
                    "raw bytes?",
                ],
            ),
            relation(
                "likes",
                "g1_likes_v",
                &[
                    "_uri at-uri",
                    "_did did",
                    "subject at-uri",
                    "created_at time",
                ],
            ),
            relation("by_status", "g1_by_status_v", &["status text", "n integer"]),
            relation(
                "by_subject",
                "g1_by_subject_v",
                &["subject at-uri", "n integer"],
            ),
            relation(
                "numbers",
                "g1_numbers_v",
                &["id integer", "n integer?", "x real?", "t text?", "b bytes?"],
            ),
            relation("other.follow", "g2_follow_v", &["_did did", "subject did"]),
            relation(
                "record",
                "host_record_v",
                &["_uri at-uri", "_did did", "collection text", "rkey text"],
            ),
        ],
    }
}

/// Reads that an index of the schema serves: parameters, columns, SQL.
pub(crate) const SERVED: &[(&str, &str, &str)] = &[
    (
        "time, at-uri, integer",
        "u at-uri",
        "select _uri from status where (created_at, _uri) < ($1, $2) order by created_at desc, _uri desc limit $3",
    ),
    (
        "integer",
        "u at-uri",
        "select _uri from status order by created_at desc, _uri desc limit $1",
    ),
    (
        "at-uri[]",
        "u at-uri, n integer?",
        "select _uri, (select n from by_subject b where b.subject = s._uri) from status s where _uri in ($1)",
    ),
    (
        "text[]",
        "u at-uri",
        "select _uri from status where status in ($1)",
    ),
    (
        "text",
        "u at-uri",
        "select _uri from status where starts_with(status, $1)",
    ),
    (
        "at-uri",
        "n integer",
        "select count(*) from likes where subject = $1",
    ),
    (
        "",
        "s text, n integer",
        "select status, n from by_status order by n desc limit 10",
    ),
    (
        "at-uri, integer",
        "u at-uri",
        "select s._uri from likes l join status s on s._uri = l._uri where l.subject = $1 order by l.created_at desc limit $2",
    ),
    (
        "at-uri",
        "u at-uri",
        "with recursive t(u) as (select _uri from status where _uri = $1 union select s._uri from t join status s on s.subject = t.u) select u from t order by u",
    ),
    (
        "at-uri",
        "d did?",
        "select l._did from status s left join likes l on l.subject = s._uri where s._uri = $1",
    ),
];

/// A read as a manifest declares it; `params` and `returns` are lists with `, ` between.
pub(crate) fn read(params: &str, returns: &str, sql: &str) -> Read {
    let list = |text: &str| -> Vec<String> {
        let parts = text.split(", ").filter(|p| !p.is_empty());
        parts.map(str::to_owned).collect()
    };
    let params = list(params).into_iter();
    let returns = list(returns).into_iter();
    Read {
        name: "r".into(),
        params: params.map(|p| ParamType::try_from(p).unwrap()).collect(),
        returns: returns.map(|c| Column::try_from(c).unwrap()).collect(),
        sql: sql.into(),
    }
}
