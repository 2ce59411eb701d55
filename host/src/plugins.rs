//! Plugins: WebAssembly components that turn records into rows and answer XRPC methods, each call in a fresh sandbox.
//!
//! Guarantees: nothing of a component runs before its bytes, manifest, imports and exports have been checked; a guest
//! reaches nothing but what its call hands it (no file, socket, clock, randomness or environment); every call has
//! bounds from [`crate::limits`] and its own instance, so no state outlives it; whatever a guest does, `index` answers
//! for every change and the host lives. Does not touch a database by itself: rows go to the caller, reads go through
//! the [`crate::store::Store`] that a call is given.

pub mod bisect;
pub mod check_rows;
pub mod compiled;
pub mod component;
pub mod convert;
pub mod engine;
pub mod failure;
pub mod guest_log;
pub mod host_calls;
pub mod limiter;
pub mod load;
pub mod outcome;
mod page_json;
pub mod plugin;
mod precompiled;
pub mod registry;
pub mod rfc3339;
pub mod sandbox;
mod slots;
pub mod v0_1;
pub mod values;
mod wasi;
pub mod xrpc;

pub use compiled::CompiledFolder;
pub use component::{CheckError, Checked};
pub use engine::{EngineError, EngineOptions, Engines};
pub use load::{LoadError, PluginOptions};
pub use outcome::GuestOutcome;
pub use plugin::Plugin;
pub use registry::{Refused, Registry};
pub use values::{RawParam, RawPut, RawValue};
pub use xrpc::{HandleError, Payload, XrpcRequest, XrpcResponse};
