//! `/metrics` read as Prometheus reads it (text format 0.0.4): every sample has its help and its kind before it.

use std::collections::BTreeMap;

use aviary_simnet::{Config, Network};
use aviary_tests::{HostProcess, http, place};

/// The samples of a page by series, and the kind of each name.
#[derive(Default)]
struct Read {
    samples: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

/// Reads a page; a line that the format does not allow fails.
fn read(text: &str) -> Read {
    let mut read = Read::default();
    let (mut helped, mut begun) = (String::new(), String::new());
    assert!(text.ends_with('\n'), "the last line has no end");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty(), "{line}");
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, helped, "no help before {line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            let again = read.kinds.insert(name.to_owned(), kind.to_owned());
            assert!(again.is_none(), "begun twice: {line}");
            name.clone_into(&mut begun);
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            assert_eq!(name, begun, "not below its kind: {line}");
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            assert!(name.bytes().all(plain), "{line}");
            assert!(labels.ends_with('}'), "{line}");
            let value: f64 = value.parse().unwrap();
            let again = read.samples.insert(series.to_owned(), value);
            assert!(again.is_none(), "twice: {line}");
        }
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_holds_all_counters_and_the_figures_of_the_moment() {
    let network = Network::start(Config::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let plugins = place::plugins_dir(&["statusphere"]);
    let plugins = plugins.path().to_str().unwrap();
    let args = ["--plugins", plugins, "--store", "sqlite://store.db"];
    let host = HostProcess::follow(network.urls(), &args, dir.path()).await;
    let seq = network.emit(300).await.unwrap();
    host.caught_up(i64::try_from(seq).unwrap()).await;
    let health = host.health().await;

    let answer = http::client().get(format!("{}/metrics", host.url));
    let answer = answer.send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let read = read(&answer.text().await.unwrap());
    for (name, _) in health["counters"].as_object().unwrap() {
        let is_counter = read.kinds.get(&format!("aviary_{name}_total"));
        let is_gauge = read.kinds.get(&format!("aviary_{name}"));
        let kind = is_counter.or(is_gauge).map(String::as_str);
        let expected = match is_counter {
            Some(_) => "counter",
            None => "gauge",
        };
        assert_eq!(kind, Some(expected), "{name}");
    }
    // The relay sent 300 frames and those that were there before; nothing else was to come.
    assert!(read.samples["aviary_frames_total"] >= 300.0);
    let followed = health["repos"]["synchronized"].as_f64().unwrap();
    assert!(followed > 0.0);
    let repos = |state: &str| read.samples[&format!("aviary_repos{{state=\"{state}\"}}")];
    assert!((repos("synchronized") - followed).abs() < 0.5);
    assert!(repos("resyncing").abs() < 0.5);
    assert!(read.samples["aviary_lag"].abs() < 0.5);
    assert!(read.samples["aviary_cursor_still_seconds"] < 60.0);
    assert!(read.samples["aviary_stream_silent_seconds"] < 60.0);
    let state = |state: &str| read.samples[&format!("aviary_stream_state{{state=\"{state}\"}}")];
    assert!((state("disconnected") + state("stalled")).abs() < 0.5);
    assert!(read.samples["aviary_plugin_lag{plugin=\"statusphere\"}"].abs() < 0.5);
    assert_eq!(host.stop().await, Some(0));
}
