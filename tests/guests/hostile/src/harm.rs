//! What a guest can do to its host from any call.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aviary_plugin::{Level, log};

use crate::Mode;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Does it, where the mode is one of these; otherwise nothing.
pub(crate) fn whole_call(mode: &Mode) {
    match mode.name.as_str() {
        "loop" => spin(),
        "trap" => trap(),
        "recurse" => drop(black_box(recurse(0))),
        "grow-memory" => grow_memory(),
        "grow-pages" => grow_pages(),
        "flood-log" => {
            for i in 0..mode.number() {
                log(Level::Info, &format!("line {i}\n\u{1b}[31mred\u{0}"));
            }
        }
        "long-log" => log(Level::Warn, &"x".repeat(1 << 20)),
        "flood-settings" => {
            for _ in 0..mode.number() {
                black_box(aviary_plugin::settings::<serde_json::Value>().is_ok());
            }
        }
        "slow-ms" => slow(Duration::from_millis(mode.number())),
        _ => {}
    }
}

pub(crate) fn trap() -> ! {
    std::process::abort()
}

pub(crate) fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(depth) == u64::MAX {
        return 0;
    }
    let below = recurse(depth + 1);
    black_box(frame)[0].wrapping_add(below)
}

fn grow_memory() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// By the page, as fast as it goes and without touching one.
fn grow_pages() {
    #[cfg(target_family = "wasm")]
    while core::arch::wasm32::memory_grow(0, 1) != usize::MAX {}
    trap()
}

/// How often this was asked of this instance: state that nothing may depend on.
pub(crate) fn count() -> i64 {
    i64::try_from(COUNT.fetch_add(1, Ordering::Relaxed) + 1).unwrap_or(i64::MAX)
}

/// As long as the clock says; where the clock stands still, about as long by counting.
fn slow(time: Duration) {
    const TURNS_PER_MS: u128 = 300_000;
    let start = Instant::now();
    let mut n = 0_u128;
    while n < TURNS_PER_MS * time.as_millis() && start.elapsed() < time {
        for _ in 0..1_000 {
            n = black_box(n + 1);
        }
    }
}
