//! Reads of every kind with the rows that the few rows of the trial give by hand.

use super::words::{Good, did, hold, one, plain, uri};
use crate::store::gate::Dialect;
use crate::store::read::Param;
use crate::store::rows::Value;
use crate::store::trial::on_both;

on_both!(good_reads_give_their_rows);

async fn good_reads_give_their_rows(dialect: Dialect) {
    hold(dialect, GOOD).await;
}

/// Reads with the rows that the few rows of the fixture give by hand.
const GOOD: &[Good] = &[
        // Typed values, hidden accounts left out, order by text where times tie.
        plain(
            "u at-uri, d did, c text, r text, s time, t text, at time, sub at-uri?, score real?, j json?, o boolean, b bytes?",
            "select * from status where created_at = 100",
            &["zed/1 zed c1 r1 t7 up t100 - 1.5 json{\"a\":1} true [00, ff]"],
        ),
        plain(
            "u at-uri",
            "select _uri from status order by created_at desc, _uri desc",
            &["zed/4", "bob/3", "amy/2", "zed/1"],
        ),
        plain("u at-uri", "select _uri from status order by _uri", &["amy/2", "bob/3", "zed/1", "zed/4"]),
        plain("u at-uri", "select s.* from (select _uri from status) s order by 1 desc limit 2", &["zed/4", "zed/1"]),
        Good {
            params: "time, at-uri, integer",
            returns: "u at-uri",
            sql: "select _uri from status where (created_at, _uri) < ($1, $2) order by created_at desc, _uri desc limit $3",
            values: || vec![one(Value::Time(200)), one(uri("bob/3")), one(Value::Integer(9))],
            rows: &["amy/2", "zed/1"],
        },
        Good {
            params: "at-uri, integer",
            returns: "u at-uri",
            sql: "select _uri from status where not (created_at, _uri) >= ($2 - 0 + created_at - created_at + created_at, $1) order by 1",
            values: || vec![one(uri("bob/9")), one(Value::Integer(0))],
            rows: &["amy/2", "bob/3"],
        },
        // Negative limits are not "no limit".
        Good {
            params: "integer",
            returns: "u at-uri",
            sql: "select _uri from status limit $1",
            values: || vec![one(Value::Integer(-1))],
            rows: &[],
        },
        // Identity by id, order by text.
        Good {
            params: "did",
            returns: "u at-uri",
            sql: "select _uri from status where _did = $1 order by _uri",
            values: || vec![one(did("zed"))],
            rows: &["zed/1", "zed/4"],
        },
        Good {
            params: "did",
            returns: "u at-uri",
            sql: "select _uri from status where _did > $1 order by _uri",
            values: || vec![one(did("amy"))],
            rows: &["bob/3", "zed/1", "zed/4"],
        },
        Good {
            params: "did",
            returns: "n integer",
            sql: "select count(*) from status where _did <> $1",
            values: || vec![one(did("nobody"))],
            rows: &["4"],
        },
        Good {
            params: "text",
            returns: "u at-uri",
            sql: "select _uri from status where _did = $1 order by 1",
            values: || vec![one(Value::Text("did:plc:amy".into()))],
            rows: &["amy/2"],
        },
        Good {
            params: "at-uri[], text[]",
            returns: "u at-uri, n integer",
            sql: "select s._uri, coalesce(b.n, 0) from status s left join by_subject b on b.subject = s._uri
                  where s._uri in ($1) and status in ($2) order by s._uri",
            values: || {
                let text = |t: &str| Value::Text(t.into());
                vec![
                    Param::Many(vec![uri("amy/2"), uri("zed/1"), uri("zed/4"), uri("no/1")]),
                    Param::Many(vec![text("up"), text("it's \"quoted\"")]),
                ]
            },
            rows: &["amy/2 1", "zed/1 2"],
        },
        Good {
            params: "at-uri[]",
            returns: "n integer",
            sql: "select count(*) from status where _uri not in ($1)",
            values: || vec![Param::Many(Vec::new())],
            rows: &["4"],
        },
        Good {
            params: "integer[], real[], boolean[], time[]",
            returns: "n integer",
            sql: "select count(*) from status s join by_status b on b.status = s.status
                  where n in ($1) and score in ($2) and open in ($3) and created_at in ($4)",
            values: || {
                vec![
                    Param::Many(vec![Value::Integer(2)]),
                    Param::Many(vec![Value::Real(-2.0), Value::Real(1.5)]),
                    Param::Many(vec![Value::Boolean(true)]),
                    Param::Many(vec![Value::Time(200)]),
                ]
            },
            rows: &["1"],
        },
        // Groups, distinct, aggregates.
        plain(
            "s at-uri, n integer, d integer, t time?",
            "select subject, count(*), count(distinct _did), max(created_at) from likes group by subject
             having count(*) > 0 order by count(*) desc, subject",
            &["zed/1 2 2 t20", "amy/2 1 1 t40"],
        ),
        plain("d did", "select distinct _did from status order by _did desc", &["zed", "bob", "amy"]),
        plain("d did", "select distinct _did from status order by 1 limit 1 offset 1", &["bob"]),
        plain(
            "n integer, m integer, lo did?, total real, avg real?",
            "select count(*) filter (where open), count(score), min(_did), total(score), avg(score) from status",
            &["2 3 amy 0.0 0.0"],
        ),
        plain("n integer?", "select sum(n) from by_status where n > 5", &["-"]),
        plain("s text, n integer", "select status as st, count(*) from status group by st order by 2 desc, st", &["up 2", "a_b% 1", "down 1"]),
        // Subqueries.
        plain(
            "u at-uri, n integer",
            "select _uri, (select count(*) from likes l where l.subject = s._uri) as n from status s order by n desc, _uri",
            &["zed/1 2", "amy/2 1", "bob/3 0", "zed/4 0"],
        ),
        plain("u at-uri", "select _uri from status s where exists (select 1 from likes where subject = s._uri) order by 1", &["amy/2", "zed/1"]),
        plain("u at-uri", "select _uri from status where _uri in (select subject from likes where _did in (select _did from status where open)) order by 1", &["amy/2", "zed/1"]),
        plain("u at-uri", "select _uri from status where 'did:plc:amy' in (select _did from likes where subject = status._uri)", &["zed/1"]),
        plain("d did?", "select (select max(l._did) from likes l where l.subject = s._uri) from status s where created_at = 100", &["bob"]),
        plain("d did?", "select (select l._did from likes l where l.subject = s._uri order by created_at desc limit 1) from status s where s.created_at = 100", &["bob"]),
        // Joins.
        plain(
            "u at-uri, who did?",
            "select s._uri, l._did from status s left join likes l on l.subject = s._uri order by s._uri, l._did nulls first",
            &["amy/2 zed", "bob/3 -", "zed/1 amy", "zed/1 bob", "zed/4 -"],
        ),
        plain("n integer", "select count(*) from status a, status b cross join by_status", &["48"]),
        // UNION and WITH.
        plain("x at-uri", "select _uri from status where open union select subject from likes order by 1 desc", &["zed/1", "amy/2"]),
        plain("x text", "select _did from status union all select status from by_status order by 1 limit 4", &["a_b%", "did:plc:amy", "did:plc:bob", "did:plc:zed"]),
        plain("x text, n integer", "with t(a, b) as (select status, n from by_status where n = 1) select t.a, u.b from t join t u on u.a = t.a order by a", &["a_b% 1", "down 1"]),
        Good {
            params: "at-uri, integer",
            returns: "u at-uri, depth integer",
            sql: "with recursive thread(u, depth) as (
                    select _uri, 0 from status where _uri = $1
                    union all
                    select s._uri, t.depth + 1 from thread t join status s on s.subject = t.u where t.depth < $2)
                  select u, depth from thread order by depth, u",
            values: || vec![one(uri("zed/1")), one(Value::Integer(9))],
            rows: &["zed/1 0", "amy/2 1", "bob/3 1"],
        },
        plain(
            "a text?, n integer",
            "with recursive up(a, n) as (select _did, 0 from status where created_at = 300
               union all select case n when 2 then null else a || '!' end, n + 1 from up where n < 3)
             select a, n from up order by n",
            &["did:plc:zed 0", "did:plc:zed! 1", "did:plc:zed!! 2", "- 3"],
        ),
        // Functions and operators.
        plain(
            "a integer, b real, c text, d integer, e integer, f integer, g real",
            "select abs(-3), round(2.5), substr('héllo', 2, 3), length('héllo'), max(1, 4, 3), min(created_at - created_at + 7, 9), cast(7 as real) / 2 from status where created_at = 300",
            &["3 3.0 éll 5 4 7 3.5"],
        ),
        plain("a integer, b integer, c integer?, d integer?", "select 7 / 2, -7 % 3, n / (n - n), 1 / n from by_status where n = 2", &["3 -1 - 0"]),
        Good {
            params: "text",
            returns: "s text",
            sql: "select status from status where starts_with(status, $1) order by 1",
            values: || vec![one(Value::Text("a_b%".into()))],
            rows: &["a_b%"],
        },
        Good {
            params: "text",
            returns: "n integer",
            sql: "select count(*) from status where starts_with(status, $1)",
            values: || vec![one(Value::Text(String::new()))],
            rows: &["4"],
        },
        plain("u at-uri", "select _uri from status where starts_with(_uri, 'at://did:plc:zed/') and starts_with(status, substr(status, 1, 1)) order by 1", &["zed/1", "zed/4"]),
        plain("d did", "select coalesce(null, _did) from status where created_at = 300", &["zed"]),
        plain("u at-uri", "select coalesce(subject, _uri) from status where created_at > 100 order by 1", &["zed/1", "zed/1", "zed/4"]),
        plain("t text", "select case when open then _did else status end from status order by 1", &["a_b%", "did:plc:amy", "did:plc:zed", "down"]),
        plain("t integer", "select count(*) from status where status between 'b' and 'e' or score is null and subject is distinct from _uri", &["1"]),
        plain("t text", "select status from status where (status, open) = ('up', true) and (_did, created_at) <> ('did:plc:amy', 200)", &["up"]),
        // Windows.
        plain(
            "u at-uri, n integer, before at-uri?",
            "select _uri, row_number() over (partition by _did order by created_at desc), lag(_uri) over (order by created_at, _uri) from status order by _uri",
            &["amy/2 1 zed/1", "bob/3 1 amy/2", "zed/1 2 -", "zed/4 1 bob/3"],
        ),
        plain(
            "d did?, n text",
            "select case when count(*) > 1 then _did end, case when row_number() over (order by _did) = 1 then _did else _did end
             from status group by _did order by 2",
            &["- did:plc:amy", "- did:plc:bob", "zed did:plc:zed"],
        ),
        // The host's own relations.
        plain("u at-uri, c text", "select _uri, collection from record where rkey = '2'", &["amy/2 x.y.status"]),
];
