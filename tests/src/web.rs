//! Web servers on loopback and a DNS of our own, which count what they are asked.
//!
//! Guarantees: nothing leaves loopback; a server ends with its handle.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aviary::net::{Dns, DnsError};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A web server on loopback.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Web {
    /// Serves on any free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn serve(router: Router) -> Self {
        Self::serve_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), router).await
    }

    /// Serves on an address of loopback.
    ///
    /// # Panics
    /// When it is taken.
    pub async fn serve_at(address: SocketAddr, router: Router) -> Self {
        assert!(address.ip().is_loopback(), "{address}");
        let listener = TcpListener::bind(address).await.expect("a free address");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let router = router.layer(from_fn(move |request: Request, next: Next| {
            counter.fetch_add(1, Ordering::SeqCst);
            next.run(request)
        }));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server");
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Requests that it was asked so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Names that a test made up.
#[derive(Debug, Default)]
pub struct FakeDns {
    addresses: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    texts: Mutex<HashMap<String, Vec<String>>>,
    is_down: AtomicBool,
    address_questions: AtomicUsize,
    text_questions: AtomicUsize,
}

impl FakeDns {
    /// A name's answers in turn; the last one stays.
    ///
    /// # Panics
    /// When an address is none.
    pub fn set_addresses(&self, name: &str, turns: &[&[&str]]) {
        let turns = turns.iter().map(|turn| {
            let parsed = turn.iter().map(|a| a.parse().expect("an address"));
            parsed.collect()
        });
        let mut names = self.addresses.lock().expect("not poisoned");
        names.insert(name.to_owned(), turns.collect());
    }

    /// A name's TXT records.
    ///
    /// # Panics
    /// Never.
    pub fn set_texts(&self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|&t| t.to_owned()).collect();
        let mut names = self.texts.lock().expect("not poisoned");
        names.insert(name.to_owned(), texts);
    }

    /// Whether it answers at all.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Questions for addresses and for texts so far.
    #[must_use]
    pub fn questions(&self) -> (usize, usize) {
        (
            self.address_questions.load(Ordering::SeqCst),
            self.text_questions.load(Ordering::SeqCst),
        )
    }

    fn check_up(&self) -> Result<(), DnsError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(DnsError::Unavailable("made up".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Dns for FakeDns {
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        self.address_questions.fetch_add(1, Ordering::SeqCst);
        self.check_up()?;
        let mut names = self.addresses.lock().expect("not poisoned");
        let turns = names.get_mut(name).ok_or(DnsError::NotFound)?;
        if turns.len() > 1 {
            return Ok(turns.remove(0));
        }
        turns.first().cloned().ok_or(DnsError::NotFound)
    }

    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
        self.text_questions.fetch_add(1, Ordering::SeqCst);
        self.check_up()?;
        let names = self.texts.lock().expect("not poisoned");
        names.get(name).cloned().ok_or(DnsError::NotFound)
    }
}
