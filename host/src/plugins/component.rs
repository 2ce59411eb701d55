//! From a file's bytes to a checked component, without running anything of it.
//!
//! Guarantees of a [`Checked`]: the bytes are one valid component of bounded size that uses only the WebAssembly
//! features of [`features`]; it has exactly one manifest, which obeys the manifest's rules; what it exports is what the
//! manifest says; what it imports is what the host offers. Does not compile it and does not check SQL or lexicons.

use aviary_manifest::{Manifest, ManifestError, SECTION};
use sha2::{Digest, Sha256};
use wasmparser::{ComponentTypeRef, Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::limits;

mod interface;

pub use interface::Api;
use interface::{Interface, Offered};

/// A component that may be compiled.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it declares.
    pub manifest: Manifest,
    /// The WIT version that it was built against.
    pub api: Api,
    /// The hash of its bytes.
    pub sha256: [u8; 32],
    /// The interfaces that it imports, in its order.
    pub imports: Vec<String>,
    /// The interfaces of [`Api`] that it exports, in its order.
    pub exports: Vec<String>,
    /// Its size (bytes).
    pub size_bytes: usize,
}

/// Why bytes are not a plugin. All of these are the plugin author's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The file is too large.
    #[error(
        "expected a component of at most {limit} bytes, got {got}: strip it, or link less into it"
    )]
    TooLarge {
        /// The bound.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// Not WebAssembly at all.
    #[error("expected a WebAssembly component (\\0asm …), got {got}")]
    NotWasm {
        /// How it starts.
        got: String,
    },
    /// A core module.
    #[error(
        "expected a component, got a core module: build for wasm32-wasip2, or make a component of it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Broken or cut short.
    #[error(
        "the component is not valid at byte {offset}: {message}; build it again, or fetch it again if it was cut short"
    )]
    Invalid {
        /// Where.
        offset: usize,
        /// The validator's own words.
        message: String,
    },
    /// Valid, but with features that plugins may not use.
    #[error(
        "the component uses a WebAssembly feature that plugins may not use, at byte {offset}: {message}; build without shared memory, threads, 64-bit memory, garbage collection, exceptions, relaxed SIMD and component-model async"
    )]
    Feature {
        /// Where.
        offset: usize,
        /// The validator's own words.
        message: String,
    },
    /// No manifest.
    #[error(
        "expected a manifest in a custom section {SECTION:?}, got none: the SDK's macro embeds plugin.toml"
    )]
    NoManifest,
    /// More than one manifest.
    #[error(
        "expected one custom section {SECTION:?}, got {got}: link one plugin into one component"
    )]
    SeveralManifests {
        /// How many.
        got: usize,
    },
    /// The manifest's section is too large.
    #[error("expected a manifest of at most {limit} bytes, got {got}: embed fewer lexicons")]
    ManifestTooLarge {
        /// The bound.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// The manifest breaks a rule.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest names a WIT version that this host does not have.
    #[error(
        "expected api = {expected:?} in the manifest, got {got:?}: build against a version that this host offers"
    )]
    Api {
        /// What this host has.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// An import that is not offered.
    #[error("expected imports of {offered} and inert WASI 0.2 only, got {got:?}: {advice}")]
    Import {
        /// What this host offers.
        offered: &'static str,
        /// What came.
        got: String,
        /// What to do.
        advice: &'static str,
    },
    /// Manifest and exports say different things.
    #[error("the manifest {declares}, but the component {does} {interface}: {advice}")]
    Exports {
        /// What the manifest says.
        declares: &'static str,
        /// What the component does.
        does: &'static str,
        /// Which interface.
        interface: String,
        /// What to do.
        advice: &'static str,
    },
    /// An export of our package that this host does not know.
    #[error(
        "the component exports {got:?}, which this host does not have: build against {expected}"
    )]
    UnknownExport {
        /// What came.
        got: String,
        /// What this host has.
        expected: &'static str,
    },
}

/// Checks a file's bytes.
///
/// # Errors
/// When they are not a plugin that this host can load; nothing of them has been run or compiled.
pub fn check(bytes: &[u8]) -> Result<Checked, CheckError> {
    if bytes.len() > limits::COMPONENT_BYTES_MAX {
        return Err(CheckError::TooLarge {
            limit: limits::COMPONENT_BYTES_MAX,
            got: bytes.len(),
        });
    }
    valid(bytes)?;
    let parts = parts(bytes)?;
    let manifest = manifest(&parts.manifests)?;
    let api = Api::of_manifest(&manifest.api).ok_or_else(|| CheckError::Api {
        expected: Api::LATEST.word(),
        got: manifest.api.clone(),
    })?;
    for import in &parts.imports {
        imports_offered(api, import)?;
    }
    let exports = exports_declared(api, &manifest, &parts.exports)?;
    Ok(Checked {
        manifest,
        api,
        sha256: Sha256::digest(bytes).into(),
        imports: parts.imports.into_iter().map(|i| i.name).collect(),
        exports,
        size_bytes: bytes.len(),
    })
}

