//! Query parameters, with errors that name them.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::XrpcError;

/// The parameters of a request.
pub(crate) struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = XrpcError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, XrpcError> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(params) = query.map_err(|error| XrpcError::invalid(error.body_text()))?;
        Ok(Params(params))
    }
}

impl Params {
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, XrpcError> {
        let missing = || XrpcError::invalid(format!("parameter {name:?} is required"));
        self.optional(name).ok_or_else(missing)
    }

    /// A number or a boolean, if the parameter is there.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, XrpcError> {
        let parse = |text: &str| {
            let wrong = |_| XrpcError::invalid(format!("parameter {name:?} cannot be {text:?}"));
            text.parse().map_err(wrong)
        };
        self.optional(name).map(parse).transpose()
    }

    /// `limit`, between 1 and the most.
    pub(crate) fn limit(&self, (default, most): (usize, usize)) -> Result<usize, XrpcError> {
        match self.number("limit")? {
            None => Ok(default),
            Some(limit) if (1..=most).contains(&limit) => Ok(limit),
            Some(limit) => Err(XrpcError::invalid(format!(
                "parameter \"limit\" must be between 1 and {most}, got {limit}"
            ))),
        }
    }
}
