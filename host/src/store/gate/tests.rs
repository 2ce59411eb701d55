use super::fixture::{read, schema};
use aviary_manifest::ColumnType;

use super::{BindForm, BindParam, CompiledRead, Dialect, compile};

/// The refusal of a read: the same for both databases.
fn refusal(params: &str, returns: &str, sql: &str) -> String {
    let [sqlite, postgres] =
        BOTH.map(
            |dialect| match compile(&read(params, returns, sql), &schema(), dialect) {
                Ok(read) => panic!("{sql:.200} was accepted as {:.200}", read.sql),
                Err(error) => error.message,
            },
        );
    assert_eq!(sqlite, postgres);
    sqlite
}

const BOTH: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

fn compiled(params: &str, returns: &str, sql: &str, dialect: Dialect) -> CompiledRead {
    compile(&read(params, returns, sql), &schema(), dialect).unwrap()
}

/// The SQL for SQLite of a read that is good for both.
fn sql_of(params: &str, returns: &str, sql: &str) -> String {
    compiled(params, returns, sql, Dialect::Postgres);
    compiled(params, returns, sql, Dialect::Sqlite).sql
}

/// SQL that returns one integer, and what the refusal has to say.
const REFUSED: &[(&str, &str)] = &[
    // What is no single SELECT.
    ("", "got nothing"),
    ("select", "does not parse"),
    ("selekt 1", "does not parse"),
    ("select 1; select 2", "got 2 statements"),
    ("insert into status (status) values ('x')", "got INSERT"),
    ("update status set status = 'x'", "got UPDATE"),
    ("delete from status", "got DELETE"),
    ("drop table status", "got DROP"),
    ("pragma query_only = 0", "got PRAGMA"),
    ("attach database 'x' as y", "got ATTACH"),
    ("explain select 1", "got EXPLAIN"),
    (
        "with x as (insert into status (status) values ('x') returning n) select 1 from x",
        "never writes",
    ),
    ("select 1 into other", "clause that is not allowed"),
    ("values (1)", "VALUES is not allowed"),
    // Relations.
    (
        "select count(*) from sqlite_master",
        "no table sqlite_master",
    ),
    ("select count(*) from main.status", "no table main.status"),
    ("select count(*) from g1_status_v", "no table g1_status_v"),
    ("select count(*) from \"did\"", "no table did"),
    ("select count(*) from temp.status", "no table temp.status"),
    (
        "select count(*) from json_each('[1]')",
        "not allowed in FROM",
    ),
    (
        "select count(*) from pragma_table_info('x')",
        "not allowed in FROM",
    ),
    ("select count(*) from (select 1)", "needs an alias"),
    (
        "select count(*) from status, status",
        "two tables are called status",
    ),
    ("select count(*) from status natural join likes", "needs ON"),
    (
        "select count(*) from status join likes using (_uri)",
        "needs ON",
    ),
    (
        "select count(*) from status right join likes on true",
        "expected JOIN, LEFT JOIN",
    ),
    (
        "select count(*) from status full join likes on true",
        "expected JOIN, LEFT JOIN",
    ),
    (
        "select count(*) from (status join likes on true)",
        "not allowed in FROM",
    ),
    (
        "select count(*) from status tablesample (10)",
        "not allowed in FROM",
    ),
    // Columns.
    ("select nosuch from status", "no column nosuch"),
    ("select s.nosuch from status s", "s has no column nosuch"),
    ("select x.n from by_status b", "no table or alias x"),
    ("select _u from status", "no column _u"),
    ("select rowid from status", "no column rowid"),
    (
        "select count(*) from status where \"nosuch\" = 'x'",
        "no column nosuch",
    ),
    (
        "select n from by_status \"B\" where b.n = 1",
        "no table or alias b",
    ),
    (
        "select count(*) from status a, likes b where created_at > 1",
        "created_at is ambiguous",
    ),
    ("select main.by_status.n from by_status", "got 3 parts"),
    // Clauses.
    (
        "select n from by_status fetch first 1 row only",
        "clause that is not allowed",
    ),
    (
        "select n from by_status for update",
        "clause that is not allowed",
    ),
    ("select distinct on (n) n from by_status", "DISTINCT ON"),
    (
        "select top 1 n from by_status",
        "clause that is not allowed",
    ),
    ("select n from by_status qualify n > 1", "not allowed"),
    ("select n from by_status group by all", "GROUP BY ALL"),
    ("select n from by_status group by rollup (n)", "not allowed"),
    (
        "select n from by_status except select 1",
        "EXCEPT is not allowed",
    ),
    (
        "select n from by_status intersect select 1",
        "INTERSECT is not allowed",
    ),
    ("select n from by_status limit n", "LIMIT takes a number"),
    (
        "select n from by_status limit 'x'",
        "LIMIT takes an integer",
    ),
    ("select n from by_status offset 3", "OFFSET needs a LIMIT"),
    ("select n from by_status order by 2", "there are 1 columns"),
    (
        "select distinct n from by_status order by status",
        "only its result columns",
    ),
    (
        "select length(status) from status order by subject",
        "NULLS FIRST or NULLS LAST",
    ),
    (
        "select length(status) from status order by extra nulls first",
        "ORDER BY of json",
    ),
    // Groups.
    (
        "select n from by_status group by status",
        "column n in SELECT must be in GROUP BY",
    ),
    (
        "select count(*) from status order by created_at",
        "column created_at in ORDER BY",
    ),
    (
        "select count(*) from status having open",
        "column open in HAVING",
    ),
    (
        "select count(*) from status where count(*) > 1",
        "not allowed in WHERE",
    ),
    (
        "select count(*) from status group by count(*)",
        "not allowed in GROUP BY",
    ),
    (
        "select sum(count(*)) from status",
        "not allowed in another aggregate",
    ),
    ("select count(*) from status group by 'x'", "uses no column"),
    (
        "select (select count(s.status)) from status s",
        "only columns from outside",
    ),
    (
        "select (select max(n + s.created_at - s.created_at) from by_status) from status s group by status",
        "must be in GROUP BY",
    ),
    // Expressions.
    (
        "select count(*) from status where status like 'a%'",
        "use starts_with",
    ),
    (
        "select count(*) from status where status not like 'a%'",
        "use starts_with",
    ),
    (
        "select count(*) from status where status ilike 'a%'",
        "use starts_with",
    ),
    (
        "select count(*) from status where status similar to 'a'",
        "use starts_with",
    ),
    (
        "select count(*) from status where status ~ 'a'",
        "operator ~ is not allowed",
    ),
    (
        "select count(*) from status where status collate nocase = 'a'",
        "not allowed in a read",
    ),
    (
        "select count(*) from status where status = null",
        "write IS NULL",
    ),
    (
        "select count(*) from status where status = 1",
        "= of text with integer",
    ),
    (
        "select count(*) from status where created_at > n",
        "no column n",
    ),
    (
        "select count(*) from status where open = 1",
        "= of boolean with integer",
    ),
    (
        "select count(*) from status where open < true",
        "< of boolean",
    ),
    ("select count(*) from status where extra = 'x'", "= of json"),
    (
        "select count(*) from status where _did = _uri",
        "= of did with at-uri",
    ),
    (
        "select count(*) from status where status",
        "WHERE expects a condition, got text",
    ),
    (
        "select count(*) from status where 1",
        "WHERE expects a condition, got integer",
    ),
    (
        "select count(*) from status where (status, open) = ('x')",
        "compared with another row",
    ),
    (
        "select count(*) from status where (status, open) = ('x', true, 1)",
        "row of 2 is compared with a row of 3",
    ),
    (
        "select count(*) from status where (status, open) in (('x', true))",
        "IN of row values",
    ),
    (
        "select count(*) from status where status in (select status, n from by_status)",
        "expects one column, got 2",
    ),
    ("select (status, open) from status", "can only be compared"),
    ("select n & 1 from by_status", "operator & is not allowed"),
    ("select n << 1 from by_status", "does not parse"),
    ("select ~n from by_status", "not allowed"),
    (
        "select status + 1 from status",
        "text + integer is not allowed",
    ),
    (
        "select created_at * 2 from status",
        "time * integer is not allowed",
    ),
    ("select length(1 || status) from status", "|| joins text"),
    (
        "select cast(status as integer) from status",
        "cast of text to integer",
    ),
    ("select cast(n as blob) from by_status", "not allowed"),
    ("select n::text from by_status", "not allowed"),
    ("select try_cast(n as text) from by_status", "not allowed"),
    (
        "select case when open then 1 else 'x' end from status",
        "CASE has both integer and text",
    ),
    ("select coalesce(null, null) from status", "always NULL"),
    ("select interval '1 day'", "not allowed"),
    ("select date '2020-01-01'", "not allowed"),
    (
        "select extract(year from created_at) from status",
        "not allowed",
    ),
    ("select array[1]", "not allowed"),
    ("select current_timestamp", "not allowed"),
    ("select x'0g'", "not allowed"),
    ("select 9223372036854775808", "does not fit an int64"),
    ("select e'x'", "no column e"),
    ("select @x", "expected a parameter as $1"),
    ("select ?", "expected a parameter as $1"),
    ("select :a", "expected a parameter as $1"),
    ("select $2", "$2 is not declared"),
    ("select $0", "expected a parameter as $1"),
    // Functions.
    ("select random()", "function random is not allowed"),
    (
        "select load_extension('x')",
        "function load_extension is not allowed",
    ),
    ("select readfile('x')", "function readfile is not allowed"),
    (
        "select length(lower(status)) from status",
        "function lower is not allowed",
    ),
    (
        "select length(hex(status)) from status",
        "function hex is not allowed",
    ),
    ("select datetime('now')", "function datetime is not allowed"),
    (
        "select count(*) from status where glob('a*', status)",
        "function glob is not allowed",
    ),
    (
        "select length(json_extract(extra, '$.a')) from status",
        "function json_extract is not allowed",
    ),
    (
        "select group_concat(status) from status",
        "function group_concat is not allowed",
    ),
    ("select main.abs(1)", "not allowed"),
    ("select \"ABS\"(1)", "function ABS is not allowed"),
    (
        "select abs(status) from status",
        "abs takes a number, got text",
    ),
    ("select abs(1, 2)", "abs does not take 2 arguments"),
    (
        "select max(n, 1, null) from by_status",
        "takes none that may be null",
    ),
    (
        "select length(substr(status, -1)) from status",
        "substr takes numbers written out",
    ),
    ("select sum(status) from status", "sum of text"),
    ("select max(open) from status", "max of boolean"),
    ("select sum(distinct *) from status", "not allowed"),
    ("select abs(1) filter (where true)", "abs is no aggregate"),
    (
        "select count(status order by status) from status",
        "not allowed",
    ),
    (
        "select sum(n) over () from by_status",
        "sum over(…) is not allowed",
    ),
    (
        "select row_number() over () from by_status",
        "needs ORDER BY",
    ),
    (
        "select row_number() over w from by_status window w as (order by n)",
        "not allowed",
    ),
    (
        "select row_number() over (order by n rows 1 preceding) from by_status",
        "PARTITION BY and ORDER BY only",
    ),
    (
        "select first_value(n) over (order by n) from by_status",
        "first_value over(…) is not allowed",
    ),
    // WITH and UNION.
    (
        "with x as materialized (select 1) select 1 from x",
        "does not parse",
    ),
    (
        "select n from by_status union select 1, 2",
        "have 1 and 2 columns",
    ),
    (
        "select n from by_status union select status from by_status",
        "UNION has both integer and text",
    ),
    (
        "with recursive x as (select 1 union all select c + 1 from x limit 3) select 1 from x",
        "without ORDER BY or LIMIT",
    ),
    (
        "with recursive x as (select 1 from x) select 1 from x",
        "first part UNION",
    ),
    (
        "with recursive x(a) as (select a from x union all select a from x) select a from x",
        "only the last part names it",
    ),
    (
        "with recursive x(a) as (select 1 union all select a + 1 from x where a < 3 union all select a + 2 from x \
         where a < 3) select a from x",
        "only the last part names it",
    ),
    (
        "with recursive x(a) as (select 1 union all select b.n from by_status b left join x on x.a = b.n) \
         select a from x",
        "cannot stand on the right of LEFT JOIN",
    ),
    (
        "with x as (select null as a) select count(*) from x group by a",
        "uses no column",
    ),
    (
        "select (select status, n from by_status) from status",
        "expects one column, got 2",
    ),
    (
        "select count(*) from status s, lateral (select s.status) x",
        "not allowed in FROM",
    ),
    (
        "select count(*) from status s, (select s.status) x",
        "no table or alias s",
    ),
    // What it returns.
    ("select 1, 2", "declares 1 columns, the SELECT has 2"),
    (
        "select status from status",
        "declared integer, the SELECT gives text",
    ),
    ("select 1.5", "declared integer, the SELECT gives real"),
    (
        "select sum(n) from by_status",
        "may be null: declare it as \"x integer?\"",
    ),
    ("select (select n from by_status limit 1)", "may be null"),
    (
        "select b.n from status s left join by_status b on b.status = s.status",
        "may be null",
    ),
    ("select 1 / n from by_status", "may be null"),
];

