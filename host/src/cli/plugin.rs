//! `aviary plugin check` and `aviary plugin list`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use aviary_manifest::{Auth, Column, IndexTerm, Manifest, ParamType};
use clap::{Args, Subcommand};

use super::ExitCode;
use super::table::{Table, grouped};
use crate::app::{self, CheckedPlugin};
use crate::config::{Flags, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Check one file as loading it would, and print what it declares, or why it is refused
    Check(Check),
    /// Print the plugins of the folder, loadable and refused
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The component
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The folder of plugins
    #[arg(long, value_name = "DIR")]
    plugins: Option<String>,
}

impl Plugin {
    pub(super) fn flags(&self) -> Flags {
        match self {
            Self::Check(_) => Flags::default(),
            Self::List(list) => Flags {
                plugins_dir: list.plugins.clone(),
                ..Flags::default()
            },
        }
    }

    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(check) => {
                let context = || format!("{} is refused", check.file.display());
                let checked = app::check_plugin(&settings, &check.file)
                    .await
                    .with_context(context)?;
                std::io::stdout().write_all(described(&checked).to_string().as_bytes())?;
                Ok(ExitCode::Done)
            }
            Self::List(_) => list(&settings).await,
        }
    }
}

async fn list(settings: &Settings) -> anyhow::Result<ExitCode> {
    let (mut table, mut refused) = (Table::default(), false);
    for file in components(&settings.plugins_dir)? {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match app::check_plugin(settings, &file).await {
            Ok(checked) => {
                let manifest = &checked.manifest;
                let off = if settings.plugin(&manifest.name).enabled {
                    ""
                } else {
                    " (switched off)"
                };
                table.line(
                    name,
                    format!(
                        "{} {}{off}: {}",
                        manifest.name, manifest.version, manifest.summary
                    ),
                );
            }
            Err(error) => {
                refused = true;
                table.line(name, format!("refused: {error:#}"));
            }
        }
    }
    std::io::stdout().write_all(table.to_string().as_bytes())?;
    Ok(if refused {
        ExitCode::Failed
    } else {
        ExitCode::Done
    })
}

/// The `.wasm` files of a folder, by name.
fn components(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read the folder of plugins {}", dir.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn described(checked: &CheckedPlugin) -> Table {
    let manifest = &checked.manifest;
    let mut table = Table::default();
    table.line("name", manifest.name.clone());
    table.line("version", manifest.version.clone());
    table.line("summary", manifest.summary.clone());
    table.line(
        "size",
        format!("{} bytes", grouped(checked.size_bytes as u64)),
    );
    table.line("api", manifest.api.clone());
    table.lines("collections", manifest.collections.iter().cloned());
    table.lines("tables", tables(manifest));
    table.lines(
        "counts",
        manifest
            .counts
            .iter()
            .map(|c| format!("{}({}, n) of {}", c.name, c.by.join(", "), c.table)),
    );
    table.lines("reads", reads(manifest));
    table.lines(
        "methods",
        manifest
            .methods
            .iter()
            .map(|(nsid, m)| format!("{nsid}, auth {}", auth(m.auth))),
    );
    table.lines("exports", checked.exports.iter().cloned());
    table.lines("imports", checked.imports.iter().cloned());
    table.lines("asks for", asks(manifest));
    table
}

fn auth(auth: Auth) -> &'static str {
    match auth {
        Auth::None => "none",
        Auth::Optional => "optional",
        Auth::Required => "required",
    }
}

fn tables(manifest: &Manifest) -> impl Iterator<Item = String> {
    manifest.tables.iter().flat_map(|t| {
        let indexes = t.indexes.iter().map(|i| format!("  index ({})", terms(i)));
        let head = format!(
            "{}({}), key ({})",
            t.name,
            columns(&t.columns),
            t.key.join(", ")
        );
        std::iter::once(head).chain(indexes).collect::<Vec<_>>()
    })
}

fn reads(manifest: &Manifest) -> impl Iterator<Item = String> {
    manifest.reads.iter().map(|r| {
        let params: Vec<String> = r
            .params
            .iter()
            .map(|p: &ParamType| String::from(*p))
            .collect();
        format!(
            "{}({}) -> ({})",
            r.name,
            params.join(", "),
            columns(&r.returns)
        )
    })
}

fn asks(manifest: &Manifest) -> Vec<String> {
    let asks = &manifest.asks;
    let tables = asks.tables.iter().map(|t| format!("table {t}"));
    let hosts = asks.hosts.iter().map(|h| format!("HTTPS to {h}"));
    let memory = asks.memory_mib.iter().map(|m| format!("{m} MiB of memory"));
    tables.chain(hosts).chain(memory).collect()
}

fn columns(columns: &[Column]) -> String {
    let columns: Vec<String> = columns.iter().cloned().map(String::from).collect();
    columns.join(", ")
}

fn terms(terms: &[IndexTerm]) -> String {
    let terms: Vec<String> = terms.iter().cloned().map(String::from).collect();
    terms.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_declared_is_shown() {
        let manifest = Manifest::from_toml(
            r#"
            name = "things"
            version = "1.0.0"
            api = "0.1"
            summary = "Things"
            collections = ["xyz.example.thing"]
            [[tables]]
            name = "thing"
            columns = ["kind text", "at time?"]
            key = ["_uri"]
            indexes = [["at desc", "_uri"]]
            [[counts]]
            name = "by_kind"
            table = "thing"
            by = ["kind"]
            [[reads]]
            name = "of_kinds"
            params = ["text[]"]
            returns = ["kind text"]
            sql = "select kind from thing where kind in ($1)"
            [asks]
            memory_mib = 128
            "#,
        );
        let checked = CheckedPlugin {
            manifest: manifest.unwrap(),
            imports: vec![],
            exports: vec!["aviary:plugin/indexer@0.1.0".into()],
            size_bytes: 12_345,
        };
        let text = described(&checked).to_string();
        for line in [
            "name         things",
            "size         12,345 bytes",
            "tables       thing(kind text, at time?), key (_uri)",
            "               index (at desc, _uri)",
            "counts       by_kind(kind, n) of thing",
            "reads        of_kinds(text[]) -> (kind text)",
            "methods      none",
            "asks for     128 MiB of memory",
        ] {
            assert!(
                text.lines().any(|l| l == line),
                "{line:?} is not in\n{text}"
            );
        }
    }
}
