//! A Postgres: named, running, or private.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::folder::Folder;
use super::{Own, Server, free_port, package, wait_for};

const LOCAL: &str = "127.0.0.1:5432";
const ANSWER: Duration = Duration::from_secs(2);
/// Where Debian keeps the server's programs, below the version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Finds or starts one.
///
/// # Errors
/// When there is none and none can be had.
pub(super) fn up(private: bool) -> anyhow::Result<Server> {
    let named = std::env::var("DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty());
    if let (Some(url), false) = (named, private) {
        return Ok(Server {
            url,
            chosen: "DATABASE_URL",
            _own: None,
        });
    }
    let user = std::env::var("USER").unwrap_or_default();
    for user in ["postgres", &user] {
        if !private && !user.is_empty() && lets_in(LOCAL, user) {
            return Ok(Server {
                url: format!("postgres://{user}@{LOCAL}/postgres"),
                chosen: "runs on this machine",
                _own: None,
            });
        }
    }
    let programs = match programs() {
        Some(found) => found,
        None => {
            package::install("postgresql")?;
            programs().context("the package has no initdb")?
        }
    };
    start(&programs)
}

/// The folder of `initdb` and `postgres`: in the path, else Debian's newest.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    found.sort_by_key(|bin| version(bin));
    found
        .pop()
        .or_else(|| package::in_path("initdb")?.parent().map(Path::to_path_buf))
}

fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name);
    name.and_then(OsStr::to_str)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn start(programs: &Path) -> anyhow::Result<Server> {
    let folder = Folder::new("postgres")?;
    let user = unprivileged()?;
    if let Some(user) = &user {
        let mut chown = Command::new("chown");
        run(chown.arg(user).arg(folder.path()))?;
    }
    let data = folder.path().join("data");
    let mut initdb = as_user(user.as_deref(), &programs.join("initdb"));
    initdb
        .args(["--username=postgres", "--auth=trust", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(&data)
        .current_dir(folder.path());
    run(&mut initdb)?;

    let port = free_port()?.to_string();
    let address = format!("127.0.0.1:{port}");
    let log = folder.path().join("log");
    let out = File::create(&log).context("cannot write a log")?;
    let mut server = as_user(user.as_deref(), &programs.join("postgres"));
    let mut child = server
        .arg("-D")
        .arg(&data)
        .args(["-p", &port, "-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories="])
        .args(["-c", "max_connections=200"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(out)
        .spawn()
        .context("cannot start postgres")?;
    let waited = wait_for("postgres", &mut child, &log, || {
        lets_in(&address, "postgres")
    });
    let own = Own {
        child,
        _folder: folder,
    };
    waited?;
    Ok(Server {
        url: format!("postgres://postgres@{address}/postgres"),
        chosen: "started for these tests",
        _own: Some(own),
    })
}

/// Postgres does not run as root: who it runs as instead.
fn unprivileged() -> anyhow::Result<Option<String>> {
    if !package::is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read the list of users")?;
    let is_there = |name: &str| {
        users
            .lines()
            .any(|line| line.split(':').next() == Some(name))
    };
    let user = ["postgres", "nobody"]
        .into_iter()
        .find(|name| is_there(name));
    let user = user.context("Postgres does not run as root, and there is no user for it")?;
    Ok(Some(user.to_owned()))
}

/// A program as this user; the program is the process that is started, so that ending it ends the server.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", user, "--clear-groups", "--"])
        .arg(program);
    command
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(())
}

/// Whether a Postgres answers there and lets this user in without a password.
fn lets_in(address: &str, user: &str) -> bool {
    const PROTOCOL: i32 = 196_608;
    let asked = || -> std::io::Result<bool> {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(ANSWER))?;
        let parameters = format!("user\0{user}\0database\0postgres\0\0");
        let length = i32::try_from(parameters.len() + 8).unwrap_or(i32::MAX);
        connection.write_all(&length.to_be_bytes())?;
        connection.write_all(&PROTOCOL.to_be_bytes())?;
        connection.write_all(parameters.as_bytes())?;
        // "R", its length, and 0 for "you are in".
        let mut answer = [0; 9];
        connection.read_exact(&mut answer)?;
        connection.write_all(b"X\0\0\0\x04")?;
        Ok(answer == [b'R', 0, 0, 0, 8, 0, 0, 0, 0])
    };
    asked().unwrap_or(false)
}
