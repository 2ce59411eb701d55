-- What a plugin's reads may name of the host's own: `record` and `account`, without what is hidden.
-- `_u` and `_d` are interned ids, as in the views of plugins' tables.

-- Records that have content; the collection is looked up last, so that `_d = ? and collection = ?` uses an index.
create view host_record_v as
select record.id as _u, record.did_id as _d, collection.nsid as collection, record.rkey as rkey,
       record.rev as _rev, record.seen_us as _seen
from record
join collection on collection.id = record.coll_id
where record.cid is not null
  and not exists (select 1 from hidden where hidden.did_id = record.did_id);

-- Hosting status of the accounts that upstream told about.
create view host_account_v as
select account.did_id as _d, account.active as active, account.status as status
from account
where not exists (select 1 from hidden where hidden.did_id = account.did_id);
