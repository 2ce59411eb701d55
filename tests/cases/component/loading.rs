//! Folders of plugins, memory that is granted, and compiled code on disk, which is used only when it is what this host wrote.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use aviary::limits;
use aviary::plugins::component::CheckError;
use aviary::plugins::registry::OptionsByName;
use aviary::plugins::{
    CompiledFolder, EngineOptions, Engines, LoadError, Plugin, PluginOptions, Registry,
};
use aviary_tests::guests;

#[test]
fn memory_that_is_not_granted_is_refused_at_load() {
    let engines = Engines::new(EngineOptions::default()).unwrap();
    let load = |memory_bytes| {
        let options = PluginOptions {
            memory_bytes,
            ..PluginOptions::default()
        };
        Plugin::load(&engines, &guests::bytes("likes"), &options)
    };
    assert!(matches!(
        load(64 << 10),
        Err(LoadError::Memory {
            granted: 65_536,
            ..
        })
    ));
    assert!(matches!(
        load(limits::GUEST_MEMORY_BYTES_MAX + 1),
        Err(LoadError::Grant(_))
    ));
    assert!(load(limits::GUEST_MEMORY_BYTES_MAX).is_ok());
}

#[test]
fn a_folder_is_loaded_past_its_bad_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let hostile = guests::bytes("aviary_guest_hostile");
    write("1-likes.wasm", &guests::bytes("likes"));
    write("2-cut.wasm", &hostile[..hostile.len() / 2]);
    write("3-hostile.wasm", &hostile);
    write("4-hostile-again.wasm", &hostile);
    // The same plugin under another name of the same length: it claims the same method.
    write(
        "5-hostage.wasm",
        &replaced(&hostile, b"\"name\":\"hostile\"", b"\"name\":\"hostage\""),
    );
    write("6-notes.txt", b"not looked at");
    fs::create_dir(dir.path().join("7-folder.wasm")).unwrap();
    let engines = Engines::new(EngineOptions::default()).unwrap();
    let (plugins, refused) =
        Registry::load_dir(&engines, dir.path(), &OptionsByName::new()).unwrap();
    let names: Vec<&str> = plugins.iter().map(|p| p.name()).collect();
    assert_eq!(names, ["likes", "hostile"]);
    let [cut, again, hostage, folder] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert!(
        matches!(&cut.error, LoadError::Check(CheckError::Invalid { .. })),
        "{cut:?}"
    );
    assert!(
        again.error.to_string().contains("3-hostile.wasm"),
        "{}",
        again.error
    );
    assert!(again.path.ends_with("4-hostile-again.wasm"));
    assert_eq!(
        hostage.error.to_string(),
        "the method test.aviary.hostile.call is answered by plugin hostile: remove one, or take the method out of one manifest"
    );
    assert!(matches!(folder.error, LoadError::Read(_)), "{folder:?}");
    let missing = dir.path().join("none");
    assert!(Registry::load_dir(&engines, &missing, &OptionsByName::new()).is_err());
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .rposition(|w| w == from)
        .expect("it is there");
    let mut out = bytes.to_vec();
    out[at..at + to.len()].copy_from_slice(to);
    out
}

/// The one entry of a folder of compiled components.
fn entry(folder: &Path) -> std::path::PathBuf {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.pop().unwrap()
}

#[test]
fn compiled_code_is_kept_and_never_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("compiled");
    let engines = Engines::new(EngineOptions {
        compiled: Some(CompiledFolder::open(&folder).unwrap()),
        ..EngineOptions::default()
    })
    .unwrap();
    let load = |name: &str| {
        Plugin::load(&engines, &guests::bytes(name), &PluginOptions::default()).unwrap()
    };
    load("likes");
    let path = entry(&folder);
    let mode = |p: &Path| fs::metadata(p).unwrap().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));

    // Used as it is: the file stays the same file.
    let inode = || fs::metadata(&path).unwrap().ino();
    let (first, good) = (inode(), fs::read(&path).unwrap());
    load("likes");
    assert_eq!(inode(), first);

    // Flipped, cut, empty: each is compiled anew and replaced.
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [&flipped[..], &good[..good.len() / 2], b""] {
        fs::write(&path, bad).unwrap();
        load("likes");
        assert!(fs::read(&path).unwrap() != bad);
        let healed = inode();
        load("likes");
        assert_eq!(inode(), healed, "the new entry is used");
    }
}

#[test]
fn a_folder_that_others_can_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o755, 0o702] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let error = CompiledFolder::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("mode 0700"), "{error}");
        assert!(error.contains(&format!("got mode {mode:04o}")), "{error}");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(CompiledFolder::open(dir.path()).is_ok());
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    assert!(CompiledFolder::open(&link).is_err());
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(CompiledFolder::open(&file).is_err());
}
