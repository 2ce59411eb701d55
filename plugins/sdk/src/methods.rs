//! From an XRPC request to its answer.

use serde::{Deserialize, Serialize};

use crate::wit::methods::exports::aviary::plugin::methods as wit;
use crate::{StoreError, Time};

/// What a method gives.
pub type Answer = Result<Response, XrpcError>;

/// One call of a method. Its parameters have been checked against the lexicon and its defaults filled in.
#[derive(Clone)]
pub struct Request(wit::XrpcRequest);

impl Request {
    /// A request as the interface has it.
    #[must_use]
    pub fn new(inner: wit::XrpcRequest) -> Self {
        Self(inner)
    }

    /// The method's NSID.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// The caller's DID, when they proved it.
    #[must_use]
    pub fn viewer(&self) -> Option<&str> {
        self.0.call.viewer.as_deref()
    }

    /// When the call came.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_us(i64::try_from(self.0.call.now_us).unwrap_or(i64::MAX))
    }

    /// Languages that the caller reads, best first.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.0.call.languages
    }

    /// DIDs of the labelers that the caller accepts.
    #[must_use]
    pub fn labelers(&self) -> &[String] {
        &self.0.call.labelers
    }

    /// The parameters as a type; `plugin!` makes one for each method.
    ///
    /// # Errors
    /// `InvalidRequest` when they do not fit it.
    pub fn params<'a, T: Deserialize<'a>>(&'a self) -> Result<T, XrpcError> {
        serde_json::from_str(&self.0.params)
            .map_err(|e| XrpcError::invalid_request(format!("parameters: {e}")))
    }

    /// A procedure's JSON input as a type of the author's.
    ///
    /// # Errors
    /// `InvalidRequest` when there is none, or when it does not fit.
    pub fn input<'a, T: Deserialize<'a>>(&'a self) -> Result<T, XrpcError> {
        match &self.0.input {
            Some(wit::Payload::Json(text)) => serde_json::from_str(text)
                .map_err(|e| XrpcError::invalid_request(format!("input: {e}"))),
            Some(wit::Payload::Bytes((kind, _))) => Err(XrpcError::invalid_request(format!(
                "input: expected application/json, got {kind}"
            ))),
            None => Err(XrpcError::invalid_request(
                "input: expected a JSON object, got nothing",
            )),
        }
    }

    /// A procedure's input that is not JSON: content type and bytes.
    #[must_use]
    pub fn input_bytes(&self) -> Option<(&str, &[u8])> {
        match &self.0.input {
            Some(wit::Payload::Bytes((kind, bytes))) => Some((kind, bytes)),
            _ => None,
        }
    }
}

/// A method's success.
#[derive(Clone)]
pub struct Response(wit::XrpcResponse);

impl Response {
    /// A JSON body.
    ///
    /// # Errors
    /// `InternalServerError` when the value has no JSON form.
    pub fn json(body: &impl Serialize) -> Answer {
        match serde_json::to_string(body) {
            Ok(text) => Ok(Self::of(wit::Payload::Json(text))),
            Err(e) => Err(XrpcError::internal(format!("answer: {e}"))),
        }
    }

    /// A body of another content type.
    #[must_use]
    pub fn bytes(content_type: impl Into<String>, body: Vec<u8>) -> Self {
        Self::of(wit::Payload::Bytes((content_type.into(), body)))
    }

    fn of(body: wit::Payload) -> Self {
        Self(wit::XrpcResponse {
            body,
            max_age_s: None,
        })
    }

    /// How long caches may keep it (seconds).
    #[must_use]
    pub fn max_age_s(mut self, seconds: u32) -> Self {
        self.0.max_age_s = Some(seconds);
        self
    }

    /// The JSON text; `None` when it is of another type.
    #[must_use]
    pub fn as_json(&self) -> Option<&str> {
        match &self.0.body {
            wit::Payload::Json(text) => Some(text),
            wit::Payload::Bytes(_) => None,
        }
    }
}

/// A method's failure, as XRPC has it: a status, a name that clients match on, a message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XrpcError {
    status: u16,
    error: String,
    message: String,
}

impl XrpcError {
    /// An error that the method's lexicon names, with its HTTP status.
    #[must_use]
    pub fn new(status: u16, error: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            message: message.into(),
        }
    }

    /// 400: the caller asked for something that cannot be.
    #[must_use]
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", message)
    }

    /// 401: the method needs a proven caller.
    #[must_use]
    pub fn auth_required(message: impl Into<String>) -> Self {
        Self::new(401, "AuthenticationRequired", message)
    }

    /// 500: the plugin's own failure.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalServerError", message)
    }

    /// 501: the plugin does not answer this method.
    #[must_use]
    pub fn not_implemented(method: &str) -> Self {
        Self::new(501, "MethodNotImplemented", format!("no method {method:?}"))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The name that clients match on.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.error
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<StoreError> for XrpcError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::BadParams(message) => Self::invalid_request(message),
            StoreError::Timeout | StoreError::Unavailable => {
                Self::new(503, "ServiceUnavailable", e.to_string())
            }
            StoreError::UnknownRead | StoreError::TooManyRows | StoreError::BadRow(_) => {
                Self::internal(e.to_string())
            }
        }
    }
}

/// What `plugin!` implements on a plugin with methods.
pub trait Handler {
    /// Finds the method's function and calls it.
    ///
    /// # Errors
    /// Whatever the method says; `MethodNotImplemented` for another method.
    fn answer(request: &Request) -> Answer;
}

/// The export's body.
///
/// # Errors
/// Whatever the method says.
pub fn handle<P: Handler>(inner: wit::XrpcRequest) -> Result<wit::XrpcResponse, wit::XrpcError> {
    match P::answer(&Request::new(inner)) {
        Ok(response) => Ok(response.0),
        Err(e) => Err(wit::XrpcError {
            status: e.status,
            error: e.error,
            message: e.message,
        }),
    }
}
