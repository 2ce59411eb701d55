//! What a named read takes and gives, whatever the database: parameters are checked before they are bound, values
//! after they were read, and a page has its bounds.
//!
//! Guarantees: what is bound is what the gate asked for, without NULL, NUL or numbers that are not finite; what is
//! returned has the types that the read declares; too much is an error, never a cut. Binds and reads nothing itself.

mod page;
mod params;

use std::collections::BTreeMap;

use super::gate::CompiledRead;

pub(super) use page::{PageBuilder, Raw};
pub(super) use params::{Bound, Named, UNKNOWN, bounds, refused, text};

/// The compiled reads of one generation by name.
pub(super) type Reads = BTreeMap<String, CompiledRead>;

#[cfg(test)]
mod tests;
