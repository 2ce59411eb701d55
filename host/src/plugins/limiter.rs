//! What one instance may hold: all its memories together, and all its tables together.
//!
//! Guarantees: a growth over the bound is refused to the guest and remembered, so that the abort that usually
//! follows is told apart from an ordinary trap.

use wasmtime::{Error, ResourceLimiter};

use crate::limits;

/// Core instances, tables and memories that one component may consist of (CPython's has 13, 4 and 3).
pub(super) const INSTANCES_MAX: u32 = 64;
pub(super) const TABLES_MAX: u32 = 32;
pub(super) const MEMORIES_MAX: u32 = 8;

/// Counts one store's memory and tables.
#[derive(Debug)]
pub struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    refused: Option<Refusal>,
}

/// A growth that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All memories together would have been this large (bytes).
    Memory {
        /// What the guest wanted (bytes).
        wanted: usize,
        /// What it may have (bytes).
        limit: usize,
    },
    /// All tables together would have been this long.
    Table {
        /// What the guest wanted (elements).
        wanted: usize,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory { wanted, limit } => write!(
                f,
                "the guest wanted {wanted} bytes of memory, its limit is {limit}"
            ),
            Self::Table { wanted } => write!(
                f,
                "the guest wanted {wanted} table elements, the limit is {}",
                limits::GUEST_TABLE_ELEMENTS_MAX
            ),
        }
    }
}

impl Limiter {
    /// Nothing held yet.
    #[must_use]
    pub fn new(memory_bytes_max: usize) -> Self {
        Self {
            memory_bytes_max,
            memory_bytes: 0,
            table_elements: 0,
            refused: None,
        }
    }

    /// The last growth that was refused.
    #[must_use]
    pub fn refused(&self) -> Option<Refusal> {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, Error> {
        let wanted = self.memory_bytes.saturating_add(desired - current);
        if wanted > self.memory_bytes_max {
            self.refused = Some(Refusal::Memory {
                wanted,
                limit: self.memory_bytes_max,
            });
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, Error> {
        let wanted = self.table_elements.saturating_add(desired - current);
        if wanted > limits::GUEST_TABLE_ELEMENTS_MAX {
            self.refused = Some(Refusal::Table { wanted });
            return Ok(false);
        }
        self.table_elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    #[test]
    fn memories_are_summed() {
        let mut limiter = Limiter::new(3 * PAGE);
        assert!(limiter.memory_growing(0, 2 * PAGE, None).unwrap());
        assert!(limiter.memory_growing(0, PAGE, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(PAGE, 2 * PAGE, None).unwrap());
        let refusal = limiter.refused().unwrap();
        assert_eq!(
            refusal,
            Refusal::Memory {
                wanted: 4 * PAGE,
                limit: 3 * PAGE
            }
        );
        assert!(refusal.to_string().contains("262144"));
    }

    #[test]
    fn tables_are_summed() {
        let mut limiter = Limiter::new(PAGE);
        let most = limits::GUEST_TABLE_ELEMENTS_MAX;
        assert!(limiter.table_growing(0, most, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refusal::Table { wanted: most + 1 }));
    }
}
