-- Hosts that work on this store, as they say themselves now and then; for `aviary status`. Nothing depends on it.
create table host (
    name text collate "C" primary key,
    roles text not null,
    version text not null,
    address text not null,
    since timestamptz not null default clock_timestamp(),
    seen timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
