//! 0.1's `methods`: XRPC calls, with the named reads and records that they may ask for.

use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime::{AsContextMut, Store};

use super::index;
use crate::plugins::host_calls::ReadError;
use crate::plugins::sandbox::Sandbox;
use crate::plugins::values::{RawParam, RawValue};
use crate::plugins::xrpc::{
    HandleError, Payload, XrpcRequest, XrpcResponse, check_error, check_response,
};
use crate::store::Value;

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from wit/v0.1")]
    wasmtime::component::bindgen!({
        path: "../wit/v0.1",
        world: "methods-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "aviary:plugin/log": super::index::bindings::aviary::plugin::log,
            "aviary:plugin/settings": super::index::bindings::aviary::plugin::settings,
        },
    });
}

use bindings::aviary::plugin::{records, store, types};
use bindings::exports::aviary::plugin::methods;

/// A component that exports `methods`, linked.
pub struct Methods(bindings::MethodsPluginPre<Sandbox>);

/// Offers `log`, `settings`, `store` and `records`.
pub(super) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    bindings::MethodsPlugin::add_to_linker::<_, HasSelf<_>>(linker, |sandbox| sandbox)
}

impl Methods {
    pub(super) fn new(instance: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        bindings::MethodsPluginPre::new(instance).map(Self)
    }

    /// Starts an instance.
    pub(in crate::plugins) async fn start(
        &self,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<bindings::MethodsPlugin> {
        self.0.instantiate_async(store.as_context_mut()).await
    }

    /// Calls `handle`. The outer error is the guest's failure, the inner one its answer.
    pub(in crate::plugins) async fn call(
        instance: &bindings::MethodsPlugin,
        store: &mut Store<Sandbox>,
        request: XrpcRequest,
    ) -> wasmtime::Result<Result<XrpcResponse, HandleError>> {
        let request = methods::XrpcRequest {
            call: methods::Call {
                viewer: request.viewer.map(|did| did.to_string()),
                now_us: u64::try_from(request.now_us).unwrap_or(0),
                languages: request.languages,
                labelers: request.labelers,
            },
            method: request.method,
            params: request.params,
            input: request.input.map(|input| match input {
                Payload::Json(text) => methods::Payload::Json(text),
                Payload::Bytes {
                    content_type,
                    bytes,
                } => methods::Payload::Bytes((content_type, bytes)),
            }),
        };
        let answer = instance
            .aviary_plugin_methods()
            .call_handle(store, &request)
            .await?;
        Ok(match answer {
            Ok(response) => check_response(XrpcResponse {
                body: match response.body {
                    methods::Payload::Json(text) => Payload::Json(text),
                    methods::Payload::Bytes((content_type, bytes)) => Payload::Bytes {
                        content_type,
                        bytes,
                    },
                },
                max_age_s: response.max_age_s,
            }),
            Err(error) => Err(check_error(error.status, error.error, error.message)),
        })
    }
}

impl types::Host for Sandbox {}

impl store::Host for Sandbox {
    async fn read(
        &mut self,
        name: String,
        params: Vec<types::Param>,
    ) -> wasmtime::Result<Result<store::Page, store::StoreError>> {
        self.count_host_call()?;
        let params = params.into_iter().map(param).collect();
        Ok(match self.reads()?.read(&name, params).await? {
            Ok(page) => Ok(store::Page {
                columns: page.columns,
                rows: page
                    .rows
                    .into_iter()
                    .map(|row| row.into_iter().map(value).collect())
                    .collect(),
            }),
            Err(error) => Err(store_error(error)),
        })
    }

    async fn read_json(
        &mut self,
        name: String,
        params: Vec<types::Param>,
    ) -> wasmtime::Result<Result<String, store::StoreError>> {
        self.count_host_call()?;
        let params = params.into_iter().map(param).collect();
        Ok(self
            .reads()?
            .read_json(&name, params)
            .await?
            .map_err(store_error))
    }
}

impl records::Host for Sandbox {
    async fn get(
        &mut self,
        uris: Vec<String>,
    ) -> wasmtime::Result<Vec<Option<records::StoredRecord>>> {
        self.count_host_call()?;
        let found = self.reads()?.records(&uris).await?;
        Ok(found
            .into_iter()
            .map(|record| {
                record.map(|r| records::StoredRecord {
                    uri: r.uri,
                    cid: r.cid,
                    rev: r.rev,
                    time_us: r.time_us,
                    value: r.value,
                })
            })
            .collect())
    }
}

fn store_error(error: ReadError) -> store::StoreError {
    match error {
        ReadError::Unknown => store::StoreError::UnknownRead,
        ReadError::BadParams(says) => store::StoreError::BadParams(says),
        ReadError::Timeout => store::StoreError::Timeout,
        ReadError::TooManyRows => store::StoreError::TooManyRows,
        ReadError::Unavailable => store::StoreError::Unavailable,
    }
}

fn param(param: types::Param) -> RawParam {
    match param {
        types::Param::One(value) => RawParam::One(raw(value)),
        types::Param::Many(values) => RawParam::Many(values.into_iter().map(raw).collect()),
    }
}

fn raw(value: types::Value) -> RawValue {
    match value {
        types::Value::Null => RawValue::Null,
        types::Value::Boolean(b) => RawValue::Boolean(b),
        types::Value::Integer(n) => RawValue::Integer(n),
        types::Value::Real(x) => RawValue::Real(x),
        types::Value::Text(text) => RawValue::Text(text),
        types::Value::Bytes(bytes) => RawValue::Bytes(bytes),
        types::Value::Json(text) => RawValue::Json(text),
        types::Value::TimeUs(us) => RawValue::TimeUs(us),
    }
}

fn value(value: Value) -> types::Value {
    match value {
        Value::Null => types::Value::Null,
        Value::Boolean(b) => types::Value::Boolean(b),
        Value::Integer(n) => types::Value::Integer(n),
        Value::Real(x) => types::Value::Real(x),
        Value::Text(text) => types::Value::Text(text),
        Value::Bytes(bytes) => types::Value::Bytes(bytes),
        Value::Json(text) => types::Value::Json(text),
        Value::Time(us) => types::Value::TimeUs(us),
        Value::Did(did) => types::Value::Text(did.to_string()),
        Value::Uri(uri) => types::Value::Text(uri.to_string()),
    }
}
