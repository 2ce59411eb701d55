//! Keys that have to be looked up while an account's messages wait.

use std::sync::Arc;
use std::time::Duration;

use super::{Lane, Verify};
use crate::atproto::Did;
use crate::atproto::PublicKey;
use crate::atproto::frame::Frame;
use crate::fault::{Class, Classify};
use crate::identity::{Identity, IdentityError};
use crate::ingest::IngestError;
use crate::ingest::commit::CommitError;
use crate::limits;

/// What a commit needs before it can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Its account's key.
    Key,
    /// Its account's key, looked up anew: the known one does not fit.
    FreshKey,
}

/// An identity, and whether it was looked up because the one before did not fit.
#[derive(Clone)]
pub(super) struct Known {
    identity: Arc<Identity>,
    fresh: bool,
}

impl Known {
    pub(super) fn cached(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            fresh: false,
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    pub(super) fn key(&self) -> Result<&PublicKey, CommitError> {
        self.identity
            .signing_key()
            .map_err(|why| CommitError::NoKey(why.to_string()))
    }
}

/// What a look-up said.
pub(super) struct Answer {
    did: Did,
    need: Need,
    wait: Duration,
    found: Result<Arc<Identity>, IdentityError>,
    /// Whether the directory was not asked, or did not answer: what was found may be the same old key.
    is_old: bool,
}

impl Lane {
    /// Looks an account up beside the lane, after `wait`.
    pub(super) fn look_up(&self, did: Did, need: Need, wait: Duration) {
        let Verify::Full(identities) = &self.parts.verify else {
            return;
        };
        let (identities, answer) = (Arc::clone(identities), self.answer.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let (found, is_old) = match need {
                Need::Key => (identities.get(&did).await, false),
                Need::FreshKey => match identities.refresh(&did).await {
                    Ok(got) => (
                        Ok(got.identity),
                        !got.is_fresh && !identities.is_fixed(&did),
                    ),
                    Err(error) => (Err(error), false),
                },
            };
            // A lane that has ended leaves what it held to the next start.
            answer
                .send(Answer {
                    did,
                    need,
                    wait,
                    found,
                    is_old,
                })
                .await
                .ok();
        });
    }

    /// Goes on with an account whose look-up has ended.
    pub(super) async fn answered(&mut self, answer: Answer) -> Result<(), IngestError> {
        let Answer {
            did,
            need,
            wait,
            found,
            is_old,
        } = answer;
        let Some(mut account) = self.held.take(&did) else {
            return Ok(());
        };
        let is_in_time = account.since.elapsed().as_millis() < limits::IDENTITY_HOLD_MS_MAX.into();
        let known = match found {
            Ok(identity) if !(is_old && is_in_time) => Known {
                identity,
                fresh: need == Need::FreshKey,
            },
            Err(error) if error.class() != Class::Retry || !is_in_time => {
                return self.give_up(account, &error).await;
            }
            // Nobody has said yet what the key is now.
            Ok(_) | Err(_) => {
                self.held.put_back(&did, account);
                let longest = Duration::from_millis(limits::IDENTITY_RETRY_MS_MAX);
                let first = Duration::from_millis(limits::IDENTITY_RETRY_MS_MIN);
                self.look_up(did, need, (wait * 2).clamp(first, longest));
                return Ok(());
            }
        };
        while let Some(held) = account.messages.pop_front() {
            self.message(&did, held, Some(&known)).await?;
            if self.held.has(&did) {
                // This one asked for more: the rest stays behind it.
                for held in account.messages.drain(..) {
                    self.held.push(&did, held);
                }
            }
        }
        Ok(())
    }

    /// The account cannot be looked up: its commits are refused, everything else goes on.
    async fn give_up(
        &mut self,
        account: super::held::HeldAccount,
        error: &IdentityError,
    ) -> Result<(), IngestError> {
        for held in account.messages {
            match Frame::decode(&held.message) {
                Ok(Frame::Commit(frame)) => {
                    let error = CommitError::Identity(error.to_string());
                    self.refuse(&frame, &held.origin, &error).await?;
                }
                Ok(other) => self.without_key(other, &held.origin).await?,
                Err(_) => {}
            }
        }
        Ok(())
    }
}
