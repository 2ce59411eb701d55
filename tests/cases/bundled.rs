//! The bundled plugins that answer more than lists: their components over records, in a store, asked as a client asks.
//!
//! What is expected is written by hand from the fixtures beside the plugins, or computed here from the records by the
//! words of their lexicons.

mod bed;
mod calendar;
mod frontpage;
mod laws;
mod lexicons;
mod ranges;
mod readings;
mod recorded;
