//! Text and bytes: order, prefixes, pieces, lists; the trial's Postgres orders text by a language, and no read shows it.

use super::words::{Good, did, hold, one, plain};
use crate::store::gate::Dialect;
use crate::store::read::Param;
use crate::store::rows::Value;
use crate::store::trial::on_both;

on_both!(
    text_is_ordered_by_its_bytes,
    prefixes_end_where_no_text_is_above_them,
    pieces_of_text_and_bytes_agree,
    lists_may_be_empty_and_hold_anything,
);

/// The trial's texts in byte order, by id: "" Z a a\\b'c ä é U+10FFFF U+10FFFFa, and a null.
async fn text_is_ordered_by_its_bytes(dialect: Dialect) {
    hold(dialect, ORDER).await;
}

const ORDER: &[Good] = &[
    plain(
        "i integer",
        "select id from numbers order by t nulls last",
        &["1", "5", "2", "9", "8", "3", "6", "7", "4"],
    ),
    plain(
        "i integer",
        "select id from numbers order by t nulls first limit 2",
        &["4", "1"],
    ),
    plain(
        "i integer",
        "select id from numbers order by t desc nulls first limit 3",
        &["4", "7", "6"],
    ),
    plain(
        "i integer",
        "select id from numbers order by t desc nulls last limit 1 offset 1",
        &["6"],
    ),
    plain(
        "i integer",
        "select id from numbers where t > 'Z' and t < 'b' order by id",
        &["2", "9"],
    ),
    plain(
        "i integer",
        "select id from numbers where t between 'a' and 'é' order by id",
        &["2", "3", "8", "9"],
    ),
    plain(
        "lo text?, hi text?",
        "select min(t), max(t) from numbers",
        &[" \u{10FFFF}a"],
    ),
    plain(
        "lo text?, hi text?",
        "select min(t), max(t) filter (where n < 10) from numbers where t > ''",
        &["Z \u{10FFFF}"],
    ),
    plain(
        "t text",
        "select max(coalesce(t, ''), 'b') from numbers where id in (5, 8) order by id",
        &["b", "ä"],
    ),
    plain("t text", "select min('ä', 'b', 'Z')", &["Z"]),
    plain(
        "a text?, b text?",
        "select lag(t) over (order by t nulls last), lead(t, 2) over (order by t nulls last) from numbers where id in (2, 5, 8) order by id",
        &["Z -", "- ä", "a -"],
    ),
    plain(
        "n integer",
        "select row_number() over (order by t desc nulls last) from numbers order by id limit 3",
        &["8", "6", "3"],
    ),
    plain(
        "t text?",
        "select t from numbers where id < 4 union select 'Z' order by 1 nulls last",
        &["", "Z", "a", "é"],
    ),
    plain(
        "t text",
        "with x as (select t || '!' as u from numbers where t is not null) select coalesce(max(u), '') from x",
        &["\u{10FFFF}a!"],
    ),
    plain(
        "t text",
        "select case when id = 8 then 'é' else coalesce(t, '') end as u from numbers where id in (2, 3, 8) order by u, id limit 2",
        &["a", "é"],
    ),
    plain(
        "t text",
        "select cast(id as text) as u from numbers where id > 7 union all select '10' order by u",
        &["10", "8", "9"],
    ),
    // Bytes.
    plain(
        "i integer",
        "select id from numbers where b is not null order by b nulls last, id",
        &["1", "2", "8", "3", "6", "7", "5"],
    ),
    plain(
        "i integer",
        "select id from numbers where b > x'00ff' order by id",
        &["5", "6", "7"],
    ),
    plain(
        "lo bytes?, hi bytes?",
        "select min(b), max(b) from numbers",
        &["[] [ff]"],
    ),
    plain(
        "hi bytes?",
        "select max(b) filter (where id < 5) from numbers",
        &["[00, ff]"],
    ),
    plain(
        "hi bytes?",
        "select min(b) from numbers where id = 4",
        &["-"],
    ),
    plain(
        "b bytes",
        "select max(coalesce(b, x''), x'01') from numbers where id in (5, 8) order by id",
        &["[ff]", "[01]"],
    ),
    plain("n integer", "select count(distinct b) from numbers", &["6"]),
];

async fn prefixes_end_where_no_text_is_above_them(dialect: Dialect) {
    hold(dialect, PREFIXES).await;
}

const fn prefixed(prefix: fn() -> Vec<Param>, rows: &'static [&'static str]) -> Good {
    Good {
        params: "text",
        returns: "i integer",
        sql: "select id from numbers where starts_with(t, $1) order by id",
        values: prefix,
        rows,
    }
}

fn text(t: &str) -> Vec<Param> {
    vec![one(Value::Text(t.into()))]
}

