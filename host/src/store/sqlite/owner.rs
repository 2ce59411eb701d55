//! One process owns a database file: its writer remembers what the file holds, so a second one would be wrong.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::store::error::StoreError;

/// Takes the lock beside the file; it goes when the handle is dropped or the process ends, however it ends.
/// Waits up to `patience` for the owner before.
pub(super) async fn lock(path: &Path, patience: Duration) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let cannot = |e: std::io::Error| {
        StoreError::Unavailable(format!("cannot lock {}: {e}", Path::new(&name).display()))
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(cannot)?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
            Err(TryLockError::WouldBlock) => {
                if started.elapsed() > patience {
                    return Err(StoreError::Refused(format!(
                        "{} is in use by another process: stop it, or name another file",
                        path.display()
                    )));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_owner_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let first = lock(&path, Duration::ZERO).await.unwrap();
        let second = lock(&path, Duration::ZERO).await;
        assert!(matches!(second, Err(StoreError::Refused(_))));
        drop(first);
        lock(&path, Duration::ZERO).await.unwrap();
    }
}
