//! The WebAssembly engine: one for the whole host, with its linkers, its clock of epochs and its bounds on calls at once.
//!
//! One engine serves synchronous `index` and asynchronous `handle` calls: in wasmtime 48 a store, not an engine, is one
//! or the other, so a plugin with both roles is compiled once. It canonicalises NaNs for both, because rows must not
//! depend on the machine; that costs floating point code only.
//!
//! Guarantees: no guest runs past its time (a ticker thread moves the epoch as long as the engine lives); an instance is
//! always to be had, because callers wait for a slot before they ask the pool.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use super::compiled::CompiledFolder;
use super::limiter;
use super::slots::Slots;
use super::v0_1;
use crate::limits;

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where compiled components are kept; `None` compiles at each start.
    pub compiled: Option<CompiledFolder>,
    /// Reserve address space for all instances at start (about 1.5 TiB, no memory): an instance costs a third then.
    /// When the address space is short (`ulimit -v`), the host goes on without.
    pub pooling: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            compiled: None,
            pooling: true,
        }
    }
}

/// The engine does not start.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start on this machine: {0}")]
pub struct EngineError(String);

/// The engine with everything that plugins share. Cheap to clone.
#[derive(Clone)]
pub struct Engines(Arc<Shared>);

struct Shared {
    engine: Engine,
    compiled: Option<CompiledFolder>,
    pooled: bool,
    v0_1: v0_1::Linkers,
    index_slots: Slots,
    method_slots: tokio::sync::Semaphore,
}

impl Engines {
    /// Starts the engine and its ticker.
    ///
    /// # Errors
    /// When the machine cannot run it at all.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let (engine, pooled) = start(options.pooling)?;
        start_ticker(&engine)?;
        let v0_1 = v0_1::Linkers::new(&engine).map_err(|e| EngineError(format!("{e:#}")))?;
        Ok(Self(Arc::new(Shared {
            engine,
            compiled: options.compiled,
            pooled,
            v0_1,
            index_slots: Slots::new(limits::INDEX_CALLS_AT_ONCE_MAX),
            method_slots: tokio::sync::Semaphore::new(limits::METHOD_CALLS_AT_ONCE_MAX as usize),
        })))
    }

    /// Whether instances come from the pool.
    #[must_use]
    pub fn pooled(&self) -> bool {
        self.0.pooled
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn v0_1(&self) -> &v0_1::Linkers {
        &self.0.v0_1
    }

    pub(super) fn index_slots(&self) -> &Slots {
        &self.0.index_slots
    }

    pub(super) fn method_slots(&self) -> &tokio::sync::Semaphore {
        &self.0.method_slots
    }

    /// Compiles checked bytes, or takes what was compiled before. Blocks; one at a time uses all cores.
    pub(super) fn compile(&self, sha256: &[u8; 32], bytes: &[u8]) -> wasmtime::Result<Component> {
        match &self.0.compiled {
            Some(folder) => folder.component(&self.0.engine, sha256, bytes),
            None => Component::new(&self.0.engine, bytes),
        }
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engines")
            .field("pooled", &self.0.pooled)
            .finish_non_exhaustive()
    }
}

fn start(pooling: bool) -> Result<(Engine, bool), EngineError> {
    if pooling {
        let mut config = base_config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        match Engine::new(&config) {
            Ok(engine) => return Ok((engine, true)),
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "no address space for a pool of instances (ulimit -v?): plugin calls cost more"
            ),
        }
    }
    let mut config = base_config();
    // Without 4 GiB reserved for each memory: code checks its bounds instead, and memories may move.
    config
        .memory_reservation(0)
        .memory_reservation_for_growth(1 << 20)
        .memory_guard_size(64 << 10);
    Engine::new(&config)
        .map(|engine| (engine, false))
        .map_err(|e| EngineError(format!("{e:#}")))
}

/// Only what plugins use: every feature that is off is one that cannot have a hole.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .memory_init_cow(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits::GUEST_STACK_BYTES)
        .async_stack_size(limits::GUEST_STACK_BYTES + HOST_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

/// Stack for host calls above the guest's own, on a fiber (bytes).
const HOST_STACK_BYTES: usize = 512 << 10;
const BACKTRACE_FRAMES: usize = 16;

fn pool() -> PoolingAllocationConfig {
    const CALLS: u32 = limits::INDEX_CALLS_AT_ONCE_MAX + limits::METHOD_CALLS_AT_ONCE_MAX;
    // Pages of a slot that stay mapped between calls; with the page map scan only touched ones are cleared.
    const MEMORY_KEPT_BYTES: usize = 2 << 20;
    const TABLE_KEPT_BYTES: usize = 64 << 10;
    const WARM_SLOTS: u32 = 16;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS)
        .total_core_instances(CALLS * limiter::INSTANCES_MAX)
        .total_memories(CALLS * limiter::MEMORIES_MAX)
        .total_tables(CALLS * limiter::TABLES_MAX)
        .total_stacks(limits::METHOD_CALLS_AT_ONCE_MAX)
        .max_core_instances_per_component(limiter::INSTANCES_MAX)
        .max_memories_per_component(limiter::MEMORIES_MAX)
        .max_tables_per_component(limiter::TABLES_MAX)
        .max_memory_size(limits::GUEST_MEMORY_BYTES_MAX)
        .table_elements(limits::GUEST_TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES)
        .max_unused_warm_slots(WARM_SLOTS)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Moves the epoch; ends with the engine, which it holds only while it ticks.
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("plugin-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(Duration::from_millis(limits::EPOCH_TICK_MS));
            }
        })
        .map(drop)
        .map_err(|e| EngineError(format!("no thread for its clock: {e}")))
}
