//! Inert WASI 0.2: toolchains link it whether a guest uses it or not, so it is there and does nothing.
//!
//! Guarantees: no environment, arguments, files, sockets or input; output goes to the bounded guest log; clocks stand
//! still and randomness is one constant sequence, so nothing that a guest computes depends on when, where or in which
//! batch; whatever a guest waits for is ready at once, so it cannot sleep a host thread away.

use std::time::Duration;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::{cli, filesystem, io, random, sync};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{Deterministic, WasiCtx, WasiView};

use super::guest_log::GuestLog;
use crate::limits;

/// The context of one call.
pub(super) fn context(log: &GuestLog) -> WasiCtx {
    WasiCtx::builder()
        .stdout(log.clone())
        .stderr(log.clone())
        .wall_clock(Frozen)
        .monotonic_clock(Frozen)
        .secure_random(constant_random())
        .insecure_random(constant_random())
        .insecure_random_seed(0)
        .max_random_size(limits::GUEST_RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

/// Links it for calls that run on their own thread.
pub(super) fn link_sync<T: WasiView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    link_common(linker)?;
    sync::io::poll::add_to_linker::<T, Table>(linker, |t| t.ctx().table)?;
    sync::io::streams::add_to_linker::<T, Table>(linker, |t| t.ctx().table)?;
    sync::filesystem::types::add_to_linker::<T, WasiFilesystem>(linker, T::filesystem)
}

/// Links it for calls that run on fibers.
pub(super) fn link_async<T: WasiView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    link_common(linker)?;
    io::poll::add_to_linker::<T, Table>(linker, |t| t.ctx().table)?;
    io::streams::add_to_linker::<T, Table>(linker, |t| t.ctx().table)?;
    filesystem::types::add_to_linker::<T, WasiFilesystem>(linker, T::filesystem)
}

fn link_common<T: WasiView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<T, Table>(linker, |t| t.ctx().table)?;
    wall_clock::add_to_linker::<T, WasiClocks>(linker, T::clocks)?;
    monotonic_clock::add_to_linker::<T, FrozenClock>(linker, |t| FrozenView(t.ctx().table))?;
    filesystem::preopens::add_to_linker::<T, WasiFilesystem>(linker, T::filesystem)?;
    random::random::add_to_linker::<T, WasiRandom>(linker, |t| t.ctx().ctx.random())?;
    random::insecure::add_to_linker::<T, WasiRandom>(linker, |t| t.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<T, WasiRandom>(linker, |t| t.ctx().ctx.random())?;
    cli::exit::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::environment::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::stdin::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::stdout::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::stderr::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_input::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_output::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stdin::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stdout::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stderr::add_to_linker::<T, WasiCli>(linker, T::cli)
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// A clock that stands at 1970.
struct Frozen;

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Frozen {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// The monotonic clock is linked by hand because the stock one sleeps in real time.
struct FrozenClock;

impl HasData for FrozenClock {
    type Data<'a> = FrozenView<'a>;
}

struct FrozenView<'a>(&'a mut ResourceTable);

struct Ready;

#[async_trait::async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

impl monotonic_clock::Host for FrozenView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(HostMonotonicClock::now(&Frozen))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(HostMonotonicClock::resolution(&Frozen))
    }

    fn subscribe_instant(&mut self, _when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let ready = self.0.push(Ready)?;
        subscribe(self.0, ready)
    }

    fn subscribe_duration(&mut self, _ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(0)
    }
}

/// The same sequence in every call: hash maps of guests get fixed seeds.
fn constant_random() -> Deterministic {
    const SEQUENCE: [u8; 16] = *b"constant, always";
    Deterministic::new(SEQUENCE.to_vec())
}
