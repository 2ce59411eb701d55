//! What it costs to verify one commit on one core, by curve.
//!
//! Full: header and payload, every block hashed, the commit object, the operations undone over the tree, the signature
//! by a key at hand; the same calls as `ingest` makes. Beside it the signature alone by the same library, below which no
//! verification can be, and the reference libraries on the same frames.

use std::path::Path;

use anyhow::Context;
use aviary::atproto::car::CarSlice;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::frame::Frame;
use aviary::atproto::keys::Curve;
use aviary::atproto::proof::prove_commit;
use aviary::atproto::{Did, PublicKey};

use crate::measure::{Spent, median, spent};
use crate::peer::{self, PeerSpent};
use crate::recorded::Recorded;

/// Commits of each curve, evenly from the whole recording.
const COMMITS: usize = 1_000;
/// Time for each figure of a run (s).
const FIGURE_S: f64 = 1.0;

/// A commit with its key.
pub(crate) struct Signed {
    pub(crate) did: Did,
    pub(crate) message: Vec<u8>,
    pub(crate) key: PublicKey,
    /// What is signed, and the signature.
    bytes: Vec<u8>,
    signature: Vec<u8>,
}

/// One run's figures.
struct Run {
    full: Spent,
    signature: Spent,
    two_threads_per_s: f64,
    peer: Option<PeerSpent>,
}

/// Prints the table.
pub(crate) fn table(inputs: &[Recorded], peer: Option<&Path>, runs: usize) -> anyhow::Result<()> {
    println!(
        "\nVerification of one commit (CPU us of one core; commits/s of one core by CPU time)"
    );
    println!(
        "{:<20} {:<9} {:>9} {:>8} {:>8} {:>9} {:>6} {:>8} {:>10} {:>10} {:>8}",
        "commits",
        "curve",
        "bytes",
        "full",
        "full/s",
        "signature",
        "ratio",
        "2 thr./s",
        "@atproto",
        "its client",
        "times"
    );
    for input in inputs {
        let (messages, keys) = (input.messages()?, input.keys()?);
        for curve in [Curve::K256, Curve::P256] {
            let of_curve = messages.iter().filter_map(|message| {
                let Ok(Frame::Commit(frame)) = Frame::decode(message) else {
                    return None;
                };
                let key = keys.get(&frame.repo).filter(|key| key.curve() == curve)?;
                // An account whose key was changed has commits that its last key does not verify.
                signed(message, key)
            });
            let all: Vec<Signed> = of_curve.collect();
            if all.is_empty() {
                println!("{:<20} {:<9} none", input.name, curve.to_string());
                continue;
            }
            let step = all.len().div_ceil(COMMITS);
            let commits: Vec<Signed> = all.into_iter().step_by(step).collect();
            let runs = (0..runs.max(1))
                .map(|_| run(&commits, peer))
                .collect::<anyhow::Result<Vec<Run>>>()?;
            print(input.name, curve, &commits, &runs);
        }
    }
    Ok(())
}

fn signed(message: &[u8], key: &PublicKey) -> Option<Signed> {
    verified(message, key).ok()?;
    let Ok(Frame::Commit(frame)) = Frame::decode(message) else {
        return None;
    };
    let car = CarSlice::read(frame.blocks).ok()?;
    let block = car.get(&frame.commit)?;
    let object = CommitObject::decode(block).ok()?;
    Some(Signed {
        did: frame.repo.clone(),
        bytes: object.signed_bytes(block)?,
        signature: object.sig.to_vec(),
        key: key.clone(),
        message: message.to_vec(),
    })
}

fn verified(message: &[u8], key: &PublicKey) -> anyhow::Result<()> {
    let Frame::Commit(frame) = Frame::decode(message)? else {
        anyhow::bail!("expected a commit");
    };
    let car = CarSlice::read(frame.blocks)?;
    let block = car
        .get(&frame.commit)
        .context("expected the commit's block")?;
    let object = CommitObject::decode(block)?;
    prove_commit(&frame, &object, &car)?;
    let bytes = object.signed_bytes(block).context("expected a signature")?;
    Ok(key.verify(&bytes, object.sig)?)
}

fn run(commits: &[Signed], peer: Option<&Path>) -> anyhow::Result<Run> {
    let full = || {
        commits
            .iter()
            .try_for_each(|c| verified(&c.message, &c.key))
    };
    let alone = || {
        commits
            .iter()
            .try_for_each(|c| Ok(c.key.verify(&c.bytes, &c.signature)?))
    };
    let both: anyhow::Result<f64> = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| spent(commits.len(), FIGURE_S, full)));
        let rates = threads.map(|t| t.join().unwrap_or_else(|_| anyhow::bail!("a thread ended")));
        rates.into_iter().map(|r| Ok(r?.per_s)).sum()
    });
    Ok(Run {
        full: spent(commits.len(), FIGURE_S, full)?,
        signature: spent(commits.len(), FIGURE_S, alone)?,
        two_threads_per_s: both?,
        peer: peer
            .map(|dir| peer::verify(dir, commits, FIGURE_S))
            .transpose()?,
    })
}

fn print(name: &str, curve: Curve, commits: &[Signed], runs: &[Run]) {
    let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let peer = |figure: fn(&PeerSpent) -> f64| {
        let figures: Vec<f64> = runs
            .iter()
            .filter_map(|r| r.peer.as_ref().map(figure))
            .collect();
        (!figures.is_empty()).then(|| median(figures))
    };
    let shown = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |f| format!("{f:.1}"));
    let (full, signature) = (of(|r| r.full.cpu_us), of(|r| r.signature.cpu_us));
    let bytes = commits.iter().map(|c| c.message.len()).sum::<usize>() / commits.len();
    let reference = peer(|p| p.full_cpu_us);
    println!(
        "{name:<20} {:<9} {bytes:>9} {full:>8.1} {:>8.0} {signature:>9.1} {:>6.2} {:>8.0} {:>10} {:>10} {:>8}",
        curve.to_string(),
        1e6 / full,
        full / signature,
        of(|r| r.two_threads_per_s),
        shown(reference),
        shown(peer(|p| p.client_cpu_us)),
        shown(reference.map(|r| r / full)),
    );
}
