//! `aviary` as its operator runs it: a child process, by its pid.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{http, place};

/// A running `aviary serve`. Killed when dropped.
pub struct HostProcess {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

/// `aviary` with these arguments, its folder a temporary one, its log on stderr at `warn`.
#[must_use]
pub fn command(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(place::aviary());
    command
        .args(args)
        .current_dir(dir)
        .env(
            "AVIARY_LOG_LEVEL",
            std::env::var("AVIARY_TEST_LOG").unwrap_or_else(|_| "error".into()),
        )
        // A network that was started before the host has said things already.
        .env("AVIARY_INGEST_START", "oldest")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl HostProcess {
    /// Starts `aviary serve --listen 127.0.0.1:0 …` and waits for the line that says where it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn serve(args: &[&str], dir: &Path) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut child = command(&all, dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("aviary to start");
        let stdout = child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let url = loop {
            let line = lines
                .next_line()
                .await
                .expect("a line")
                .unwrap_or_else(|| panic!("aviary serve {args:?} ended before it listened"));
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.trim().to_owned();
            }
        };
        // What it prints later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, url }
    }

    /// The child's process id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running host")
    }

    /// What `/xrpc/_health` says.
    pub async fn health(&self) -> Value {
        http::get(&format!("{}/xrpc/_health", self.url)).await.1
    }

    /// Waits until the saved cursor has reached `seq` and every consumer the archive's head.
    ///
    /// # Panics
    /// When that does not happen within two minutes.
    pub async fn caught_up(&self, seq: i64) {
        for _ in 0..1_200 {
            let health = self.health().await;
            if health["cursor"].as_i64() >= Some(seq) && health["lag"].as_i64() == Some(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not caught up with {seq}: {}", self.health().await);
    }

    /// SIGKILL; proves that the signal ended it.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub async fn kill(mut self) {
        use std::os::unix::process::ExitStatusExt;
        self.child.start_kill().expect("a running host to kill");
        let status = self.child.wait().await.expect("its status");
        assert_eq!(
            status.signal(),
            Some(9),
            "the host ended by itself: {status}"
        );
    }

    /// SIGTERM, then its exit code.
    ///
    /// # Panics
    /// When it does not end by itself within a minute.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = self.pid().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status();
        assert!(sent.is_ok_and(|s| s.success()), "kill -TERM {pid}");
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        ended
            .expect("an end within a minute")
            .expect("its status")
            .code()
    }
}
