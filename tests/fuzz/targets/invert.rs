//! See `invert` in `tests/src/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aviary_fuzz::fuzz::invert(data));
