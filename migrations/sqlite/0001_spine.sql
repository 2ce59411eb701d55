-- The host's own schema on SQLite. Forward only; a released file is never edited.
-- DIDs and record URIs are interned: everything refers to them by integer id.

create table meta (
    key text primary key,
    value text not null
) without rowid;

create table did (
    id integer primary key,
    did text not null unique
);

create table collection (
    id integer primary key,
    nsid text not null unique
);

-- One row for each record URI that was archived or referred to.
--   pos null: referred to only; pos set and cid null: a tombstone; cid set: live.
create table record (
    id integer primary key,
    did_id integer not null,
    coll_id integer not null,
    rkey text not null,
    part integer,
    pos integer,
    rev text,
    cid blob,
    trust integer,
    seen_us integer,
    body blob,
    unique (did_id, coll_id, rkey)
);

-- The change feed: `where part = ? and pos > ? order by pos`; coll_id lets it pass over unwanted records unread.
create index record_feed on record (part, pos, coll_id) where pos is not null;

-- Tombstones, for trimming; seen_us of a tombstone is when the record went.
create index record_tombstone on record (part, pos) where cid is null and pos is not null;

-- Chain state of repositories with archived records. state: 0 synchronized, 1 desynchronized.
create table repo (
    did_id integer primary key,
    part integer not null,
    rev text not null,
    data blob,
    state integer not null default 0,
    reason text,
    state_us integer not null default 0
);

-- Hosting status as upstream told it, and the handle it claims. (source, seq) orders events of one source.
create table account (
    did_id integer primary key,
    active integer not null default 1,
    status text,
    status_source text,
    status_seq integer,
    handle text,
    handle_source text,
    handle_seq integer
);

-- Accounts that no read may show: kept beside `account` because every view looks here.
create table hidden (
    did_id integer primary key
);

-- Accounts whose records have to pass through the feed again; (after_coll, after_rkey) is the last record done.
create table redo (
    did_id integer primary key,
    after_coll integer not null default 0,
    after_rkey text not null default ''
);

create table partition (
    part integer primary key,
    pos integer not null default 0
);

create table mark (
    source text not null,
    part integer not null,
    seq integer not null,
    primary key (source, part)
) without rowid;

-- One registered version of a plugin with its own tables; `manifest` is what they were made from.
create table generation (
    id integer primary key,
    plugin text not null,
    digest text not null,
    manifest text not null,
    created_us integer not null,
    unique (plugin, digest)
);

create table position (
    generation integer not null,
    part integer not null,
    pos integer not null,
    primary key (generation, part)
) without rowid;

-- At most one for each record and generation: the next state of the record replaces it.
-- record_id null: the subject is text (an operation whose path is not a record's).
create table dead_letter (
    id integer primary key,
    generation integer not null,
    record_id integer,
    subject text,
    pos integer not null,
    reason text not null,
    detail text not null,
    at_us integer not null
);
create unique index dead_letter_record on dead_letter (generation, record_id) where record_id is not null;
