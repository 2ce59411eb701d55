//! The `aviary` program.

fn main() {}
