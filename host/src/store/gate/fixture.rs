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
        physical: physical.to_owned(),
        columns: columns.collect(),
    }
}

/// Two tables, two counts, one granted table, one host view.
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
            relation("other.follow", "g2_follow_v", &["_did did", "subject did"]),
            relation(
                "record",
                "host_record_v",
                &["_uri at-uri", "_did did", "collection text", "rkey text"],
            ),
        ],
    }
}

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
