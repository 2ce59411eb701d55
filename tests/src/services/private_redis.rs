//! A Redis of one case's own, to be killed, stopped, emptied and robbed of its files.
//!
//! Guarantees: listens on loopback, keeps its files in a temporary folder over restarts, and ends with its handle. Only
//! the process that was started here is signalled, by its pid.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::BRINGS_UP;

/// How long it may take to answer.
const START: Duration = Duration::from_secs(60);

/// A running, or killed, `redis-server`.
pub struct PrivateRedis {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
    args: Vec<String>,
}

impl PrivateRedis {
    /// Starts one with these arguments, such as `--appendonly yes`; nothing is saved by default.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(args: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let mut redis = Self {
            child: None,
            dir: tempfile::tempdir().expect("a folder"),
            port,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        };
        redis.restart().await;
        redis
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it again over the same files, at the same address; killed first if it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        if self.child.is_some() {
            self.kill().await;
        }
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--dir"])
            .arg(self.dir.path())
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("redis-server: {error}\n{BRINGS_UP}"));
        self.child = Some(child);
        let begun = Instant::now();
        while !self.answers().await {
            assert!(
                begun.elapsed() < START,
                "redis-server {:?} does not answer",
                self.args
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGKILL; proves that the signal ended it.
    ///
    /// # Panics
    /// When it does not run, or had ended by itself.
    pub async fn kill(&mut self) {
        use std::os::unix::process::ExitStatusExt;
        let mut child = self.child.take().expect("a running redis-server");
        child.start_kill().expect("a running redis-server");
        let status = child.wait().await.expect("its status");
        assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
    }

    /// SIGSTOP: it holds its connections and answers nothing, until [`Self::resume`].
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().and_then(Child::id);
        let pid = pid.expect("a running redis-server").to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(sent.is_ok_and(|s| s.success()), "kill {signal} {pid}");
    }

    /// A connection of the case's own.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        let connection = client.get_multiplexed_async_connection().await;
        connection.expect("a connection")
    }

    async fn answers(&self) -> bool {
        let client = redis::Client::open(self.url()).expect("a URL");
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
            return false;
        };
        let pong: redis::RedisResult<String> =
            redis::cmd("PING").query_async(&mut connection).await;
        pong.is_ok()
    }
}
