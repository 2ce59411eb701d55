//! Every fault fires, is counted, and is what it says.

use std::time::Duration;

use aviary_simnet::{Config, Fault};

use super::client::{Client, Got, wait_for};
use super::network;

/// Ten events with `fault` at every fourth frame.
async fn ten_with(fault: Fault) -> Vec<Got> {
    let network = network(Config::default()).await;
    network.faults().every(fault, 4);
    let mut client = Client::connect(&network, None).await;
    network.emit(10).await.unwrap();
    let mut got = Vec::new();
    while got.last() != Some(&Got::Quiet) && got.last() != Some(&Got::Cut) && got.len() < 20 {
        got.push(client.next().await);
    }
    assert!(network.faults().fired(fault) > 0, "{fault:?} did not fire");
    let beside = if fault == Fault::Duplicate { 2 } else { 0 };
    let events = got
        .iter()
        .filter(|got| matches!(got, Got::Event(..)))
        .count();
    if fault != Fault::ErrorFrame {
        assert_eq!(
            (events, network.faults().fired(fault)),
            (10 + beside, 2),
            "{fault:?}"
        );
    }
    got
}

#[tokio::test]
async fn messages_between_frames_lose_no_frame() {
    assert_eq!(ten_with(Fault::Garbage).await[3], Got::Garbage);
    assert_eq!(ten_with(Fault::Text).await[3], Got::Text);
    assert_eq!(
        ten_with(Fault::UnknownType).await[3],
        Got::Other("#unheardOf".into())
    );
    assert_eq!(
        ten_with(Fault::Oversize).await[3],
        Got::Info("Large".into(), 5_000_001)
    );
    let doubled = ten_with(Fault::Duplicate).await;
    assert_eq!(doubled[3], doubled[4]);
}

#[tokio::test]
async fn an_error_frame_ends_the_connection() {
    let got = ten_with(Fault::ErrorFrame).await;
    assert_eq!(
        got[4..6],
        [Got::Error("InternalServerError".into()), Got::Close]
    );
}

#[tokio::test]
async fn damaged_commits_come_before_the_sound_ones_or_in_their_place() {
    for (fault, in_place) in [
        (Fault::CutCar, false),
        (Fault::FlippedBlock, false),
        (Fault::FlippedBlock, true),
    ] {
        let network = network(Config::default()).await;
        network.faults().every(fault, 3);
        network.faults().in_place(in_place);
        let mut damaged = Client::connect(&network, None).await;
        network.emit(20).await.unwrap();
        let fired = || network.faults().fired(fault);
        assert!(network.drained(Duration::from_secs(60)).await && fired() > 3);
        let extra = if in_place { 0 } else { fired() as usize };
        let got = damaged.take(20 + extra).await;
        assert_eq!(damaged.next().await, Got::Quiet);
        network.faults().every(fault, 0);
        let sound = Client::connect(&network, Some(0)).await.take(20).await;
        let differ = got.iter().filter(|got| !sound.contains(got)).count();
        assert_eq!(differ as u64, fired());
        assert_eq!(sound.iter().all(|event| got.contains(event)), !in_place);
    }
}

#[tokio::test]
async fn connections_close_after_so_many_frames_and_go_on_where_they_were() {
    let network = network(Config::default()).await;
    network.emit(25).await.unwrap();
    network.faults().close_after(10);
    let mut cursor = 0;
    for expected in [10, 20] {
        let mut client = Client::connect(&network, Some(cursor)).await;
        cursor = *client.seqs(10).await.last().unwrap();
        assert_eq!((cursor, client.next().await), (expected, Got::Close));
    }
    assert_eq!(network.faults().fired(Fault::Close), 2);
}

#[tokio::test]
async fn dropped_connections_end_without_a_word() {
    let network = network(Config::default()).await;
    let mut client = Client::connect(&network, None).await;
    assert_eq!(network.drop_connections(), 1);
    assert_eq!(client.next().await, Got::Cut);
    assert_eq!(network.faults().fired(Fault::Drop), 1);
    wait_for(|| network.connections() == 0).await;
}

#[tokio::test]
async fn a_silent_connection_says_nothing_until_it_may() {
    let network = network(Config::default()).await;
    let mut client = Client::connect(&network, None).await;
    network.faults().silence(true);
    network.emit(5).await.unwrap();
    let mut later = Client::connect(&network, Some(0)).await;
    assert_eq!(
        (client.next().await, later.next().await),
        (Got::Quiet, Got::Quiet)
    );
    assert_eq!(network.faults().fired(Fault::Silence), 2);
    network.faults().silence(false);
    assert_eq!(client.seqs(5).await, later.seqs(5).await);
}

#[tokio::test]
async fn lost_events_leave_a_gap() {
    let network = network(Config::default()).await;
    let mut client = Client::connect(&network, None).await;
    network.emit(3).await.unwrap();
    assert_eq!(network.lose(4).await.unwrap(), 7);
    network.emit(2).await.unwrap();
    assert_eq!(client.seqs(5).await, [1, 2, 3, 8, 9]);
    assert_eq!(network.faults().fired(Fault::Lost), 4);
    assert_eq!(network.truth().unwrap().seq, 9);
}
