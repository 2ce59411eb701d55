-- What verified ingest needs: chains that may have no rev yet and what a fetch must reach, erasures, backfills.

-- Chain state of followed repositories. rev null: none before its first snapshot.
--   state: 0 synchronized, 1 desynchronized, 2 resyncing; state_us: since when it is (not) synchronized.
--   want: the rev that a snapshot has to reach. fetch: 0 none is under way, 1 one is, 2 one is and will not do.
create table repo_next (
    did_id integer primary key,
    part integer not null,
    rev text,
    data blob,
    state integer not null default 0,
    reason text,
    state_us integer not null default 0,
    want text,
    fetch integer not null default 0
);
insert into repo_next (did_id, part, rev, data, state, reason, state_us)
    select did_id, part, rev, data, state, reason, state_us from repo;
drop table repo;
alter table repo_next rename to repo;

-- Repositories that are not synchronized, for those who fetch them and for counting.
create index repo_broken on repo (did_id, state) where state <> 0;

-- Accounts that upstream calls deleted, for confirming it.
create index account_deleted on account (did_id) where active = 0 and status = 'deleted';

-- Accounts whose deletion their host confirmed. (source, seq): the event that told of it.
--   It stands until lifted_us: nothing of the account is taken meanwhile. (after_coll, after_rkey): the last record
--   done, while done = 0.
create table erased (
    did_id integer primary key,
    source text not null,
    seq integer not null,
    at_us integer not null,
    done integer not null default 0,
    lifted_us integer,
    after_coll integer not null default 0,
    after_rkey text not null default ''
);
create index erased_waiting on erased (did_id) where done = 0 and lifted_us is null;

-- How far each backfill's listing came; cursor null: it has ended.
create table backfill (
    job text primary key,
    cursor text,
    listed_all integer not null default 0,
    listed integer not null default 0,
    at_us integer not null
) without rowid;

-- Dead letters whose subject is text: found by account, and once each.
create index dead_letter_subject on dead_letter (subject) where subject is not null;

-- A tombstone tells how far its delete was proven, as a live record does; those there are came from hashed frames.
update record set trust = 1 where cid is null and pos is not null;
