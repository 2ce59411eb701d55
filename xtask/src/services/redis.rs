//! A Redis: named, running, or private.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::folder::Folder;
use super::{Own, Server, free_port, package, wait_for};

const LOCAL: &str = "127.0.0.1:6379";
const ANSWER: Duration = Duration::from_secs(2);

/// Finds or starts one.
///
/// # Errors
/// When there is none and none can be had.
pub(super) fn up(private: bool) -> anyhow::Result<Server> {
    let named = std::env::var("REDIS_URL")
        .ok()
        .filter(|url| !url.is_empty());
    if let (Some(url), false) = (named, private) {
        return Ok(Server {
            url,
            chosen: "REDIS_URL",
            _own: None,
        });
    }
    if !private && answers(LOCAL) {
        return Ok(Server {
            url: format!("redis://{LOCAL}"),
            chosen: "runs on this machine",
            _own: None,
        });
    }
    if package::in_path("redis-server").is_none() {
        package::install("redis-server")?;
    }
    start()
}

fn start() -> anyhow::Result<Server> {
    let folder = Folder::new("redis")?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let (_, port) = address.rsplit_once(':').context("a port")?;
    let log = folder.path().join("log");
    let out = File::create(&log).context("cannot write a log")?;
    let mut child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", port, "--save", ""])
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(out)
        .spawn()
        .context("cannot start redis-server")?;
    let waited = wait_for("redis-server", &mut child, &log, || answers(&address));
    let own = Own {
        child,
        _folder: folder,
    };
    waited?;
    Ok(Server {
        url: format!("redis://{address}"),
        chosen: "started for these tests",
        _own: Some(own),
    })
}

/// Whether a Redis without a password answers there.
fn answers(address: &str) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        connection.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    asked().unwrap_or(false)
}
