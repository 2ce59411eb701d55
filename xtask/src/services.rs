//! Postgres and Redis for the tests: those that the environment names, those that run on this machine, or private ones.
//!
//! Guarantees: a server that was not started here is only told to the tests, never stopped or emptied; a private one
//! listens on loopback, on a free port, keeps its files in a temporary folder, and is ended with its folder when this
//! value is dropped. Packages are installed only when there is no other way, and not without saying so.

mod folder;
mod package;
mod postgres;
mod redis;

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long a private server may take to answer.
const START: Duration = Duration::from_secs(60);
/// Time between two looks whether it does.
const LOOK: Duration = Duration::from_millis(100);

/// Both servers, for as long as this lives.
pub(crate) struct Services {
    postgres: Server,
    redis: Server,
}

/// One server.
struct Server {
    url: String,
    /// Why this one, for people.
    chosen: &'static str,
    /// Ends a private server when it is dropped.
    _own: Option<Own>,
}

/// A server that was started here: first its process ends, then its folder goes.
struct Own {
    child: Child,
    _folder: folder::Folder,
}

impl Drop for Own {
    fn drop(&mut self) {
        // Killed: what it holds is of no use to anybody. An error says that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Services {
    /// Finds or starts both. `private`: servers of one's own, whatever runs here.
    ///
    /// # Errors
    /// When there is no server and none can be started or installed.
    pub(crate) fn up(private: bool) -> anyhow::Result<Self> {
        let services = Self {
            postgres: postgres::up(private).context("the tests need a Postgres")?,
            redis: redis::up(private).context("the tests need a Redis")?,
        };
        for (name, server) in [("Postgres", &services.postgres), ("Redis", &services.redis)] {
            eprintln!("    {name}: {} ({})", shown(&server.url), server.chosen);
        }
        Ok(services)
    }

    /// Names both servers in a command's environment.
    pub(crate) fn hand_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AVIARY_TEST_POSTGRES", &self.postgres.url)
            .env("AVIARY_TEST_REDIS", &self.redis.url)
    }
}

/// A port that nobody listens on at the moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Waits until a server that was started answers; says what it wrote when it ends instead.
fn wait_for(
    name: &str,
    child: &mut Child,
    log: &std::path::Path,
    answers: impl Fn() -> bool,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !answers() {
        let ended = child.try_wait().context("cannot look after a server")?;
        if ended.is_some() || begun.elapsed() > START {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            bail!("{name} does not start: {said}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// A URL without its password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn address(url: &str) -> &str {
        let (_, rest) = url.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap();
        host.rsplit('@').next().unwrap()
    }

    #[test]
    fn private_servers_answer_and_leave_nothing_behind() {
        let services = Services::up(true).unwrap();
        let mut command = Command::new("true");
        services.hand_to(&mut command);
        let told: Vec<_> = command.get_envs().filter_map(|(_, url)| url).collect();
        assert_eq!(told.len(), 2);
        let urls = [services.postgres.url.clone(), services.redis.url.clone()];
        for url in &urls {
            assert!(TcpStream::connect(address(url)).is_ok(), "{url}");
        }
        let servers = [&services.postgres, &services.redis];
        let folders: Vec<_> = servers
            .iter()
            .filter_map(|server| Some(server._own.as_ref()?._folder.path().to_owned()))
            .collect();
        assert!(folders.len() == 2 && folders.iter().all(|folder| folder.is_dir()));
        drop(services);
        for url in &urls {
            assert!(TcpStream::connect(address(url)).is_err(), "{url}");
        }
        assert!(!folders.iter().any(|folder| folder.exists()));
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("postgres://a:b@h/d"), "postgres://a@h/d");
        assert_eq!(shown("redis://127.0.0.1:6379"), "redis://127.0.0.1:6379");
    }
}
