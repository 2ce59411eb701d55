//! The table of rooms in docs/ARCHITECTURE.md held against the host's imports, and the shape of all source files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aviary_tests::place;

/// Lines that nine of ten files stay under, and that none passes.
const LINES_USUAL: usize = 400;
const LINES_MAX: usize = 800;
/// They meet in queue and store only, whatever their rows.
const APART: [&str; 3] = ["ingest", "index", "serve"];
/// Words that say nothing about what is in a file.
const EMPTY_WORDS: [&str; 6] = ["util", "utils", "helper", "helpers", "manager", "misc"];

/// Rooms with the number of their row, and the layer of each row.
struct Table {
    rooms: BTreeMap<String, usize>,
    layers: Vec<String>,
}

impl Table {
    /// Reads the rows `| layer | rooms in backquotes | … |` below the heading "Rooms".
    fn parse(page: &str) -> Self {
        let section = page
            .split("\n## ")
            .find(|s| s.starts_with("Rooms\n"))
            .unwrap_or_default();
        let mut table = Self {
            rooms: BTreeMap::new(),
            layers: Vec::new(),
        };
        for line in section.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let ["", layer, rooms, _, ""] = cells[..] else {
                continue;
            };
            if layer == "layer" || layer.starts_with('-') {
                continue;
            }
            for room in rooms.split('`').skip(1).step_by(2) {
                table
                    .rooms
                    .insert(room.trim_end_matches('/').to_owned(), table.layers.len());
            }
            table.layers.push(layer.to_owned());
        }
        table
    }

    /// Why one room must not import another.
    fn refusal(&self, from: &str, to: &str) -> Option<String> {
        if from == to {
            return None;
        }
        let (Some(&row), Some(&other)) = (self.rooms.get(from), self.rooms.get(to)) else {
            return Some(format!("{from} imports {to}: not both in the table"));
        };
        if APART.contains(&from) && APART.contains(&to) {
            return Some(format!(
                "{from} imports {to}: they meet in queue and store only"
            ));
        }
        let (layer, other_layer) = (&self.layers[row], &self.layers[other]);
        // Words may use each other, and so may the parts of the root.
        let among_equals = layer == other_layer && ["words", "root"].contains(&layer.as_str());
        (other >= row && !among_equals)
            .then(|| format!("{from} ({layer}) imports {to} ({other_layer}): not above it"))
    }
}

/// A source file, its path below the crate's `src`.
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// `ingest` for `ingest.rs` and everything below `ingest/`.
    fn room(&self) -> String {
        let first = self.path.iter().next().unwrap_or_default();
        Path::new(first)
            .with_extension("")
            .to_string_lossy()
            .into_owned()
    }

    fn is_test(&self) -> bool {
        self.path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
    }

    /// Without comment lines and without what is compiled for tests only. Relies on rustfmt's indentation.
    fn code(&self) -> String {
        let mut out = String::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            if line.trim() != "#[cfg(test)]" {
                out.push_str(line);
                out.push('\n');
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            for line in lines.by_ref() {
                let attribute = line.trim_start().starts_with("#[");
                let one_line =
                    line.ends_with(';') && line.len() - line.trim_start().len() == indent;
                if !attribute && (one_line || line == end) {
                    break;
                }
            }
        }
        out
    }

    /// The rooms that the code names: `crate::room`, `crate::{room, …}`, `super::room` from a room's root file (and
    /// `super::super::room` one folder down, and so on), `aviary::room` in the program.
    fn imports(&self) -> BTreeSet<String> {
        let code = self.code();
        let depth = self.path.iter().count();
        let mut roots = vec!["crate::".to_owned(), "super::".repeat(depth)];
        if self.path == Path::new("main.rs") {
            roots.push("aviary::".into());
        }
        let mut found = BTreeSet::new();
        for root in roots {
            for (at, _) in code.match_indices(&root) {
                // Not the end of a longer name or path.
                if code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c)) {
                    continue;
                }
                found.extend(named(&code[at + root.len()..]));
            }
        }
        found
    }
}

/// The first names of a path's rest: one, or those of a group in braces.
fn named(rest: &str) -> Vec<String> {
    let identifier = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![identifier(rest)];
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(identifier(&group[start..i]));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|n| !n.is_empty());
    names
}

/// Everything that is wrong with the host's imports.
fn wrong_imports(table: &Table, files: &[File]) -> Vec<String> {
    let rooms: BTreeSet<String> = files
        .iter()
        .map(File::room)
        .filter(|r| r != "lib")
        .collect();
    let mut wrong: Vec<String> = Vec::new();
    for room in table.rooms.keys().filter(|r| !rooms.contains(*r)) {
        wrong.push(format!("{room} is in the table and not in host/src"));
    }
    for room in rooms.iter().filter(|r| !table.rooms.contains_key(*r)) {
        wrong.push(format!("{room} is in host/src and not in the table"));
    }
    for file in files.iter().filter(|f| !f.is_test() && f.room() != "lib") {
        for import in file.imports().iter().filter(|i| rooms.contains(*i)) {
            if let Some(refusal) = table.refusal(&file.room(), import) {
                wrong.push(format!("{}: {refusal}", file.path.display()));
            }
        }
    }
    wrong
}

