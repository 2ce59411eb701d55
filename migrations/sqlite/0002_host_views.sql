-- What named reads may see of the host's own tables: live records and accounts that are not hidden.

create view host_record_v as
    select r.id as _u, r.did_id as _d, (select c.nsid from collection c where c.id = r.coll_id) as collection,
        r.rkey, r.rev as _rev, r.seen_us as _seen
    from record r
    where r.cid is not null and not exists (select 1 from hidden h where h.did_id = r.did_id);

create view host_account_v as
    select a.did_id as _d, a.active, a.status
    from account a
    where not exists (select 1 from hidden h where h.did_id = a.did_id);