const PREFIXES: &[Good] = &[
    prefixed(|| text("\u{10FFFF}"), &["6", "7"]),
    prefixed(|| text("\u{10FFFF}a"), &["7"]),
    prefixed(|| text(""), &["1", "2", "3", "5", "6", "7", "8", "9"]),
    prefixed(|| text("a"), &["2", "9"]),
    prefixed(|| text("a\\"), &["9"]),
    prefixed(|| text("\u{e4}"), &["8"]),
    Good {
        params: "text",
        returns: "n integer",
        sql: "select count(*) from numbers where not starts_with(t, $1)",
        values: || text(""),
        rows: &["0"],
    },
    plain(
        "i integer",
        "select id from numbers where starts_with(t, '\u{10FFFF}') order by id",
        &["6", "7"],
    ),
    plain(
        "n integer",
        "select count(*) from numbers where not starts_with(t, '')",
        &["0"],
    ),
    plain(
        "n integer",
        "select count(*) from numbers where starts_with(t, '') is null",
        &["1"],
    ),
    plain(
        "i integer",
        "select id from numbers where starts_with(t, 'a\\') order by id",
        &["9"],
    ),
    plain(
        "i integer",
        "select id from numbers where starts_with(t, substr(t, 1, 1) || '') and length(t) > 1 order by id",
        &["7", "9"],
    ),
];

async fn pieces_of_text_and_bytes_agree(dialect: Dialect) {
    hold(dialect, PIECES).await;
}

const PIECES: &[Good] = &[
    plain(
        "a integer?, b integer?",
        "select length(t), length(b) from numbers where id in (3, 4, 7) order by id",
        &["1 2", "- -", "2 1"],
    ),
    plain(
        "a text?, b text?, c text?",
        "select substr(t, 2), substr(t, 1, 99999999999), substr(t, 99999999999) from numbers where id = 9",
        &["\\b'c a\\b'c "],
    ),
    plain(
        "a text?",
        "select substr(t, 2, 0) || '.' from numbers where id = 9",
        &["."],
    ),
    plain(
        "i integer",
        "select id from numbers where t = 'a\\b''c'",
        &["9"],
    ),
    plain(
        "t text",
        "select 'it''s \\ ' || '\"$1\"'",
        &["it's \\ \"$1\""],
    ),
    plain(
        "t text?",
        "select nullif(t, 'a') || t from numbers where id in (2, 8) order by id",
        &["-", "ää"],
    ),
    plain("b bytes", "select x'00ff'", &["[00, ff]"]),
    plain("n integer", "select length(x'') + length('')", &["0"]),
];

async fn lists_may_be_empty_and_hold_anything(dialect: Dialect) {
    hold(dialect, LISTS).await;
}

const LISTS: &[Good] = &[
    Good {
        params: "integer[]",
        returns: "a integer, b integer",
        sql: "select count(*) filter (where n in ($1)), count(*) filter (where n not in ($1)) from numbers",
        values: || vec![Param::Many(Vec::new())],
        rows: &["0 9"],
    },
    Good {
        params: "integer[]",
        returns: "a integer, b integer",
        sql: "select count(*) filter (where n in ($1)), count(*) filter (where n not in ($1)) from numbers",
        values: || {
            vec![Param::Many(vec![
                Value::Integer(7),
                Value::Integer(i64::MIN),
            ])]
        },
        rows: &["2 6"],
    },
    Good {
        params: "text[]",
        returns: "i integer",
        sql: "select id from numbers where t in ($1) order by id",
        values: || {
            let all = ["", "a\\b'c", "\u{10FFFF}", "\u{e9}", "{x,\"y\"}", "null"];
            vec![Param::Many(
                all.iter().map(|t| Value::Text((*t).into())).collect(),
            )]
        },
        rows: &["1", "3", "6", "9"],
    },
    Good {
        params: "did[], at-uri[]",
        returns: "n integer",
        sql: "select count(*) from status where _did in ($1) or _uri in ($2)",
        values: || vec![Param::Many(Vec::new()), Param::Many(Vec::new())],
        rows: &["0"],
    },
    Good {
        params: "did[], did",
        returns: "u at-uri",
        sql: "select _uri from status where _did in ($1) and _did <> $2 order by _uri",
        values: || {
            let all = ["zed", "nobody", "amy", "zed"];
            let all = all.iter().map(|name| did(name)).collect();
            vec![Param::Many(all), one(did("nobody"))]
        },
        rows: &["amy/2", "zed/1", "zed/4"],
    },
    // As text, a DID is compared by its bytes.
    Good {
        params: "did[]",
        returns: "u at-uri",
        sql: "select _uri from status where _did || '' in ($1)",
        values: || vec![Param::Many(vec![did("bob")])],
        rows: &["bob/3"],
    },
    plain(
        "n integer",
        "select count(*) from numbers where t in ('a', 'Z', 'no') or n in (7, 2)",
        &["3"],
    ),
    plain(
        "n integer",
        "select count(*) from numbers where n not in (7, 2)",
        &["6"],
    ),
];
