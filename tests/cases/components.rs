//! What the built components say of themselves, read without running them.

use std::path::PathBuf;

use aviary_manifest::{Manifest, SECTION};
use wasmparser::{Encoding, Parser, Payload};

const BUNDLED: [&str; 5] = ["statusphere", "posts", "likes", "calendar", "frontpage"];
const BUILD: &str = "cargo build --profile guest --target wasm32-wasip2 -p statusphere -p posts -p likes \
                     -p calendar -p frontpage -p aviary-guest-hostile -p aviary-guest-bare -p aviary-guest-stranger";

/// A component's own imports and exports, and its manifest sections wherever they lie.
#[derive(Default)]
struct Component {
    imports: Vec<String>,
    exports: Vec<String>,
    manifests: Vec<Vec<u8>>,
}

/// Says loudly what is missing and gives none when the guests are not built.
fn component(name: &str) -> Option<Component> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    let file = target.join(format!("wasm32-wasip2/guest/{name}.wasm"));
    let Ok(bytes) = std::fs::read(&file) else {
        println!("NOT RUN: {name}.wasm is not built; run: {BUILD}");
        return None;
    };
    let mut found = Component::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::Version { encoding, .. } => {
                assert!(depth > 0 || encoding == Encoding::Component);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                let names = section.into_iter().map(|i| i.unwrap().name.name.to_owned());
                found.imports.extend(names);
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                let names = section.into_iter().map(|e| e.unwrap().name.name.to_owned());
                found.exports.extend(names);
            }
            Payload::CustomSection(s) if s.name() == SECTION => {
                found.manifests.push(s.data().to_vec());
            }
            _ => {}
        }
    }
    Some(found)
}

fn manifest(c: &Component) -> Manifest {
    assert_eq!(c.manifests.len(), 1, "one manifest section");
    Manifest::from_json(&c.manifests[0]).unwrap()
}

#[test]
fn bundled_plugins_carry_their_manifest_and_export_what_it_says() {
    for name in BUNDLED {
        let Some(c) = component(name) else { continue };
        let m = manifest(&c);
        assert_eq!(m.name, name);
        let mut exports = c.exports.clone();
        exports.sort();
        assert_eq!(
            exports,
            ["aviary:plugin/indexer@0.1.0", "aviary:plugin/methods@0.1.0"],
            "{name}"
        );
        assert!(!m.lexicons.is_empty() && m.lexicons.iter().all(serde_json::Value::is_object));
    }
}

#[test]
fn guests_import_the_interface_and_wasi_and_nothing_else() {
    for name in BUNDLED
        .into_iter()
        .chain(["aviary_guest_hostile", "aviary_guest_bare"])
    {
        let Some(c) = component(name) else { continue };
        for import in &c.imports {
            let ok = import.starts_with("wasi:")
                || (import.starts_with("aviary:plugin/") && import.ends_with("@0.1.0"));
            assert!(ok, "{name} imports {import}");
        }
    }
}

#[test]
fn bad_guests_are_bad_in_the_way_they_are_for() {
    if let Some(bare) = component("aviary_guest_bare") {
        assert!(bare.manifests.is_empty());
        assert_eq!(bare.exports, ["aviary:plugin/indexer@0.1.0"]);
    }
    if let Some(stranger) = component("aviary_guest_stranger") {
        assert_eq!(manifest(&stranger).name, "stranger");
        let import = "test:stranger/telepathy@1.2.3".to_owned();
        assert!(stranger.imports.contains(&import), "{:?}", stranger.imports);
    }
    if let Some(hostile) = component("aviary_guest_hostile") {
        assert_eq!(manifest(&hostile).name, "hostile");
    }
}