/// Everything that is wrong with names and sizes of files (lines by path).
fn wrong_shapes(files: &[(PathBuf, usize)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, lines) in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if name.split('_').any(|word| EMPTY_WORDS.contains(&word)) {
            wrong.push(format!("{}: name it by what is in it", path.display()));
        }
        if name == "mod" {
            wrong.push(format!(
                "{}: room.rs and room/part.rs, no mod.rs",
                path.display()
            ));
        }
        if *lines > LINES_MAX {
            wrong.push(format!(
                "{}: {lines} lines, over {LINES_MAX}",
                path.display()
            ));
        }
    }
    let long: Vec<_> = files
        .iter()
        .filter(|(_, lines)| *lines >= LINES_USUAL)
        .collect();
    if long.len() * 10 > files.len() {
        wrong.push(format!(
            "{} of {} files have {LINES_USUAL} lines or more: {long:?}",
            long.len(),
            files.len()
        ));
    }
    wrong
}

/// Every Rust file below a folder, build folders left out.
fn rust_files(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)
        .expect("a folder")
        .map(|e| e.expect("an entry"))
    {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
    found
}

fn host_files() -> Vec<File> {
    let src = place::root().join("host/src");
    let below = |path: &Path| path.strip_prefix(&src).expect("below src").to_path_buf();
    rust_files(&src)
        .into_iter()
        .map(|(path, text)| File {
            path: below(&path),
            text,
        })
        .collect()
}

fn table() -> Table {
    let page = std::fs::read_to_string(place::root().join("docs/ARCHITECTURE.md"));
    Table::parse(&page.expect("docs/ARCHITECTURE.md"))
}

#[test]
fn the_host_imports_as_the_table_says() {
    let (table, files) = (table(), host_files());
    assert!(
        table.rooms.len() > 10 && files.len() > 50,
        "found {} rooms, {} files",
        table.rooms.len(),
        files.len()
    );
    let edges: usize = files.iter().map(|f| f.imports().len()).sum();
    assert!(edges > 50, "found only {edges} imports: the scan is broken");
    let wrong = wrong_imports(&table, &files);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_small_and_named_by_what_they_hold() {
    let root = place::root();
    let files: Vec<(PathBuf, usize)> = ["host", "plugins", "tests", "xtask"]
        .iter()
        .flat_map(|dir| rust_files(&root.join(dir)))
        .map(|(path, text)| {
            (
                path.strip_prefix(&root).expect("below").to_path_buf(),
                text.lines().count(),
            )
        })
        .collect();
    assert!(files.len() > 100, "found only {} files", files.len());
    let wrong = wrong_shapes(&files);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_bad_edge_is_found() {
    let table = table();
    for (path, text, named) in [
        (
            "store/sqlite.rs",
            "use crate::index::Consumer;",
            "store (edges) imports index",
        ),
        (
            "atproto/car.rs",
            "    let x = crate::store::Pos::MIN;",
            "atproto (words) imports store",
        ),
        (
            "ingest/relay.rs",
            "use crate::{limits, serve::Health};",
            "ingest imports serve",
        ),
        (
            "ingest.rs",
            "use super::index::Archiver;",
            "ingest imports index",
        ),
        (
            "serve/xrpc.rs",
            "use super::super::index::Archiver;",
            "serve imports index",
        ),
        (
            "index/a.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::app;\n}\nuse crate::serve;\n",
            "index imports serve",
        ),
        (
            "config/file.rs",
            "use crate::telemetry::Counter;",
            "config (edges) imports telemetry",
        ),
        (
            "plugins.rs",
            "pub use crate::cli;",
            "plugins (plugins) imports cli",
        ),
    ] {
        let mut files = host_files();
        files.push(File::new(path, text));
        let wrong = wrong_imports(&table, &files).join("\n");
        assert!(wrong.contains(named), "{path}: {text}\n{wrong}");
    }
}

#[test]
fn what_is_not_code_is_no_edge() {
    for text in [
        "//! See [`crate::serve`].\n",
        "    /// Not `crate::serve`.\n",
        "#[cfg(test)]\nmod tests {\n    use crate::serve::Health;\n}\n",
        "#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::serve::Health;\n}\n",
        "#[cfg(test)]\nuse crate::serve::Health;\n",
        "use other_crate::serve;\n",
    ] {
        assert!(
            File::new("ingest/a.rs", text).imports().is_empty(),
            "{text}"
        );
    }
    let tests = File::new("ingest/tests.rs", "use crate::serve;");
    assert!(
        wrong_imports(
            &table(),
            &host_files().into_iter().chain([tests]).collect::<Vec<_>>()
        )
        .is_empty()
    );
}

#[test]
fn a_missing_room_and_an_unknown_one_are_found() {
    let (table, mut files) = (table(), host_files());
    files.retain(|f| f.room() != "queue");
    files.push(File::new("shed.rs", ""));
    let wrong = wrong_imports(&table, &files);
    assert!(
        wrong.contains(&"queue is in the table and not in host/src".to_owned()),
        "{wrong:?}"
    );
    assert!(
        wrong.contains(&"shed is in host/src and not in the table".to_owned()),
        "{wrong:?}"
    );
}

#[test]
fn bad_shapes_are_found() {
    let short = |n: usize| (PathBuf::from(format!("a{n}.rs")), 100);
    let mut files: Vec<_> = (0..10).map(short).collect();
    assert!(wrong_shapes(&files).is_empty());
    files.extend([
        ("b.rs".into(), 801),
        ("text_utils.rs".into(), 1),
        ("c/mod.rs".into(), 400),
    ]);
    assert_eq!(wrong_shapes(&files).len(), 4, "{:?}", wrong_shapes(&files));
}
