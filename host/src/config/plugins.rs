//! `[plugins.NAME]`: whether a plugin runs, what it is granted, and what it is told.

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problem};
use super::file::Place;
use super::suggest::{self, Name};
use crate::limits;

/// One plugin's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// Whether it is loaded.
    pub enabled: bool,
    /// Memory of one instance that the operator grants (MiB); a plugin that asks for more is refused.
    pub memory_mib: u32,
    /// For the plugin, as it reads them through its `settings` import.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            memory_mib: mib(limits::GUEST_MEMORY_BYTES),
            settings: serde_json::Map::new(),
        }
    }
}

fn mib(bytes: usize) -> u32 {
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

const KEYS: [&str; 3] = ["enabled", "memory_mib", "settings"];

/// Reads one plugin's table.
pub(super) fn read(
    name: &str,
    table: &DeTable<'_>,
    place: &Place<'_>,
) -> Result<PluginSettings, ConfigError> {
    let mut plugin = PluginSettings::default();
    for (key, value) in table {
        let path = format!("plugins.{name}.{}", key.get_ref());
        let wrong = |expected: &str| ConfigError::Value {
            key: path.clone(),
            origin: place.origin(value.span()),
            problem: Problem::saying(format!(
                "expected {expected}, got {}",
                value.get_ref().type_str()
            )),
        };
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("enabled", DeValue::Boolean(on)) => plugin.enabled = *on,
            ("enabled", _) => return Err(wrong("true or false")),
            ("memory_mib", DeValue::Integer(n)) => {
                let max = mib(limits::GUEST_MEMORY_BYTES_MAX);
                let granted = n.as_str().parse().ok().filter(|m| (1..=max).contains(m));
                plugin.memory_mib = granted.ok_or_else(|| ConfigError::Value {
                    key: path.clone(),
                    origin: place.origin(value.span()),
                    problem: Problem::unexpected(&format!("a number from 1 to {max}"), n.as_str()),
                })?;
            }
            ("memory_mib", _) => return Err(wrong("a number")),
            ("settings", DeValue::Table(settings)) => {
                plugin.settings = settings
                    .iter()
                    .map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref())))
                    .collect();
            }
            ("settings", _) => return Err(wrong("a table")),
            _ => {
                let known = KEYS.map(|k| Name::of_path(&format!("plugins.{name}.{k}")));
                return Err(ConfigError::UnknownKey {
                    origin: place.origin(key.span()),
                    nearest: suggest::nearest(&Name::of_path(&path), known),
                    name: path,
                });
            }
        }
    }
    Ok(plugin)
}

/// TOML as JSON. What JSON does not have (dates, numbers that do not fit) becomes text.
fn json(value: &DeValue<'_>) -> serde_json::Value {
    use serde_json::Value;
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(on) => Value::Bool(*on),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
            .map_or_else(|_| Value::String(n.as_str().to_owned()), Value::from),
        DeValue::Float(x) => x
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or_else(|| Value::String(x.as_str().to_owned()), Value::Number),
        DeValue::Datetime(at) => Value::String(at.to_string()),
        DeValue::Array(items) => items.iter().map(|v| json(v.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref())))
            .collect(),
    }
}
