//! Plugins' methods as the server calls them.

use std::sync::Arc;

use async_trait::async_trait;
use aviary_manifest::Auth;

use crate::clock::Clock;
use crate::plugins::{self, HandleError, Registry, XrpcRequest};
use crate::serve::{MethodHost, MethodRequest, MethodResponse, Payload, XrpcError};
use crate::store::Store;

/// Answers with whichever plugin claims the method.
pub(super) struct PluginMethods {
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
}

#[async_trait]
impl MethodHost for PluginMethods {
    async fn handle(&self, request: MethodRequest) -> Option<Result<MethodResponse, XrpcError>> {
        let loaded = self.registry.by_method(request.nsid.as_str())?;
        let method = loaded
            .plugin
            .manifest()
            .methods
            .get(request.nsid.as_str())?;
        if method.auth == Auth::Required {
            let message = "this method needs service auth, which this version does not read yet";
            return Some(Err(XrpcError::new(401, "AuthenticationRequired", message)));
        }
        let request = XrpcRequest {
            // Nobody has proven who they are: service auth is not read yet.
            viewer: None,
            now_us: self.clock.now_us(),
            languages: request.languages,
            labelers: request.labelers.iter().map(ToString::to_string).collect(),
            method: request.nsid.to_string(),
            params: serde_json::Value::Object(request.params).to_string(),
            input: request.input.map(to_plugin),
        };
        let store = Arc::clone(&self.store);
        let answer = loaded
            .plugin
            .handle(request, store, loaded.generation.id)
            .await;
        Some(
            answer
                .map(response)
                .map_err(|e| error(loaded.plugin.name(), e)),
        )
    }
}

fn to_plugin(body: Payload) -> plugins::Payload {
    match body {
        Payload::Json(text) => plugins::Payload::Json(text),
        Payload::Bytes {
            content_type,
            bytes,
        } => plugins::Payload::Bytes {
            content_type,
            bytes,
        },
    }
}

fn response(response: plugins::XrpcResponse) -> MethodResponse {
    let body = match response.body {
        plugins::Payload::Json(text) => Payload::Json(text),
        plugins::Payload::Bytes {
            content_type,
            bytes,
        } => Payload::Bytes {
            content_type,
            bytes,
        },
    };
    MethodResponse {
        body,
        max_age_s: response.max_age_s,
    }
}

/// A plugin's own error goes to the caller; what went wrong inside it goes to the log.
fn error(plugin: &str, error: HandleError) -> XrpcError {
    match error {
        HandleError::Xrpc {
            status,
            error,
            message,
        } => XrpcError::new(status, &error, message),
        HandleError::Unavailable(reason) => {
            tracing::warn!(
                plugin,
                reason,
                "app.method_unserved: the host could not serve a plugin"
            );
            XrpcError::unavailable("the host is busy; try again")
        }
        error => {
            tracing::error!(plugin, %error, "app.method_failed: a plugin gave no answer");
            XrpcError::internal()
        }
    }
}
