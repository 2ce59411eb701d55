//! `aviary migrate-store`: a store moves from SQLite to Postgres, and the host goes on as if nothing had been.

use std::process::Output;

use aviary_tests::host::command;
use aviary_tests::stage::calm;
use aviary_tests::{Backend, HostProcess, Place, Stage, truth};

async fn move_it(stage: &Stage, to: &Place) -> Output {
    let (from, to) = (stage.place.url(), to.url());
    let args = ["migrate-store", "--from", &from, "--to", &to];
    command(&args, stage.path()).output().await.unwrap()
}

fn text(output: &Output) -> String {
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    of(&output.stdout) + &of(&output.stderr)
}

async fn follow(stage: &Stage, on: &Place) -> HostProcess {
    let url = on.url();
    let args: Vec<&str> = stage
        .args()
        .into_iter()
        .map(|a| if a.starts_with("sqlite:") { &*url } else { a })
        .collect();
    HostProcess::follow(stage.network.urls(), &args, stage.path()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_goes_on_where_it_was_on_the_new_store() {
    let (stage, host) = Stage::following(calm(321, 30)).await;
    let away = stage.dids()[0].clone();
    let status = aviary_simnet::Status::Deactivated;
    stage
        .tell(move |world| world.set_status(&away, status))
        .await;
    stage.settled(&host).await;

    let to = Place::new(Backend::Postgres).await;
    let refused = move_it(&stage, &to).await;
    assert!(!refused.status.success(), "the host still writes the file");
    assert!(text(&refused).contains("in use"), "{}", text(&refused));
    assert_eq!(host.stop().await, Some(0));

    let moved = move_it(&stage, &to).await;
    assert!(moved.status.success(), "{}", text(&moved));
    let records = stage
        .place
        .number("select count(*) from record where cid is not null")
        .await;
    assert!(records > 30, "too little to move: {records}");
    assert_eq!(
        to.number("select count(*) from record where cid is not null")
            .await,
        records
    );

    // Done again it finds everything there.
    let again = move_it(&stage, &to).await;
    assert!(again.status.success(), "{}", text(&again));

    // What happened meanwhile comes by the cursor that moved with the rest.
    stage.network.emit(100).await.unwrap();
    let host = follow(&stage, &to).await;
    stage.all_post().await;
    stage.settled(&host).await;
    let truth = stage.network.truth().unwrap();
    truth::counts_are_the_truth(&host, &truth).await;
    truth::lists_are_the_truth(&host, &truth, truth::STATUS).await;
    assert_eq!(host.stop().await, Some(0));
    truth::clean_dump_is_the_truth(&aviary_tests::dump::of_place(&to).await, &truth);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_a_difference_is_told() {
    let (stage, host) = Stage::following(calm(322, 10)).await;
    assert_eq!(host.stop().await, Some(0));
    let to = Place::new(Backend::Postgres).await;
    let moved = move_it(&stage, &to).await;
    assert!(moved.status.success(), "{}", text(&moved));

    // A row that is not the file's is found by the comparison, whatever its count.
    to.execute("update record set rkey = rkey || 'x' where id = 1")
        .await;
    let different = move_it(&stage, &to).await;
    assert!(!different.status.success());
    assert!(
        text(&different).contains("DIFFERENT"),
        "{}",
        text(&different)
    );

    // Another file does not go into the same schema.
    let (other, host) = Stage::following(calm(323, 10)).await;
    assert_eq!(host.stop().await, Some(0));
    let refused = move_it(&other, &to).await;
    assert!(!refused.status.success());
    assert!(
        text(&refused).contains("another file"),
        "{}",
        text(&refused)
    );
}
