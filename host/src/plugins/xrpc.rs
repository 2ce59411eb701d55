//! An XRPC call as a plugin's method sees it, the same for every WIT version.

use super::failure::{Failure, FailureKind};
use crate::atproto::Did;
use crate::limits;

/// A request that has passed the method's lexicon.
#[derive(Clone, Debug)]
pub struct XrpcRequest {
    /// Who calls, proven by service auth.
    pub viewer: Option<Did>,
    /// When, microseconds since 1970.
    pub now_us: i64,
    /// `Accept-Language`, best first.
    pub languages: Vec<String>,
    /// `atproto-accept-labelers`, as DIDs.
    pub labelers: Vec<String>,
    /// The method's NSID.
    pub method: String,
    /// A JSON object with defaults filled in.
    pub params: String,
    /// The body of a procedure.
    pub input: Option<Payload>,
}

/// A body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A JSON document.
    Json(String),
    /// Anything else.
    Bytes {
        /// Its media type.
        content_type: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// A method's answer. A JSON body parses; the whole is within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XrpcResponse {
    /// The body.
    pub body: Payload,
    /// How long it may be cached (s).
    pub max_age_s: Option<u32>,
}

/// Why a method gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The plugin answers with an XRPC error: for the caller.
    #[error("{status} {error}: {message}")]
    Xrpc {
        /// 400 to 599.
        status: u16,
        /// The error's name.
        error: String,
        /// For people.
        message: String,
    },
    /// The guest trapped: for the operator, the caller sees an internal error.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// The guest ran out of time.
    #[error("the plugin ran for more than {} ms", limits::METHOD_CALL_MS)]
    Timeout,
    /// The guest ran out of memory, host-call fuel, host calls or reads.
    #[error("the plugin ran into a limit: {0}")]
    Limit(String),
    /// The host could not serve the guest: the same call may go through later.
    #[error("the host could not serve the plugin: {0}")]
    Unavailable(String),
    /// What the guest answered is no XRPC answer.
    #[error("the plugin's answer is not usable: {0}")]
    BadResponse(String),
}

impl From<Failure> for HandleError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::Trap => Self::Trap(failure.detail),
            FailureKind::Timeout => Self::Timeout,
            FailureKind::Limit => Self::Limit(failure.detail),
            FailureKind::Host => Self::Unavailable(failure.detail),
        }
    }
}

/// Lets an answer through that a client can be given.
///
/// # Errors
/// When a JSON body does not parse, a media type is none, or the body is too large.
pub fn check_response(response: XrpcResponse) -> Result<XrpcResponse, HandleError> {
    let size_bytes = match &response.body {
        Payload::Json(text) => {
            serde_json::from_str::<serde::de::IgnoredAny>(text)
                .map_err(|e| HandleError::BadResponse(format!("expected a JSON body: {e}")))?;
            text.len()
        }
        Payload::Bytes {
            content_type,
            bytes,
        } => {
            let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
            if !content_type.contains('/') || !content_type.bytes().all(visible) {
                return Err(HandleError::BadResponse(format!(
                    "expected a media type, got {:?}",
                    content_type.chars().take(80).collect::<String>()
                )));
            }
            bytes.len()
        }
    };
    if size_bytes > limits::RESPONSE_BYTES_MAX {
        return Err(HandleError::BadResponse(format!(
            "expected a body of at most {} bytes, got {size_bytes}",
            limits::RESPONSE_BYTES_MAX
        )));
    }
    Ok(response)
}

/// A plugin's XRPC error, when it is one.
#[must_use]
pub fn check_error(status: u16, error: String, message: String) -> HandleError {
    let named = (1..=64).contains(&error.len()) && error.bytes().all(|b| b.is_ascii_alphanumeric());
    if !(400..=599).contains(&status) || !named {
        return HandleError::BadResponse(format!(
            "expected an error with a status of 400 to 599 and a name of letters and digits, got {status} {:?}",
            error.chars().take(64).collect::<String>()
        ));
    }
    HandleError::Xrpc {
        status,
        error,
        message: message[..message.floor_char_boundary(1_024)].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> XrpcResponse {
        XrpcResponse {
            body: Payload::Json(text.to_owned()),
            max_age_s: None,
        }
    }

    fn bytes(content_type: &str, len: usize) -> XrpcResponse {
        XrpcResponse {
            body: Payload::Bytes {
                content_type: content_type.to_owned(),
                bytes: vec![0; len],
            },
            max_age_s: None,
        }
    }

    #[test]
    fn answers_are_held_against_their_form() {
        assert!(check_response(json("{\"a\":[1]}")).is_ok());
        assert!(check_response(bytes("image/png", limits::RESPONSE_BYTES_MAX)).is_ok());
        for bad in [
            json("{"),
            json(""),
            json(&format!("\"{}\"", "x".repeat(limits::RESPONSE_BYTES_MAX))),
            bytes("image/png\r\nset-cookie: a", 1),
            bytes("", 1),
            bytes("image/png", limits::RESPONSE_BYTES_MAX + 1),
        ] {
            assert!(matches!(
                check_response(bad),
                Err(HandleError::BadResponse(_))
            ));
        }
    }

    #[test]
    fn errors_are_errors() {
        let good = check_error(400, "InvalidRequest".into(), "no".into());
        assert!(matches!(good, HandleError::Xrpc { status: 400, .. }));
        for (status, name) in [(200, "Ok"), (0, "X"), (600, "X"), (400, ""), (400, "a\nb")] {
            let bad = check_error(status, name.into(), String::new());
            assert!(
                matches!(bad, HandleError::BadResponse(_)),
                "{status} {name}"
            );
        }
    }
}
