//! What can go wrong inside the simulated network. Faults that it injects on purpose are not errors.

/// An error of the simulated network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree refused an operation: a defect of this crate, never of its input.
    #[error("merkle search tree: {0}")]
    Tree(#[from] shrike::mst::MstError),
    /// A commit could not be built or read.
    #[error("commit: {0}")]
    Commit(#[from] shrike::repo::RepoError),
    /// A value could not be encoded or decoded.
    #[error("CBOR: {0}")]
    Cbor(#[from] shrike::cbor::CborError),
    /// A CAR could not be written.
    #[error("CAR: {0}")]
    Car(#[from] shrike::car::CarError),
    /// A key or a signature could not be made.
    #[error("key: {0}")]
    Key(#[from] shrike::crypto::CryptoError),
    /// A DID or TID that this crate made is not valid syntax.
    #[error("syntax: {0}")]
    Syntax(#[from] shrike::syntax::SyntaxError),
    /// A listener or a file.
    #[error("I/O: {0}")]
    Io(#[from] std::io::Error),
    /// A connection of the stream.
    #[error("connection: {0}")]
    Socket(#[from] axum::Error),
    /// A JSON file could not be written.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The configuration cannot be used.
    #[error("configuration: {0}")]
    Config(String),
    /// The world broke a rule of its own.
    #[error("the simulated world is inconsistent: {0}")]
    Inconsistent(String),
}
