//! `/xrpc/NSID`: from an HTTP request to a checked method call, and back.

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use super::ServeParts;
use super::error::XrpcError;
use super::methods::{MethodRequest, Payload};
use super::repo::RepoMethod;
use crate::atproto::lexicon::MethodKind;
use crate::atproto::{Did, Nsid};

/// Answers any request below `/xrpc/`.
pub(super) async fn dispatch(
    State(parts): State<ServeParts>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Ok(nsid) = Nsid::parse(&name) else {
        return XrpcError::invalid(format!("expected an NSID after /xrpc/, got {name:?}"))
            .into_response();
    };
    let Some(kind) = parts.catalog.method(&nsid) else {
        return XrpcError::not_implemented(nsid.as_str()).into_response();
    };
    if let Some(refusal) = wrong_verb(kind, request.method()) {
        return refusal;
    }
    match answer(&parts, nsid, kind, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// A query is read with GET or HEAD, a procedure is called with POST.
fn wrong_verb(kind: MethodKind, method: &Method) -> Option<Response> {
    let (kind, allowed, fits) = match kind {
        MethodKind::Query => (
            "query",
            "GET, HEAD",
            method == Method::GET || method == Method::HEAD,
        ),
        MethodKind::Procedure => ("procedure", "POST", method == Method::POST),
    };
    if fits {
        return None;
    }
    let message = format!("this method is a {kind}: expected {allowed}, got {method}");
    let mut response = XrpcError::new(405, "InvalidRequest", message).into_response();
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    Some(response)
}

async fn answer(
    parts: &ServeParts,
    nsid: Nsid,
    kind: MethodKind,
    request: Request,
) -> Result<Response, XrpcError> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(request.uri())
        .map_err(|e| XrpcError::invalid(format!("the query string does not decode: {e}")))?;
    let params = parts
        .catalog
        .query_params(&nsid, &pairs)
        .map_err(|e| XrpcError::invalid(e.to_string()))?;
    if let Some(method) = RepoMethod::of(&nsid) {
        let answer = method.answer(parts, &params).await?;
        return Ok(answer.into_response());
    }
    let (languages, labelers) = (languages(request.headers()), labelers(request.headers()));
    let input = match kind {
        MethodKind::Query => None,
        MethodKind::Procedure => input(request, parts.bounds.request_bytes).await?,
    };
    let name = nsid.clone();
    let call = MethodRequest {
        nsid,
        params,
        input,
        languages,
        labelers,
    };
    match parts.methods.handle(call).await {
        Some(answer) => Ok(answer?.into_response()),
        None => Err(XrpcError::not_implemented(name.as_str())),
    }
}

/// The body of a procedure; none when it is empty.
async fn input(request: Request<Body>, limit_bytes: usize) -> Result<Option<Payload>, XrpcError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let bytes = axum::body::to_bytes(request.into_body(), limit_bytes)
        .await
        .map_err(|_| {
            XrpcError::new(
                413,
                "PayloadTooLarge",
                format!("expected a body of at most {limit_bytes} bytes"),
            )
        })?;
    let Some(content_type) = content_type else {
        return if bytes.is_empty() {
            Ok(None)
        } else {
            Err(XrpcError::invalid("a body needs a Content-Type"))
        };
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let bytes = bytes.into();
        return Ok(Some(Payload::Bytes {
            content_type,
            bytes,
        }));
    }
    let bad = |e: &dyn std::fmt::Display| XrpcError::invalid(format!("the body is not JSON: {e}"));
    let text = String::from_utf8(bytes.into()).map_err(|e| bad(&e))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|e| bad(&e))?;
    Ok(Some(Payload::Json(text)))
}

/// `Accept-Language` by falling weight; what does not parse is left out.
fn languages(headers: &HeaderMap) -> Vec<String> {
    let mut weighted: Vec<(u32, &str)> = listed(headers, "accept-language")
        .filter_map(|item| {
            let (tag, rest) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight: f32 = rest.trim().strip_prefix("q=")?.parse().ok()?;
            let plain = tag
                .trim()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
            // Weights have at most three digits; a stable sort keeps the order of equal ones.
            (plain && (0.001..=1.0).contains(&weight))
                .then(|| ((weight * 1_000.0) as u32, tag.trim()))
        })
        .collect();
    weighted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    weighted
        .into_iter()
        .map(|(_, tag)| tag.to_owned())
        .collect()
}

/// `atproto-accept-labelers`, parameters such as `;redact` cut off; what is not a DID is left out.
fn labelers(headers: &HeaderMap) -> Vec<Did> {
    listed(headers, "atproto-accept-labelers")
        .filter_map(|item| Did::parse(item.split(';').next()?.trim()).ok())
        .collect()
}

fn listed<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn languages_go_by_weight() {
        let parse = |value| languages(&headers("accept-language", value));
        assert_eq!(
            parse("de;q=0.5, en, fr;q=0.9, *;q=0.1, pt-BR"),
            ["en", "pt-BR", "fr", "de"]
        );
        assert!(parse("de;q=0, ;q=, en;q=x").is_empty());
    }

    #[test]
    fn labelers_are_dids() {
        let parsed = labelers(&headers(
            "atproto-accept-labelers",
            "did:plc:abc;redact, nobody, did:web:x.example",
        ));
        assert_eq!(
            parsed.iter().map(Did::as_str).collect::<Vec<_>>(),
            ["did:plc:abc", "did:web:x.example"]
        );
    }
}