#[test]
fn each_refusal_says_why() {
    let mut wrong = Vec::new();
    for (sql, expected) in REFUSED {
        for dialect in BOTH {
            match compile(&read("", "x integer", sql), &schema(), dialect) {
                Ok(read) => wrong.push(format!("{sql}\n  accepted: {}", read.sql)),
                Err(error) if !error.message.contains(expected) => {
                    wrong.push(format!(
                        "{sql}\n  expected …{expected}…\n  got {}",
                        error.message
                    ));
                }
                Err(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parameters_are_declared_used_and_lists_stay_in_in() {
    let of = |params, sql| refusal(params, "x integer", sql);
    assert!(of("integer", "select 1").contains("$1 is declared and not used"));
    let unused = of("integer, text", "select n from by_status where n = $1");
    assert!(unused.contains("$2 is declared and not used"));
    let list = "select n from by_status where status = $1";
    assert!(of("text[]", list).contains("can stand in `x in ($1)` only"));
    let two = "select n from by_status where status in ($1, 'x')";
    assert!(of("text[]", two).contains("can stand in `x in ($1)` only"));
    let other = "select n from by_status where n in ($1)";
    assert!(of("text[]", other).contains("in of integer with text"));
    let bytes = "select length(raw) from status where raw in ($1)";
    assert!(of("bytes[]", bytes).contains("list of bytes"));
    let time = "select n from by_status where n > $1";
    assert!(of("time", time).contains("declare the integer as time"));
    assert!(of("text", "select n from by_status limit $1").contains("LIMIT takes an integer"));
}

#[test]
fn results_have_the_declared_types() {
    let of = |returns, sql| refusal("", returns, sql);
    assert!(of("x did", "select status from status").contains("declared did"));
    assert!(of("x did", "select 'did:plc:a'").contains("declared did"));
    assert!(of("x at-uri", "select 'at://' || _did from status").contains("gives text"));
    assert!(of("x time", "select 5").contains("declared time"));
    assert!(of("x time", "select n from by_status").contains("declared time"));
    assert!(of("x boolean", "select 1").contains("declared boolean"));
    assert!(of("x json", "select status from status").contains("declared json"));
    sql_of(
        "",
        "a integer, b real, c text, d text?",
        "select created_at, n, _did, extra from status, by_status",
    );
    sql_of(
        "",
        "a time, b integer",
        "select created_at + 5, created_at - _seen from status",
    );
}

#[test]
fn a_bomb_of_nesting_is_refused_without_a_deep_stack() {
    let deep = format!("select {}1{}", "(".repeat(3_000), ")".repeat(3_000));
    assert!(refusal("", "x integer", &deep).contains("recursion limit"));
    let wide = format!("select 1{}", "+1".repeat(4_000));
    assert!(refusal("", "x integer", &wide).contains("nested deeper"));
    let unions = format!("select 1{}", " union select 1".repeat(500));
    assert!(refusal("", "x integer", &unions).contains("more than 100 SELECTs"));
    let long = format!("select {}1", " ".repeat(9_000));
    assert!(refusal("", "x integer", &long).contains("bytes of SQL"));
    assert!(refusal("", "x integer", "select 1 -- \0").contains("NUL"));
}

#[test]
fn a_bomb_of_operands_that_are_written_twice_is_refused() {
    let mut text = "status".to_owned();
    for _ in 0..25 {
        text = format!("case when starts_with({text}, 'a') then 'b' else 'c' end");
    }
    let sql = format!("select length({text}) from status");
    assert!(refusal("", "x integer", &sql).contains("becomes longer than"));
}

#[test]
fn nothing_of_the_author_is_passed_on() {
    let sql = sql_of(
        "",
        "x text",
        "select s.status as \"a\"\"b\" from status as \"x\"\"; drop\", status s where s.status <> 'it''s; --'",
    );
    assert!(!sql.contains("drop"), "{sql}");
    assert!(sql.contains("'it''s; --'"), "{sql}");
    assert!(sql.contains(r#""g1_status_v" as "t1""#), "{sql}");
}

#[test]
fn ids_stay_ids_until_text_is_asked_for() {
    let joined = sql_of(
        "",
        "x integer",
        "select count(*) from likes l join status s on s._uri = l.subject",
    );
    assert!(
        joined.contains(r#"("t2"."_u" = "t1"."subject")"#),
        "{joined}"
    );
    let grouped = sql_of(
        "",
        "x at-uri, n integer",
        "select subject, count(*) from likes group by subject",
    );
    assert!(grouped.contains(r#"group by "t1"."subject""#), "{grouped}");
    let derived = sql_of(
        "",
        "x did",
        "select d.who from (select distinct _did as who from likes) d",
    );
    assert!(
        derived.contains(r#"select distinct "t1"."_d" as "c0""#),
        "{derived}"
    );
    assert!(
        derived.contains(r#"where "_d"."id" = "d2"."c0""#),
        "{derived}"
    );
    let literal = sql_of(
        "",
        "x integer",
        "select 1 from status where _did = 'did:plc:a'",
    );
    assert!(
        literal.contains(r#""_d"."id" = "t1"."_d") = 'did:plc:a'"#),
        "{literal}"
    );
}

#[test]
fn parameters_are_bound_by_what_they_meet() {
    use ColumnType::{AtUri, Did, Text};
    let sql = "select _did from likes where _did = $1 and subject in ($2) and _did > $1 and starts_with(_uri, $3)";
    let bound = |param, ty, form| BindParam { param, ty, form };
    for dialect in BOTH {
        let read = compiled("did, at-uri[], text", "x did", sql, dialect);
        assert_eq!(
            read.params,
            [
                bound(0, Did, BindForm::Id),
                bound(1, AtUri, BindForm::IdList),
                bound(0, Did, BindForm::Value),
                bound(2, Text, BindForm::Value),
                bound(2, Text, BindForm::PrefixEnd),
            ]
        );
    }
}

#[test]
fn a_page_by_row_value_keeps_a_bound_for_the_index() {
    let sql = sql_of(
        "time, at-uri, integer",
        "_uri at-uri",
        "select _uri from status where (created_at, _uri) < ($1, $2)
         order by created_at desc, _uri desc limit $3",
    );
    assert!(
        sql.contains(r#"("t1"."created_at" <= ?1 and ("t1"."created_at" < ?1 or ("#),
        "{sql}"
    );
    assert!(
        sql.ends_with(r#"order by "t1"."created_at" desc, 1 desc limit max(?3, 0)"#),
        "{sql}"
    );
}

#[test]
fn the_end_of_a_prefix_is_the_next_text() {
    use super::after_prefix;
    assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
    assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
    assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
    assert_eq!(after_prefix("\u{10FFFF}"), None);
    assert_eq!(after_prefix(""), None);
}
