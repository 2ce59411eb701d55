//! A Postgres of one case's own, to be killed, stopped and started again.
//!
//! Guarantees: listens on loopback, keeps its files in a temporary folder over restarts, writes them through as a real
//! one does, and ends with its handle. Only the process that was started here is signalled, by its pid.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::BRINGS_UP;

/// How long it may take to answer.
const START: Duration = Duration::from_secs(60);
/// Where Debian keeps the server's programs, below the version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A running, or killed, `postgres`.
pub struct PrivatePostgres {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
    args: Vec<String>,
}

impl PrivatePostgres {
    /// Starts one with these arguments, such as `-c statement_timeout=100`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(args: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let mut postgres = Self {
            child: None,
            dir: tempfile::tempdir().expect("a folder"),
            port,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        };
        if let Some(user) = unprivileged() {
            let mut chown = Command::new("chown");
            run(chown.arg(user).arg(postgres.dir.path())).await;
        }
        let mut initdb = program("initdb");
        initdb
            .args(["--username=postgres", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(postgres.data())
            .current_dir(postgres.dir.path());
        run(&mut initdb).await;
        postgres.restart().await;
        postgres
    }

    /// Where it is, with the database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The postmaster's process id.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let pid = self.child.as_ref().and_then(Child::id);
        pid.expect("a running postgres")
    }

    /// Starts it again over the same files, at the same address; killed first if it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        if self.child.is_some() {
            self.kill().await;
        }
        let begun = Instant::now();
        while !self.answers().await {
            // One that was killed leaves processes that go a little later; until then the next one refuses to start.
            let ended = match &mut self.child {
                Some(child) => child.try_wait().expect("its status").is_some(),
                None => true,
            };
            if ended {
                self.child = Some(self.spawn());
            }
            let args = &self.args;
            assert!(begun.elapsed() < START, "postgres {args:?} does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn spawn(&self) -> Child {
        program("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(&self.args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("postgres: {error}\n{BRINGS_UP}"))
    }

    /// SIGKILL to the postmaster, whose other processes end with it; proves that the signal ended it.
    ///
    /// # Panics
    /// When it does not run, or had ended by itself.
    pub async fn kill(&mut self) {
        use std::os::unix::process::ExitStatusExt;
        let mut child = self.child.take().expect("a running postgres");
        child.start_kill().expect("a running postgres");
        let status = child.wait().await.expect("its status");
        assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
    }

    async fn answers(&self) -> bool {
        match PgConnection::connect(&self.url()).await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let pause = Duration::from_millis(20);
        if let Some(child) = &mut self.child {
            // An error says that it has ended already.
            child.start_kill().ok();
            while matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(pause);
            }
        }
        // Its other processes end a moment after it, and write until then.
        for _ in 0..100 {
            if std::fs::remove_dir_all(self.data()).is_ok() {
                break;
            }
            std::thread::sleep(pause);
        }
    }
}

/// Postgres does not run as root: who it runs as instead.
fn unprivileged() -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0);
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_there = |name: &&str| {
        let mut names = users.lines().map(|line| line.split(':').next());
        names.any(|other| other == Some(*name))
    };
    is_root
        .then(|| ["postgres", "nobody"].into_iter().find(is_there))
        .flatten()
}

/// A program of the server; the process that is started is the program itself.
fn program(name: &str) -> Command {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let bins = versions.map(|version| version.path().join("bin").join(name));
    let mut found: Vec<PathBuf> = bins.filter(|path| path.is_file()).collect();
    found.sort();
    let path = found.pop().unwrap_or_else(|| Path::new(name).to_path_buf());
    match unprivileged() {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--clear-groups", "--"]);
            command.arg(path);
            command
        }
        None => Command::new(path),
    }
}

async fn run(command: &mut Command) {
    let output = command.output().await;
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}\n{BRINGS_UP}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
