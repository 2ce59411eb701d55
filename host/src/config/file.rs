//! `aviary.toml`, with the line of everything in it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problem};
use super::keys;
use super::layers::{Given, Layers, Origin};
use super::plugins::{self, PluginSettings};
use super::suggest::{self, Name};

/// A file while it is read.
pub(super) struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        before.bytes().filter(|b| *b == b'\n').count() + 1
    }

    /// Where a span starts.
    pub(super) fn origin(&self, span: Range<usize>) -> Origin {
        Origin::File {
            path: self.path.to_path_buf(),
            line: self.line(span.start),
        }
    }
}

/// Reads a file into the layers, and gives its `[plugins]`.
pub(super) fn read(
    path: &Path,
    layers: &mut Layers,
) -> Result<BTreeMap<String, PluginSettings>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_path_buf(),
        source,
    })?;
    parse(&Place { path, text: &text }, layers)
}

fn parse(
    place: &Place<'_>,
    layers: &mut Layers,
) -> Result<BTreeMap<String, PluginSettings>, ConfigError> {
    let root = DeTable::parse(place.text).map_err(|e| ConfigError::Syntax {
        path: place.path.to_path_buf(),
        line: e.span().map_or(1, |s| place.line(s.start)),
        message: e.message().to_owned(),
    })?;
    let mut plugins = BTreeMap::new();
    for (name, value) in root.get_ref() {
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("plugins", DeValue::Table(table)) => plugins = all_plugins(table, place)?,
            (section, DeValue::Table(table)) if keys::is_section(section) => {
                for (key, value) in table {
                    set(
                        &format!("{section}.{}", key.get_ref()),
                        key,
                        value,
                        place,
                        layers,
                    )?;
                }
            }
            (path, _) if path == "plugins" || keys::is_section(path) => {
                return Err(ConfigError::Value {
                    key: path.to_owned(),
                    origin: place.origin(value.span()),
                    problem: Problem::saying(format!("expected a section: [{path}]")),
                });
            }
            (path, _) => set(path, name, value, place, layers)?,
        }
    }
    Ok(plugins)
}

fn set(
    path: &str,
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    place: &Place<'_>,
    layers: &mut Layers,
) -> Result<(), ConfigError> {
    let Some(key) = keys::find(path) else {
        let known = keys::ALL
            .iter()
            .map(|k| k.path)
            .chain(["plugins"])
            .map(Name::of_path);
        return Err(ConfigError::UnknownKey {
            name: path.to_owned(),
            origin: place.origin(name.span()),
            nearest: suggest::nearest(&Name::of_path(path), known),
        });
    };
    let origin = place.origin(name.span());
    let text = match value.get_ref() {
        DeValue::String(text) if !key.is_number() => text.to_string(),
        DeValue::Integer(n) if key.is_number() => n.as_str().to_owned(),
        other => {
            let expected = if key.is_number() {
                "a number"
            } else {
                "text in quotes"
            };
            return Err(ConfigError::Value {
                key: path.to_owned(),
                origin,
                problem: Problem::saying(format!("expected {expected}, got {}", other.type_str())),
            });
        }
    };
    layers.set(key, Given { text, origin });
    Ok(())
}

fn all_plugins(
    table: &DeTable<'_>,
    place: &Place<'_>,
) -> Result<BTreeMap<String, PluginSettings>, ConfigError> {
    table
        .iter()
        .map(|(name, value)| match value.get_ref() {
            DeValue::Table(plugin) => {
                let name = name.get_ref().to_string();
                let settings = plugins::read(&name, plugin, place)?;
                Ok((name, settings))
            }
            _ => Err(ConfigError::Value {
                key: format!("plugins.{}", name.get_ref()),
                origin: place.origin(name.span()),
                problem: Problem::saying(format!(
                    "expected a section: [plugins.{}]",
                    name.get_ref()
                )),
            }),
        })
        .collect()
}
