//! How an error is to be handled, decided once where the error is defined.
//!
//! Every module's error enum implements [`Classify`]; loops look at the class and never at an error's text.

pub mod crash;

/// What the caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Bad input: drop or dead-letter that one thing with its reason, and go on.
    Reject,
    /// Passing trouble: wait with capped, jittered backoff and do the same again.
    Retry,
    /// Our own state is wrong: stop loudly.
    Fatal,
    /// We are shutting down: record nothing.
    Canceled,
}

/// Gives an error its [`Class`].
pub trait Classify {
    /// The class of this error.
    fn class(&self) -> Class;
}