/// What guests may use: what Rust, C, QuickJS and CPython toolchains emit, and nothing with shared or collected memory.
#[must_use]
pub fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::COMPONENT_MODEL
}

/// Validates every byte first: later steps, and the compiler, see nothing cut short or malformed.
fn valid(bytes: &[u8]) -> Result<(), CheckError> {
    if !bytes.starts_with(b"\0asm") {
        let start = &bytes[..bytes.len().min(8)];
        return Err(CheckError::NotWasm {
            got: format!("{} bytes that start with {start:02x?}", bytes.len()),
        });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(CheckError::CoreModule);
    }
    let Err(error) = Validator::new_with_features(features()).validate_all(bytes) else {
        return Ok(());
    };
    let (offset, message) = (error.offset(), error.message().to_owned());
    if Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .is_ok()
    {
        return Err(CheckError::Feature { offset, message });
    }
    Err(CheckError::Invalid { offset, message })
}

struct Import {
    name: String,
    is_interface: bool,
}

/// What a component shows on the outside, and its manifests from any depth.
struct Parts<'a> {
    imports: Vec<Import>,
    exports: Vec<String>,
    manifests: Vec<&'a [u8]>,
}

fn parts(bytes: &[u8]) -> Result<Parts<'_>, CheckError> {
    let mut parts = Parts {
        imports: Vec::new(),
        exports: Vec::new(),
        manifests: Vec::new(),
    };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(CheckError::CoreModule),
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if section.name() == SECTION => {
                parts.manifests.push(section.data());
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(invalid)?;
                    parts.imports.push(Import {
                        name: import.name.name.to_owned(),
                        is_interface: matches!(import.ty, ComponentTypeRef::Instance(_)),
                    });
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    parts
                        .exports
                        .push(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(parts)
}

fn invalid(error: wasmparser::BinaryReaderError) -> CheckError {
    CheckError::Invalid {
        offset: error.offset(),
        message: error.message().to_owned(),
    }
}

fn manifest(sections: &[&[u8]]) -> Result<Manifest, CheckError> {
    match *sections {
        [] => Err(CheckError::NoManifest),
        [section] if section.len() > limits::MANIFEST_BYTES_MAX => {
            Err(CheckError::ManifestTooLarge {
                limit: limits::MANIFEST_BYTES_MAX,
                got: section.len(),
            })
        }
        [section] => Ok(Manifest::from_json(section)?),
        _ => Err(CheckError::SeveralManifests {
            got: sections.len(),
        }),
    }
}

fn imports_offered(api: Api, import: &Import) -> Result<(), CheckError> {
    let refuse = |advice| {
        Err(CheckError::Import {
            offered: api.offers(),
            got: import.name.clone(),
            advice,
        })
    };
    let Some(interface) = Interface::parse(&import.name).filter(|_| import.is_interface) else {
        return refuse("a plugin imports interfaces, nothing else");
    };
    match api.import(&interface) {
        Offered::Yes => Ok(()),
        Offered::OtherVersion => refuse("build against a version that this host offers"),
        Offered::No if interface.package == "wasi:sockets" || interface.package == "wasi:http" => {
            refuse("plugins have no network; build with WASI stubbed out")
        }
        Offered::No => refuse("build without it"),
    }
}

/// Holds exports against the manifest, both ways; answers with those of our package.
fn exports_declared(
    api: Api,
    manifest: &Manifest,
    exports: &[String],
) -> Result<Vec<String>, CheckError> {
    let mut ours = Vec::new();
    let (mut indexer, mut methods) = (false, false);
    for name in exports {
        let Some(interface) = Interface::parse(name).filter(|i| i.package == interface::PACKAGE)
        else {
            continue;
        };
        match (api.is_version(&interface), interface.name) {
            (true, "indexer") => indexer = true,
            (true, "methods") => methods = true,
            _ => {
                return Err(CheckError::UnknownExport {
                    got: name.clone(),
                    expected: api.exports(),
                });
            }
        }
        ours.push(name.clone());
    }
    agree(api, "indexer", !manifest.collections.is_empty(), indexer)?;
    agree(api, "methods", !manifest.methods.is_empty(), methods)?;
    Ok(ours)
}

fn agree(api: Api, name: &'static str, declared: bool, exported: bool) -> Result<(), CheckError> {
    let (declares, does, advice) = match (declared, exported, name) {
        (true, false, "indexer") => (
            "declares collections",
            "does not export",
            "export an indexer, or declare no collections",
        ),
        (false, true, "indexer") => (
            "declares no collections",
            "exports",
            "name the collections in plugin.toml, or export no indexer",
        ),
        (true, false, _) => (
            "declares methods",
            "does not export",
            "export methods, or declare none",
        ),
        (false, true, _) => (
            "declares no methods",
            "exports",
            "name the methods in plugin.toml, or export none",
        ),
        (true, true, _) | (false, false, _) => return Ok(()),
    };
    Err(CheckError::Exports {
        declares,
        does,
        interface: api.interface(name),
        advice,
    })
}
