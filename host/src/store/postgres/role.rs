//! The role that a generation's reads run as.
//!
//! Guarantees: it cannot log in; it may select from its own views, from the host's views, and from what gives an
//! interned id its text, and from nothing else; the host's user is a member, so that it can take the role on. A role of
//! that name that can do more is somebody else's and is refused.

use sqlx::PgConnection;

use super::generation::define;
use super::schema::{GenerationTables, Names, create_views, host_tables};
use crate::store::error::StoreError;
use crate::store::indexing::quoted;

/// Makes the role if it is not there, and grants it what it needs: when it is new or `made_views` are.
pub(super) async fn place(
    c: &mut PgConnection,
    tables: &GenerationTables,
    made_views: bool,
) -> Result<(), StoreError> {
    let names = &tables.names;
    let is_new = !exists(c, names).await?;
    if !is_new && !made_views {
        return Ok(());
    }
    let role = quoted(&names.role);
    if is_new {
        define(c, &format!("create role {role} nologin")).await?;
    }
    define(c, &format!("grant {role} to current_user")).await?;
    for schema in [&names.host, &names.schema] {
        let sql = format!("grant usage on schema {} to {role}", quoted(schema));
        define(c, &sql).await?;
    }
    for (table, columns) in host_tables() {
        let table = format!("{}.{}", quoted(&names.host), quoted(table));
        let sql = format!("grant select {columns} on {table} to {role}");
        define(c, &sql).await?;
    }
    for view in create_views(names, &tables.shape.manifest)? {
        let sql = format!("grant select on {} to {role}", view.full_name);
        define(c, &sql).await?;
    }
    Ok(())
}

/// Whether the role is there, and may not do more than it should.
async fn exists(c: &mut PgConnection, names: &Names) -> Result<bool, StoreError> {
    let strong: Option<bool> = sqlx::query_scalar(
        "select rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication \
                or exists (select 1 from pg_auth_members m where m.member = r.oid) \
         from pg_roles r where rolname = $1",
    )
    .bind(&names.role)
    .fetch_optional(c)
    .await?;
    if strong == Some(true) {
        return Err(StoreError::Refused(format!(
            "the role {:?} is there and is more than a plugin's reads may be (it can log in, has an attribute, or is a \
             member of another role): drop or rename it",
            names.role
        )));
    }
    Ok(strong.is_some())
}

/// Takes away what the role was granted, and drops it. One that another database of the server grants something to is
/// left to it.
pub(super) async fn remove(c: &mut PgConnection, names: &Names) -> Result<(), StoreError> {
    let elsewhere: Option<bool> = sqlx::query_scalar(
        "select exists (select 1 from pg_shdepend d where d.refclassid = 'pg_authid'::regclass \
                and d.refobjid = r.oid and d.dbid <> 0 \
                and d.dbid <> (select oid from pg_database where datname = current_database())) \
         from pg_roles r where rolname = $1",
    )
    .bind(&names.role)
    .fetch_optional(&mut *c)
    .await?;
    let Some(elsewhere) = elsewhere else {
        return Ok(());
    };
    let role = quoted(&names.role);
    define(c, &format!("drop owned by {role}")).await?;
    if elsewhere {
        tracing::warn!(
            role = names.role,
            "store.role_kept: another database of the server uses this role"
        );
        return Ok(());
    }
    define(c, &format!("drop role {role}")).await
}
