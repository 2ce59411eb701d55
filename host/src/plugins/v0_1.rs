//! WIT version 0.1: its bindings, its linkers, and its words turned into the host's.
//!
//! A later version is a module like this one beside it. Its shapes never change once it is released.

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::sandbox::{Sandbox, Stop};
use super::wasi;

pub mod index;
pub mod methods;

/// What a guest of 0.1 links to: one linker for `index`, one for `handle`.
pub struct Linkers {
    index: Linker<Sandbox>,
    methods: Linker<Sandbox>,
}

/// A linked component of 0.1, with the roles that it exports.
pub struct Guest {
    pub(super) indexer: Option<index::Indexer>,
    pub(super) methods: Option<methods::Methods>,
}

impl Linkers {
    /// Offers everything of 0.1.
    ///
    /// # Errors
    /// When two offers have one name.
    pub fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut index = Linker::new(engine);
        wasi::link_sync(&mut index)?;
        index::link(&mut index)?;
        refuse_reads(&mut index)?;
        let mut methods = Linker::new(engine);
        wasi::link_async(&mut methods)?;
        methods::link(&mut methods)?;
        Ok(Self { index, methods })
    }

    /// Links a component in the roles that it exports. Nothing of it runs.
    ///
    /// # Errors
    /// When an import or an export has another shape than 0.1 gives it.
    pub fn link(
        &self,
        component: &Component,
        indexer: bool,
        methods: bool,
    ) -> wasmtime::Result<Guest> {
        let indexer = indexer
            .then(|| index::Indexer::new(self.index.instantiate_pre(component)?))
            .transpose()?;
        let methods = methods
            .then(|| methods::Methods::new(self.methods.instantiate_pre(component)?))
            .transpose()?;
        Ok(Guest { indexer, methods })
    }
}

/// A component with both roles imports `store` and `records`, which `index` may not call.
fn refuse_reads(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    for (interface, functions) in [
        ("aviary:plugin/store@0.1.0", &["read", "read-json"][..]),
        ("aviary:plugin/records@0.1.0", &["get"]),
    ] {
        let mut interface = linker.instance(interface)?;
        for function in functions {
            interface.func_new(function, |_, _, _, _| Err(Stop::ReadInIndex.into()))?;
        }
    }
    Ok(())
}
