//! Why a guest's call failed: one of the kinds that dead letters and answers know, told apart by types.

use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::sandbox::{Sandbox, Stop};
use crate::store::DeadReason;

/// A failed call: no answer of it is used and its store is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// In words, at most [`DETAIL_BYTES_MAX`] bytes.
    pub detail: String,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The guest trapped, or what it answered could not be read.
    Trap,
    /// The guest ran out of time.
    Timeout,
    /// The guest ran out of memory, host-call fuel, host calls or reads.
    Limit,
    /// The host could not start the guest or serve it; the guest is not to blame.
    Host,
}

/// A failure's words (bytes); what is longer is cut.
pub const DETAIL_BYTES_MAX: usize = 1_024;

impl Failure {
    /// A failure of a kind, its words cut.
    #[must_use]
    pub fn new(kind: FailureKind, mut detail: String) -> Self {
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
        Self { kind, detail }
    }

    /// The dead letter's reason. A guest that could not be started counts as out of limits: the host was full.
    #[must_use]
    pub fn reason(&self) -> DeadReason {
        match self.kind {
            FailureKind::Trap => DeadReason::Trap,
            FailureKind::Timeout => DeadReason::Timeout,
            FailureKind::Limit | FailureKind::Host => DeadReason::Limit,
        }
    }
}

/// Tells what stopped a call. `starting` when the instance was not there yet.
pub(super) fn of_error(error: &wasmtime::Error, sandbox: &Sandbox, starting: bool) -> Failure {
    let printed = sandbox.log().finish();
    let (kind, mut detail) = if let Some(refusal) = sandbox.refused() {
        (FailureKind::Limit, refusal.to_string())
    } else if let Some(stop) = error.downcast_ref::<Stop>() {
        (of_stop(*stop), stop.to_string())
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        of_trap(*trap)
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        (
            FailureKind::Trap,
            format!("the guest exited with status {}", exit.0),
        )
    } else if is_hostcall_fuel(error) {
        (FailureKind::Limit, error.root_cause().to_string())
    } else if starting {
        (
            FailureKind::Host,
            format!("the guest could not be started: {}", error.root_cause()),
        )
    } else {
        (FailureKind::Trap, error.root_cause().to_string())
    };
    if !printed.is_empty() {
        detail = format!("{detail}; it printed: {printed}");
    }
    Failure::new(kind, detail)
}

fn of_stop(stop: Stop) -> FailureKind {
    match stop {
        Stop::HostCalls | Stop::Reads | Stop::Records(_) => FailureKind::Limit,
        Stop::ReadInIndex => FailureKind::Trap,
        Stop::Unavailable => FailureKind::Host,
    }
}

fn of_trap(trap: Trap) -> (FailureKind, String) {
    let kind = match trap {
        Trap::Interrupt => return (FailureKind::Timeout, "the guest ran out of time".to_owned()),
        Trap::AllocationTooLarge | Trap::OutOfFuel => FailureKind::Limit,
        _ => FailureKind::Trap,
    };
    (kind, trap.to_string())
}

/// Wasmtime keeps this error's type to itself; its name is what can be seen of it. A test drives a guest into it, so
/// a change of the name is noticed; until then it would count as a trap.
fn is_hostcall_fuel(error: &wasmtime::Error) -> bool {
    format!("{:?}", error.root_cause()) == "HostcallFuelExhausted"
}
