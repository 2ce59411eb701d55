//! A TCP proxy on loopback that makes a network bad: delay, freeze, cuts at a byte, at a word or at once, half-closes.
//!
//! Guarantees: every fault that was asked for is counted when it happened; bytes that pass are not changed; all tasks
//! end with the proxy.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the one who connected.
    Up,
    /// To the one who connected.
    Down,
}

/// What happens to a connection once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both ways end when so many more bytes have gone this way.
    AfterBytes(Way, u64),
    /// Both ways end right after these bytes went up, before any answer comes down.
    AfterWord(Vec<u8>),
    /// Nothing more goes this way; the other one stays open.
    Half(Way),
}

#[derive(Default)]
struct Plan {
    cut: Option<Cut>,
    delay: Duration,
}

struct Shared {
    plan: Mutex<Plan>,
    frozen: watch::Sender<bool>,
    /// Rises when all connections are to end.
    ends: watch::Sender<u64>,
    cuts: AtomicU64,
    connections: AtomicU64,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            plan: Mutex::default(),
            frozen: watch::Sender::new(false),
            ends: watch::Sender::new(0),
            cuts: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, target, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Each piece that passes from now on waits so long.
    pub fn delay(&self, by: Duration) {
        self.shared.plan().delay = by;
    }

    /// Nothing passes while it is frozen; no connection ends.
    pub fn freeze(&self, is_frozen: bool) {
        self.shared.frozen.send_replace(is_frozen);
    }

    /// Once, to the first connection that it fits.
    pub fn cut(&self, cut: Cut) {
        self.shared.plan().cut = Some(cut);
    }

    /// Every connection ends now; gives how many cuts there were before.
    pub fn drop_all(&self) {
        self.shared.ends.send_modify(|n| *n += 1);
        self.shared.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// Cuts that happened.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Relaxed)
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.send_modify(|n| *n += 1);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(pass(client, target, Arc::clone(&shared)));
    }
}

async fn pass(client: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let mut ends = shared.ends.subscribe();
    ends.mark_unchanged();
    // Who is not there any more is told so by the end of the connection.
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let muted = AtomicBool::new(false);
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let up = Pipe {
        way: Way::Up,
        from: client_read,
        to: server_write,
        shared: &shared,
        muted: &muted,
    };
    let down = Pipe {
        way: Way::Down,
        from: server_read,
        to: client_write,
        shared: &shared,
        muted: &muted,
    };
    tokio::select! {
        _ = ends.changed() => {}
        () = both(up, down) => {}
    }
}

/// Until both ways have ended, or one of them was cut.
async fn both(up: Pipe<'_>, down: Pipe<'_>) {
    let (up, down) = (up.run(), down.run());
    tokio::pin!(up, down);
    tokio::select! {
        ended = &mut up => if ended == Ended::Closed { down.await; },
        ended = &mut down => if ended == Ended::Closed { up.await; },
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    /// By its sender.
    Closed,
    /// By a cut.
    Cut,
}

struct Pipe<'s> {
    way: Way,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    shared: &'s Shared,
    /// No answer comes down any more: a server may answer faster than a connection ends.
    muted: &'s AtomicBool,
}

impl Pipe<'_> {
    async fn run(mut self) -> Ended {
        let mut frozen = self.shared.frozen.subscribe();
        let mut piece = vec![0; 16 * 1_024];
        loop {
            let Ok(n @ 1..) = self.from.read(&mut piece).await else {
                drop(self.to.shutdown().await);
                return Ended::Closed;
            };
            let delay = self.shared.plan().delay;
            tokio::time::sleep(delay).await;
            drop(frozen.wait_for(|is_frozen| !is_frozen).await);
            if self.way == Way::Down && self.muted.load(Ordering::SeqCst) {
                continue;
            }
            match self.verdict(&piece[..n]) {
                Verdict::Pass => {
                    if self.to.write_all(&piece[..n]).await.is_err() {
                        return Ended::Cut;
                    }
                }
                Verdict::CutAfter(bytes) => {
                    // What was cut off is the fault; whether the rest was written does not matter to it.
                    drop(self.to.write_all(&piece[..bytes]).await);
                    drop(self.to.flush().await);
                    // What was written is on its way before the end is.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Ended::Cut;
                }
                Verdict::Half => {
                    drop(self.to.shutdown().await);
                    return Ended::Closed;
                }
            }
        }
    }

    fn verdict(&self, piece: &[u8]) -> Verdict {
        let mut plan = self.shared.plan();
        let verdict = match &mut plan.cut {
            Some(Cut::AfterBytes(way, left)) if *way == self.way => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX);
                if here > piece.len() {
                    *left -= piece.len() as u64;
                    return Verdict::Pass;
                }
                Verdict::CutAfter(here)
            }
            Some(Cut::AfterWord(word)) if self.way == Way::Up => {
                if !piece.windows(word.len()).any(|w| w == word) {
                    return Verdict::Pass;
                }
                self.muted.store(true, Ordering::SeqCst);
                Verdict::CutAfter(piece.len())
            }
            Some(Cut::Half(way)) if *way == self.way => Verdict::Half,
            _ => return Verdict::Pass,
        };
        plan.cut = None;
        self.shared.cuts.fetch_add(1, Ordering::Relaxed);
        verdict
    }
}

enum Verdict {
    Pass,
    /// So many bytes of the piece, and the end.
    CutAfter(usize),
    Half,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    drop(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        address
    }

    async fn say(socket: &mut TcpStream, text: &[u8]) -> Vec<u8> {
        drop(socket.write_all(text).await);
        let mut back = vec![0; text.len()];
        match socket.read_exact(&mut back).await {
            Ok(_) => back,
            Err(_) => Vec::new(),
        }
    }

    #[tokio::test]
    async fn bytes_pass_and_each_fault_fires_once() {
        let proxy = Proxy::start(echo().await).await;
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut socket, b"hello").await, b"hello");

        proxy.cut(Cut::AfterWord(b"COMMIT".to_vec()));
        assert_eq!(say(&mut socket, b"begin").await, b"begin");
        assert_eq!(say(&mut socket, b"x COMMIT").await, b"");
        assert_eq!(proxy.cuts(), 1);

        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.cut(Cut::AfterBytes(Way::Down, 4));
        drop(socket.write_all(b"abcdefgh").await);
        let mut back = Vec::new();
        drop(socket.read_to_end(&mut back).await);
        assert_eq!(back, b"abcd");
        assert_eq!(proxy.cuts(), 2);

        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut socket, b"again").await, b"again");
        proxy.freeze(true);
        let still = tokio::time::timeout(Duration::from_millis(200), say(&mut socket, b"cold"));
        assert!(still.await.is_err());
        proxy.freeze(false);
        let mut back = [0; 4];
        socket.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"cold");
        proxy.drop_all();
        assert_eq!(say(&mut socket, b"gone").await, b"");
        assert_eq!(proxy.connections(), 3);
    }
}
