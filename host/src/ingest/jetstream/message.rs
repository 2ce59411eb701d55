//! A Jetstream's message as it is on the wire: JSON, told apart by its kind.
//!
//! Guarantees: the account and the time are well-formed; a kind that this version does not know is not an error.
//! What a commit says is not looked at until somebody wants its collection.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::atproto::{Did, SyntaxError};
use crate::fault::{Class, Classify};
use crate::limits;

/// Why a message cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// It is not JSON, or lacks what every message has.
    #[error("expected a Jetstream's message: {0}")]
    Json(#[from] serde_json::Error),
    /// Its account is not one.
    #[error(transparent)]
    Did(#[from] SyntaxError),
    /// Its time cannot be a cursor.
    #[error("expected time_us between 1 and {max}, got {got}")]
    Time {
        /// What it says.
        got: i64,
        /// The greatest that would do.
        max: i64,
    },
    /// Its kind says that there is a part which is not there.
    #[error("expected a part named {kind:?} in a message of that kind, got none")]
    Part {
        /// The kind.
        kind: &'static str,
    },
}

impl Classify for MessageError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// One event of one account.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) did: Did,
    /// Microseconds since 1970, by the clock of the Jetstream; its cursor.
    pub(super) time_us: i64,
    pub(super) what: What<'a>,
}

/// What happened.
#[derive(Debug)]
pub(super) enum What<'a> {
    Commit(CommitPart<'a>),
    Identity(IdentityPart<'a>),
    Account(AccountPart<'a>),
    /// A kind that this version does not know.
    Unknown(Cow<'a, str>),
}

/// One operation. Jetstream sends those of one commit one by one.
#[derive(Debug, Deserialize)]
pub(super) struct CommitPart<'a> {
    #[serde(borrow)]
    pub(super) rev: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) operation: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) collection: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) rkey: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) record: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) cid: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IdentityPart<'a> {
    #[serde(borrow)]
    pub(super) handle: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AccountPart<'a> {
    pub(super) active: bool,
    #[serde(borrow)]
    pub(super) status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    did: Cow<'a, str>,
    time_us: i64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    commit: Option<CommitPart<'a>>,
    #[serde(borrow)]
    identity: Option<IdentityPart<'a>>,
    #[serde(borrow)]
    account: Option<AccountPart<'a>>,
}

impl<'a> Message<'a> {
    /// Reads one message.
    pub(super) fn decode(text: &'a str) -> Result<Self, MessageError> {
        let wire: Wire<'a> = serde_json::from_str(text)?;
        if !(1..=limits::SEQ_MAX).contains(&wire.time_us) {
            return Err(MessageError::Time {
                got: wire.time_us,
                max: limits::SEQ_MAX,
            });
        }
        let missing = |kind| MessageError::Part { kind };
        let what = match &*wire.kind {
            "commit" => What::Commit(wire.commit.ok_or(missing("commit"))?),
            "identity" => What::Identity(wire.identity.ok_or(missing("identity"))?),
            "account" => What::Account(wire.account.ok_or(missing("account"))?),
            _ => What::Unknown(wire.kind),
        };
        Ok(Self {
            did: Did::parse(&wire.did)?,
            time_us: wire.time_us,
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(rest: &str) -> Result<String, String> {
        let text = format!(r#"{{"did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz",{rest}}}"#);
        match Message::decode(&text) {
            Ok(message) => Ok(format!("{:?}", message.what)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_kind_is_read_and_an_unknown_one_is_named() {
        let commit = r#""time_us":5,"kind":"commit","more":[],"commit":{"rev":"r","operation":"delete","collection":"a.b.c","rkey":"k","later":1}"#;
        assert!(decode(commit).unwrap().contains("operation: \"delete\""));
        let identity = r#""time_us":5,"kind":"identity","identity":{"did":"x","seq":1}"#;
        assert!(decode(identity).unwrap().contains("handle: None"));
        let account =
            r#""time_us":5,"kind":"account","account":{"active":false,"status":"new\u0020word"}"#;
        assert!(decode(account).unwrap().contains("Some(\"new word\")"));
        let unknown = r#""time_us":5,"kind":"unheard-of""#;
        assert_eq!(decode(unknown).unwrap(), "Unknown(\"unheard-of\")");
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_reason() {
        for (rest, reason) in [
            (r#""kind":"commit""#, "time_us"),
            (r#""time_us":5"#, "kind"),
            (r#""time_us":5,"kind":"commit""#, "named \"commit\""),
            (r#""time_us":0,"kind":"x""#, "time_us between 1"),
            (
                r#""time_us":9007199254740992,"kind":"x""#,
                "time_us between 1",
            ),
            (r#""time_us":1.5,"kind":"x""#, "invalid type"),
        ] {
            let error = decode(rest).unwrap_err();
            assert!(error.contains(reason), "{rest}: {error}");
        }
        assert!(Message::decode(r#"{"did":"alice","time_us":5,"kind":"x"}"#).is_err());
        assert!(Message::decode("").is_err());
    }
}
