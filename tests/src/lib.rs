//! What the cases share.

pub mod guests;
pub mod shared_data;
