//! The corpora of `tests/fuzz`, each file put through its target as the fuzzer does.

use aviary_tests::{fuzz, place};

#[test]
fn every_corpus_file_passes_its_target() {
    let corpora = place::root().join("tests/fuzz/corpus");
    for (name, target) in fuzz::TARGETS {
        let folder = std::fs::read_dir(corpora.join(name)).expect(name);
        let files: Vec<_> = folder.map(|file| file.expect(name).path()).collect();
        assert!(files.len() >= 3, "{name}: {} files", files.len());
        for file in &files {
            eprintln!("{}", file.display());
            target(&std::fs::read(file).expect(name));
        }
    }
    let folders = std::fs::read_dir(&corpora).expect("corpora").count();
    assert_eq!(folders, fuzz::TARGETS.len(), "a corpus without a target");
}
