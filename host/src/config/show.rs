//! The effective settings as TOML for people: where each came from, secrets replaced.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::keys;
use super::layers::Layers;
use super::plugins::PluginSettings;

const REDACTED: &str = "[redacted]";

/// Every setting as one line of TOML with its origin.
pub(super) fn toml(layers: &Layers, plugins: &BTreeMap<String, PluginSettings>) -> String {
    let mut out =
        String::from("# Effective settings: flags, then environment, then file, then defaults.\n");
    let mut open = "";
    for key in keys::ALL {
        let (section, name) = key.parts();
        if section != open {
            // Writing to a string cannot fail.
            writeln!(out, "\n[{section}]").ok();
            open = section;
        }
        let given = layers.get(key);
        let value = if key.is_number() {
            given.text
        } else {
            quoted(&without_password(&given.text))
        };
        writeln!(out, "{name} = {value}  # {}", given.origin).ok();
    }
    for (name, plugin) in plugins {
        writeln!(out, "\n[plugins.{}]", toml_key(name)).ok();
        writeln!(out, "enabled = {}", plugin.enabled).ok();
        writeln!(out, "memory_mib = {}", plugin.memory_mib).ok();
        if !plugin.settings.is_empty() {
            let settings = Value::Object(plugin.settings.clone());
            writeln!(out, "settings = {}", inline(&settings, false)).ok();
        }
    }
    out
}

/// The password of a URL, or of each in a list with commas, replaced; other text as it is.
pub(super) fn without_password(text: &str) -> String {
    let is_url = |part: &str| {
        let scheme = part
            .trim_start()
            .split_once("://")
            .map(|(scheme, _)| scheme);
        scheme.is_some_and(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    // A comma may be part of a password: only one that a scheme follows ends an address.
    let comma = text
        .match_indices(',')
        .find(|(at, _)| is_url(&text[at + 1..]));
    match comma {
        Some((at, _)) => {
            let (one, rest) = (&text[..at], &text[at + 1..]);
            format!("{},{}", one_without_password(one), without_password(rest))
        }
        None => one_without_password(text),
    }
}

fn one_without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = without_parameter(path);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:{REDACTED}@{host}{path}")
        }
        None => format!("{scheme}://{authority}{path}"),
    }
}

/// A password among the parameters replaced.
fn without_parameter(path: &str) -> String {
    const NAME: &str = "password=";
    let Some((before, rest)) = path.split_once(NAME) else {
        return path.to_owned();
    };
    let end = rest.find(['&', '#']).unwrap_or(rest.len());
    let after = without_parameter(&rest[end..]);
    format!("{before}{NAME}{REDACTED}{after}")
}

/// Whether a setting of this name holds something that is not to be shown.
fn is_secret(name: &str) -> bool {
    const MARKS: [&str; 6] = [
        "password",
        "secret",
        "token",
        "credential",
        "apikey",
        "privatekey",
    ];
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    MARKS.iter().any(|mark| plain.contains(mark))
}

fn inline(value: &Value, secret: bool) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|v| inline(v, secret)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(table) => {
            let pairs: Vec<_> = table
                .iter()
                .map(|(k, v)| format!("{} = {}", toml_key(k), inline(v, secret || is_secret(k))))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        _ if secret => quoted(REDACTED),
        Value::String(text) => quoted(&without_password(text)),
        other => other.to_string(),
    }
}

fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_replaced() {
        assert_eq!(
            without_password("wss://a:b@host/x@y"),
            "wss://a:[redacted]@host/x@y"
        );
        assert_eq!(
            without_password("wss://token@host"),
            "wss://token:[redacted]@host"
        );
        assert_eq!(without_password("wss://host/x@y"), "wss://host/x@y");
        assert_eq!(
            without_password("wss://a:b,c@x, wss://y,ws://d:e@z"),
            "wss://a:[redacted]@x, wss://y,ws://d:[redacted]@z"
        );
        assert_eq!(without_password("sqlite://aviary.db"), "sqlite://aviary.db");
    }

    #[test]
    fn secrets_go_by_their_names() {
        for name in [
            "password",
            "API-Key",
            "session_token",
            "clientSecret",
            "private_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("greeting") && !is_secret("key_columns"));
    }
}
