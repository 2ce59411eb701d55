//! What the cases share.

pub mod shared_data;
