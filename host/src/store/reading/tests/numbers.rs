//! Numbers: the ends of int64, reals that meet integers, division, rounding, sums; and what no int64 holds.

use super::words::{Good, hold, one, plain};
use crate::store::error::StoreError;
use crate::store::gate::Dialect;
use crate::store::rows::Value;
use crate::store::trial::{Trial, on_both};

on_both!(
    integers_reach_the_ends_of_int64,
    integers_that_meet_reals_are_reals,
    division_and_rounding_agree,
    aggregates_agree,
    nulls_have_the_type_of_what_they_meet,
    what_no_int64_holds_is_refused,
);

async fn integers_reach_the_ends_of_int64(dialect: Dialect) {
    hold(dialect, ENDS).await;
}

const ENDS: &[Good] = &[
    plain(
        "n integer?",
        "select n from numbers where id < 3 order by n nulls last",
        &["-9223372036854775808", "9223372036854775807"],
    ),
    plain(
        "lo integer?, hi integer?",
        "select min(n), max(n) from numbers",
        &["-9223372036854775808 9223372036854775807"],
    ),
    Good {
        params: "integer",
        returns: "i integer",
        sql: "select id from numbers where n >= $1",
        values: || vec![one(Value::Integer(i64::MAX))],
        rows: &["1"],
    },
    Good {
        params: "integer, time",
        returns: "n integer, t time",
        sql: "select $1 + 1, $2",
        values: || vec![one(Value::Integer(i64::MIN)), one(Value::Time(i64::MAX))],
        rows: &["-9223372036854775807 t9223372036854775807"],
    },
    // Larger than 32 bits on the way.
    plain(
        "n integer",
        "select 3000000 * 3000000 - 2147483647 * 2",
        &["8995705032706"],
    ),
    plain(
        "n integer?",
        "select n % -1 from numbers where id = 2",
        &["0"],
    ),
    plain(
        "t text?",
        "select cast(n as text) from numbers where n < -8 union all select '-' || cast(7 as text) order by 1 nulls last",
        &["-7", "-9223372036854775808"],
    ),
    // A negative limit is none, a negative offset starts at the first row.
    Good {
        params: "integer, integer",
        returns: "i integer",
        sql: "select id from numbers order by id limit $1 offset $2",
        values: || vec![one(Value::Integer(2)), one(Value::Integer(-5))],
        rows: &["1", "2"],
    },
    Good {
        params: "integer, integer",
        returns: "i integer",
        sql: "select id from numbers order by id limit $1 offset $2",
        values: || vec![one(Value::Integer(i64::MIN)), one(Value::Integer(0))],
        rows: &[],
    },
    Good {
        params: "integer, integer",
        returns: "i integer",
        sql: "select id from numbers order by id limit $1 offset $2",
        values: || vec![one(Value::Integer(i64::MAX)), one(Value::Integer(8))],
        rows: &["9"],
    },
];

async fn integers_that_meet_reals_are_reals(dialect: Dialect) {
    hold(dialect, MIXED).await;
}

