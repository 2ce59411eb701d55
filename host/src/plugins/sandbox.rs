//! One call's sandbox: what a fresh store holds, and what it counts down.
//!
//! Guarantees: a store serves one call and is dropped after it, trapped or not; time counts while the guest runs and
//! not while the host reads for it; every host call is counted.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::guest_log::GuestLog;
use super::host_calls::Reads;
use super::limiter::{Limiter, Refusal};
use super::wasi;
use crate::limits;

/// What the guest of one call can touch.
pub struct Sandbox {
    log: GuestLog,
    settings: Arc<str>,
    limiter: Limiter,
    ticks_left: u64,
    host_calls_left: u32,
    reads: Option<Reads>,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// A bound that a guest ran into; stops the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Too many host calls.
    #[error("more than {} host calls in one call", limits::HOST_CALLS_MAX)]
    HostCalls,
    /// Too many reads.
    #[error("more than {} reads in one call", limits::READS_PER_CALL_MAX)]
    Reads,
    /// Too many URIs.
    #[error("records.get: expected at most {limit} URIs, got {0}", limit = limits::RECORDS_GET_MAX)]
    Records(usize),
    /// A read where there is nothing to read from.
    #[error(
        "an indexer called store or records: rows depend on the record alone, reads belong to methods"
    )]
    ReadInIndex,
    /// The store did not answer where the guest cannot be told.
    #[error("records.get: the store did not answer")]
    Unavailable,
}

/// What a call may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Time that the guest may run (ms).
    pub time_ms: u64,
    /// All its memories together (bytes).
    pub memory_bytes: usize,
    /// Whether the guest runs on a fiber and lets others run at each tick.
    pub yields: bool,
}

impl Sandbox {
    /// A store for one call.
    pub fn store(
        engine: &Engine,
        plugin: &Arc<str>,
        settings: &Arc<str>,
        bounds: Bounds,
        reads: Option<Reads>,
    ) -> Store<Self> {
        let log = GuestLog::new(Arc::clone(plugin));
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::GUEST_HANDLES_MAX);
        let sandbox = Self {
            wasi: wasi::context(&log),
            log,
            settings: Arc::clone(settings),
            limiter: Limiter::new(bounds.memory_bytes),
            ticks_left: bounds.time_ms.div_ceil(limits::EPOCH_TICK_MS),
            host_calls_left: limits::HOST_CALLS_MAX,
            reads,
            table,
        };
        let mut store = Store::new(engine, sandbox);
        store.limiter(|sandbox| &mut sandbox.limiter);
        store.set_hostcall_fuel(limits::HOSTCALL_FUEL_BYTES);
        // One tick at a time: a tick during which the guest waited for the host, or the machine stood still, is one
        // tick however long it was.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut store| {
            let sandbox = store.data_mut();
            let Some(left) = sandbox.ticks_left.checked_sub(1) else {
                return Ok(UpdateDeadline::Interrupt);
            };
            sandbox.ticks_left = left;
            Ok(if bounds.yields {
                UpdateDeadline::Yield(1)
            } else {
                UpdateDeadline::Continue(1)
            })
        });
        store
    }

    /// Counts a host call.
    ///
    /// # Errors
    /// When it is one too many; the call stops.
    pub fn count_host_call(&mut self) -> Result<(), Stop> {
        self.host_calls_left = self.host_calls_left.checked_sub(1).ok_or(Stop::HostCalls)?;
        Ok(())
    }

    /// What the guest says.
    #[must_use]
    pub fn log(&self) -> &GuestLog {
        &self.log
    }

    /// The operator's settings for this plugin, a JSON object.
    #[must_use]
    pub fn settings(&self) -> &Arc<str> {
        &self.settings
    }

    /// The last growth that was refused.
    #[must_use]
    pub fn refused(&self) -> Option<Refusal> {
        self.limiter.refused()
    }

    /// Where reads go.
    ///
    /// # Errors
    /// In a call without reads.
    pub fn reads(&mut self) -> Result<&mut Reads, Stop> {
        self.reads.as_mut().ok_or(Stop::ReadInIndex)
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
