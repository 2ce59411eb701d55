//! A running host against networks that lie, break and go silent: the rows of the fault tables that meet ingest.
//!
//! Every case proves that its fault fired, by the network's counters, and ends with every table equal to the world,
//! but where it says what is lost and why.

mod accounts;
mod chain;
mod directory;
mod fetching;
mod forgeries;
mod hidden;
mod junk;
mod load;
mod stream;
