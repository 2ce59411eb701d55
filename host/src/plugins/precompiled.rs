//! The one `unsafe` call of the host: machine code that was compiled before is mapped and trusted as it is.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads what [`Component::serialize`] of an equal engine gave. `None` when the engine finds that it is not.
///
/// Callers hand in only bytes whose digest they have checked, from a folder that nobody else can write.
pub(super) fn load(engine: &Engine, code: &[u8]) -> Option<Component> {
    #[expect(
        unsafe_code,
        reason = "forged bytes would run as native code: `compiled` proves digest, folder mode and owner before"
    )]
    // SAFETY: the bytes are what `serialize` wrote, see the caller's duty above.
    let component = unsafe { Component::deserialize(engine, code) };
    component.ok()
}
