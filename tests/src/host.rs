//! `aviary` as its operator runs it: a child process, by its pid.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use aviary_simnet::Urls;
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
        // The developer's own databases are not the cases'.
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The environment of a host that follows a simulated network: who is who, and that loopback is right for it.
#[must_use]
pub fn network_environment(urls: &Urls) -> Vec<(&'static str, String)> {
    vec![
        ("AVIARY_IDENTITY_PLC", urls.plc.clone()),
        ("AVIARY_INGEST_RELAY", urls.relay.clone()),
        ("AVIARY_INGEST_JETSTREAM", urls.jetstream.clone()),
        ("AVIARY_NET_ALLOW", "127.0.0.1,localhost".to_owned()),
    ]
}

impl HostProcess {
    /// [`Self::serve`] over a simulated network.
    pub async fn follow(urls: &Urls, args: &[&str], dir: &Path) -> Self {
        Self::start(args, &network_environment(urls), dir).await
    }

    /// Starts `aviary serve --listen 127.0.0.1:0 …` and waits for the line that says where it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn serve(args: &[&str], dir: &Path) -> Self {
        Self::start(args, &[], dir).await
    }

    /// [`Self::serve`] with these variables.
    pub async fn with(args: &[&str], environment: &[(&str, String)], dir: &Path) -> Self {
        Self::start(args, environment, dir).await
    }

    async fn start(args: &[&str], environment: &[(&str, String)], dir: &Path) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut child = command(&all, dir)
            .envs(environment.iter().map(|(k, v)| (k, v)))
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

    /// A counter of the host, by its name.
    ///
    /// # Panics
    /// When there is no such counter.
    pub async fn counter(&self, name: &str) -> u64 {
        let health = self.health().await;
        let value = health["counters"][name].as_u64();
        value.unwrap_or_else(|| panic!("no counter {name} in {health}"))
    }

    /// Waits until the saved cursor has reached `seq`, every consumer the archive's head, and no repository is to be
    /// fetched.
    ///
    /// # Panics
    /// When that does not happen within two minutes.
    pub async fn caught_up(&self, seq: i64) {
        for _ in 0..1_200 {
            let health = self.health().await;
            if health["cursor"].as_i64() >= Some(seq)
                && health["lag"].as_i64() == Some(0)
                && is_whole(&health)
            {
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

    /// SIGSTOP: it does nothing until [`Self::resume`].
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Waits until it has ended by itself; gives its exit code.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub async fn ended(mut self) -> Option<i32> {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        ended
            .expect("an end within a minute")
            .expect("its status")
            .code()
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(sent.is_ok_and(|s| s.success()), "kill {signal} {pid}");
    }

    /// SIGTERM, then its exit code.
    ///
    /// # Panics
    /// When it does not end by itself within a minute.
    pub async fn stop(self) -> Option<i32> {
        self.signal("-TERM");
        self.ended().await
    }
}

/// Whether every followed repository is synchronized.
fn is_whole(health: &Value) -> bool {
    let repos = &health["repos"];
    repos["desynchronized"].as_u64() == Some(0) && repos["resyncing"].as_u64() == Some(0)
}