const MIXED: &[Good] = &[
    // 2^53 + 1 is no real: it meets 2^53 as that.
    plain("i integer", "select id from numbers where n = x", &["7"]),
    plain(
        "i integer",
        "select id from numbers where n > x and n <= 7 order by id",
        &["2", "5", "8", "9"],
    ),
    plain(
        "i integer",
        "select id from numbers where n is not distinct from x order by id",
        &["4", "7"],
    ),
    plain(
        "i integer",
        "select id from numbers where n between x and 7.5 order by id",
        &["2", "5", "8", "9"],
    ),
    plain(
        "i integer",
        "select id from numbers where n in (x, 0.0, 7) order by id",
        &["3", "5", "7"],
    ),
    plain(
        "i integer",
        "select id from numbers where (n, id) = (x, 7)",
        &["7"],
    ),
    plain(
        "i integer",
        "select id from numbers where x in (select n from numbers) order by id",
        &["7"],
    ),
    plain(
        "i integer",
        "select id from numbers where n in (select x from numbers) order by id",
        &["7"],
    ),
    Good {
        params: "real[], integer[]",
        returns: "i integer",
        sql: "select id from numbers where n in ($1) or x in ($2) order by id",
        values: || {
            let list = |v| crate::store::read::Param::Many(vec![v]);
            vec![
                list(Value::Real(7.0)),
                list(Value::Integer(9_007_199_254_740_993)),
            ]
        },
        rows: &["5", "7"],
    },
    plain(
        "a real?, b real?",
        "select coalesce(n, 0.5) / 2, case when id = 5 then n else x end / 2 from numbers where id in (4, 5) order by id",
        &["0.25 -", "3.5 3.5"],
    ),
    plain(
        "a real, b real",
        "select max(7, 2.5) / 2, min(3, 8.5) / 2",
        &["3.5 1.5"],
    ),
    plain(
        "a real",
        "select q.u / 2 from (select 7 as u union all select 0.5) q order by 1",
        &["0.25", "3.5"],
    ),
    plain("a real", "select 1 union select 1.0", &["1.0"]),
    plain(
        "a real?",
        "select nullif(n, 7.0) from numbers where id in (5, 8) order by id",
        &["-", "2.0"],
    ),
    plain(
        "a real",
        "with recursive r(v) as (select 1 union all select v + 0.5 from r where v < 2) select v from r order by v",
        &["1.0", "1.5", "2.0"],
    ),
    plain("a real, b real", "select 7 / 2.0, 1 - 0.25", &["3.5 0.75"]),
    plain(
        "a real?",
        "select cast(n as real) from numbers where id = 7",
        &["9007199254740992.0"],
    ),
];

async fn division_and_rounding_agree(dialect: Dialect) {
    hold(dialect, DIVISION).await;
}

const DIVISION: &[Good] = &[
    plain(
        "a integer, b integer, c integer, d integer",
        "select -7 / 2, 7 / -2, -7 % 2, 7 % -2",
        &["-3 -3 -1 1"],
    ),
    plain(
        "a integer?, b integer?, c real?, d real?",
        "select 7 / 0, 7 % (id - id), 1.5 / 0, x / (x - x) from numbers where id = 5",
        &["- - - -"],
    ),
    plain(
        "n integer",
        "select count(*) from numbers where 10 / n > 0",
        &["3"],
    ),
    plain(
        "x real?",
        "select round(x) from numbers where id in (3, 4, 5, 6, 8, 9) order by id",
        &["1.0", "-", "3.0", "-3.0", "0.0", "0.0"],
    ),
    plain(
        "a real, b real",
        "select round(5), round(9007199254740993)",
        &["5.0 9007199254740992.0"],
    ),
    plain(
        "x real?",
        "select round(x) from numbers where id = 7",
        &["9007199254740992.0"],
    ),
    plain(
        "n integer?",
        "select cast(x as integer) from numbers order by id",
        &[
            "9223372036854775807",
            "-9223372036854775808",
            "0",
            "-",
            "2",
            "-2",
            "9007199254740992",
            "0",
            "0",
        ],
    ),
    plain(
        "a integer?, b real?",
        "select abs(n), abs(x) from numbers where id = 6",
        &["7 2.5"],
    ),
    plain("a integer, b real", "select -(-5), +(-2.5)", &["5 -2.5"]),
];

async fn aggregates_agree(dialect: Dialect) {
    hold(dialect, AGGREGATES).await;
}

