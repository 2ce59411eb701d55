//! What the server asks of those who answer methods.

use async_trait::async_trait;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::error::XrpcError;
use crate::atproto::{Did, Nsid};

/// Answers methods that the host does not answer itself.
#[async_trait]
pub trait MethodHost: Send + Sync + 'static {
    /// The answer, or none when nobody claims the method.
    async fn handle(&self, request: MethodRequest) -> Option<Result<MethodResponse, XrpcError>>;
}

/// A request that has passed its method's lexicon.
#[derive(Clone, Debug)]
pub struct MethodRequest {
    /// Which method.
    pub nsid: Nsid,
    /// Checked, with defaults filled in.
    pub params: Map<String, Value>,
    /// The body of a procedure.
    pub input: Option<Payload>,
    /// `Accept-Language`, best first.
    pub languages: Vec<String>,
    /// `atproto-accept-labelers`, in order.
    pub labelers: Vec<Did>,
}

/// A method's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResponse {
    /// The body.
    pub body: Payload,
    /// How long it may be cached (s).
    pub max_age_s: Option<u32>,
}

/// A body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A JSON document that parses.
    Json(String),
    /// Anything else.
    Bytes {
        /// Its media type.
        content_type: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

impl IntoResponse for MethodResponse {
    fn into_response(self) -> Response {
        let (content_type, bytes) = match self.body {
            Payload::Json(text) => ("application/json".to_owned(), text.into_bytes()),
            Payload::Bytes {
                content_type,
                bytes,
            } => (content_type, bytes),
        };
        let mut response = ([(header::CONTENT_TYPE, content_type)], bytes).into_response();
        if let Some(max_age_s) = self.max_age_s {
            let text = format!("public, max-age={max_age_s}");
            if let Ok(value) = HeaderValue::try_from(text) {
                response.headers_mut().insert(header::CACHE_CONTROL, value);
            }
        }
        response
    }
}
