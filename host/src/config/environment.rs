//! `AVIARY_…` variables: a key's path in capitals, dots as underscores; `AVIARY_CONFIG` names the file. And the names
//! by which the places of databases are usually given, where the variable of ours is not set.

use std::path::PathBuf;

use super::error::ConfigError;
use super::keys::{self, Key};
use super::layers::{Given, Origin};
use super::suggest::{self, Name};

const PREFIX: &str = "AVIARY_";
const FILE: &str = "AVIARY_CONFIG";
/// Read by this project's tests and tools, of no meaning to a host.
const TEST_NAMES: [&str; 2] = ["AVIARY_DATA", "AVIARY_GUESTS"];
const TEST_PREFIX: &str = "AVIARY_TEST_";

/// Names that are not ours, and the keys that they stand for.
const USUAL_NAMES: [(&str, &Key); 2] =
    [("DATABASE_URL", &keys::STORE), ("REDIS_URL", &keys::QUEUE)];

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// The settings file.
    pub(super) file: Option<PathBuf>,
    /// Settings.
    pub(super) values: Vec<(&'static Key, Given)>,
}

/// Takes our variables out of all of them.
pub(super) fn read(variables: &[(String, String)]) -> Result<Environment, ConfigError> {
    let mut environment = Environment::default();
    // First: a later value of the same key replaces an earlier one.
    for (name, value) in variables {
        let usual = USUAL_NAMES.iter().find(|(usual, _)| usual == name);
        if let Some((_, key)) = usual.filter(|_| !value.is_empty()) {
            let (text, origin) = (value.clone(), Origin::Variable(name.clone()));
            environment.values.push((key, Given { text, origin }));
        }
    }
    for (name, value) in variables {
        let ours = name.starts_with(PREFIX);
        if !ours || TEST_NAMES.contains(&name.as_str()) || name.starts_with(TEST_PREFIX) {
            continue;
        }
        if name == FILE {
            environment.file = Some(value.into());
            continue;
        }
        let Some(key) = keys::ALL.into_iter().find(|k| k.variable() == *name) else {
            return Err(ConfigError::UnknownVariable {
                name: name.clone(),
                nearest: nearest(name),
            });
        };
        let origin = Origin::Variable(name.clone());
        environment.values.push((
            key,
            Given {
                text: value.clone(),
                origin,
            },
        ));
    }
    Ok(environment)
}

fn nearest(variable: &str) -> Option<String> {
    let name = |shown: &str, leaf: &str| Name {
        shown: shown.to_owned(),
        leaf: leaf.to_lowercase(),
    };
    let leaf = variable.strip_prefix(PREFIX).unwrap_or(variable);
    let known = keys::ALL.iter().map(|k| name(&k.variable(), k.parts().1));
    suggest::nearest(&name(variable, leaf), known.chain([name(FILE, "config")]))
}
