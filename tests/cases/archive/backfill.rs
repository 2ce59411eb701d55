//! Backfill marks: a listing goes on where it was, and never back.

use std::sync::Arc;

use aviary::entry::{BackfillMark, Entry};
use aviary::store::BackfillJob;
use aviary_tests::backend::{Backend, Place};

use super::dump;
use super::world::archive;

fn mark(job: &str, cursor: Option<&str>, listed: u64) -> Entry {
    Entry::Backfill(BackfillMark {
        job: Arc::from(job),
        cursor: cursor.map(str::to_owned),
        listed,
    })
}

fn job(job: &str, cursor: Option<&str>, listed: u64) -> BackfillJob {
    BackfillJob {
        job: job.to_owned(),
        cursor: cursor.map(str::to_owned),
        listed_all: cursor.is_none(),
        listed,
    }
}

aviary_tests::on_both!(a_listing_goes_on_where_it_was);

async fn a_listing_goes_on_where_it_was(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        assert!(store.backfill_jobs().await.unwrap().is_empty());
        let entries = [
            mark("b", Some("p1"), 100),
            mark("a", Some("q1"), 7),
            mark("b", Some("p2"), 200),
        ];
        archive(&*store, entries.clone(), 1).await.unwrap();
        let found = store.backfill_jobs().await.unwrap();
        assert_eq!(found, [job("a", Some("q1"), 7), job("b", Some("p2"), 200)]);

        let before = dump(&place).await;
        archive(&*store, entries, 2).await.unwrap();
        assert_eq!(dump(&place).await, before, "replayed");

        // A page without repositories moves the cursor too; the end is the end.
        archive(&*store, [mark("b", Some("p3"), 200), mark("a", None, 7)], 3)
            .await
            .unwrap();
        let found = store.backfill_jobs().await.unwrap();
        assert_eq!(found, [job("a", None, 7), job("b", Some("p3"), 200)]);
        archive(&*store, [mark("a", Some("q1"), 7)], 4)
            .await
            .unwrap();
        assert_eq!(store.backfill_jobs().await.unwrap()[0], job("a", None, 7));
    }
}
