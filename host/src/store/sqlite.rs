//! The embedded backend: one SQLite file, one writer, several readers.

mod plan;
mod read;