const AGGREGATES: &[Good] = &[
    plain(
        "n integer?, a real?, t real",
        "select sum(n), avg(n), total(n) from numbers where id in (5, 8, 9)",
        &["12 4.0 12.0"],
    ),
    plain(
        "a real?, b real?",
        "select avg(n), avg(n) filter (where n > 2) from numbers where id in (3, 8, 9)",
        &["1.6666666666666667 3.0"],
    ),
    plain(
        "n integer?, x real?, a real?, t real",
        "select sum(n), sum(x), avg(x), total(x) from numbers where id = 4",
        &["- - - 0.0"],
    ),
    // Nine times 0.1, which adding up reals in a row misses.
    plain(
        "s real?, t real",
        "select sum(a.x), total(a.x) from numbers a, numbers b where a.id = 8",
        &["0.9 0.9"],
    ),
    plain(
        "a real?",
        "select avg(a.x) from numbers a, numbers b where a.id = 8",
        &["0.1"],
    ),
    plain(
        "s real?",
        "select sum(x) from numbers where id < 3",
        &["0.0"],
    ),
    plain(
        "a integer, b integer, c integer?, d real?",
        "select count(distinct n / n), count(n), sum(distinct n / n), sum(distinct x - x) from numbers where id > 2",
        &["1 6 1 0.0"],
    ),
    plain(
        "a real?",
        "select max(x) + min(n) from numbers where id in (3, 5, 6)",
        &["-4.5"],
    ),
    plain(
        "b boolean?, n integer",
        "select n > 2 as big, count(*) from numbers group by n > 2 order by 2, max(id) nulls last",
        &["- 1", "false 4", "true 4"],
    ),
];

async fn nulls_have_the_type_of_what_they_meet(dialect: Dialect) {
    hold(dialect, NULLS).await;
}

const NULLS: &[Good] = &[
    plain(
        "a integer?, b text?, c did?",
        "select null, null, null",
        &["- - -"],
    ),
    plain(
        "n integer?",
        "select null union all select null union all select 7 order by 1 nulls first",
        &["-", "-", "7"],
    ),
    plain(
        "d did?",
        "select null union all select null union select _did from status order by 1 nulls last",
        &["amy", "bob", "zed", "-"],
    ),
    plain(
        "n integer, t text",
        "select coalesce(q.a, 5), coalesce(q.a, 'x') from (select null as a) q",
        &["5 x"],
    ),
    plain(
        "n integer?",
        "with recursive r(v, i) as (select null, 1 union all select i * 2, i + 1 from r where i < 3) select v from r order by i",
        &["-", "2", "4"],
    ),
    plain(
        "b boolean",
        "select q.a is null from (select null as a) q",
        &["true"],
    ),
    plain(
        "n integer",
        "select count(*) from numbers a left join numbers b on b.id = a.id + 5 where b.n is null",
        &["5"],
    ),
    plain(
        "i integer",
        "select id from numbers where n is not distinct from 7 or n is distinct from n",
        &["5"],
    ),
    plain(
        "i integer",
        "select a.id from numbers a join numbers b on a.n is not distinct from b.n and a.id <> b.id",
        &[],
    ),
];

async fn what_no_int64_holds_is_refused(dialect: Dialect) {
    let trial = Trial::open(dialect, 1).await;
    for (returns, sql) in [
        ("n integer?", "select n + 1 from numbers where id = 1"),
        ("n integer?", "select n * 2 from numbers where id = 2"),
        ("n integer?", "select n - 1 from numbers where id = 2"),
        ("n integer?", "select abs(n) from numbers where id = 2"),
        ("n integer?", "select -n from numbers where id = 2"),
        ("n integer?", "select n / -1 from numbers where id = 2"),
        (
            "n integer?",
            "select sum(n) from numbers where id in (1, 7)",
        ),
        ("x real?", "select x * 10.0 from numbers where id = 1"),
        (
            "x real?",
            "select sum(a.x) from numbers a, numbers b where a.id = 1",
        ),
    ] {
        let read = trial.compiled("", returns, sql);
        let error = trial.session(&[&read]).run("0", Vec::new()).await;
        assert!(
            matches!(error, Err(StoreError::Refused(_))),
            "{sql}: {error:?}"
        );
    }
}
