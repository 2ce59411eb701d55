//! One request from address to answer's head: checks, turns, redirects, statuses.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};

use super::NetOptions;
use super::dns::Dns;
use super::error::NetError;
use super::guard::Guard;
use super::places::{Places, Turn};
use super::target::Target;
use super::tls;
use crate::config::AllowedHosts;
use crate::limits;

/// How this host names itself.
const USER_AGENT: &str = concat!("aviary/", env!("CARGO_PKG_VERSION"));

/// Two HTTP clients, so that no connection to an allowed host is ever used for another one.
pub(super) struct Fetcher {
    guarded: reqwest::Client,
    exempt: reqwest::Client,
    allowed: AllowedHosts,
    dns: Arc<dyn Dns>,
    places: Places,
}

/// A success, its body unread.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) place: String,
    /// Held while the body is read.
    pub(super) turn: Turn,
}

impl Fetcher {
    pub(super) fn new(options: NetOptions) -> Result<Self, NetError> {
        let NetOptions { allowed, dns } = options;
        Ok(Self {
            guarded: client(Guard::new(Arc::clone(&dns), false))?,
            exempt: client(Guard::new(Arc::clone(&dns), true))?,
            allowed,
            dns,
            places: Places::new(),
        })
    }

    pub(super) fn dns(&self) -> &dyn Dns {
        &*self.dns
    }

    pub(super) fn allowed(&self) -> &AllowedHosts {
        &self.allowed
    }

    /// Asks, and follows redirects as far as they may be.
    pub(super) async fn send(&self, url: &str, redirects_max: u8) -> Result<Answer, NetError> {
        let max = redirects_max.min(limits::NET_REDIRECTS_MAX);
        let mut target = Target::parse(url, &self.allowed)?;
        let mut followed = 0;
        loop {
            let turn = self.places.enter(&target.place).await?;
            let client = if target.is_allowed {
                &self.exempt
            } else {
                &self.guarded
            };
            let response = client
                .get(target.url.clone())
                .send()
                .await
                .map_err(|e| NetError::of_client(&target.place, &e))?;
            check_head(response.headers())?;
            if response.status().is_success() {
                return Ok(Answer {
                    response,
                    place: target.place,
                    turn,
                });
            }
            let Some(to) = redirect(&response) else {
                return Err(self.failure(&target.place, response).await);
            };
            if followed == max {
                return Err(NetError::Redirects { max, to });
            }
            followed += 1;
            target = target.redirect(&to, &self.allowed)?;
        }
    }

    async fn failure(&self, place: &str, mut response: Response) -> NetError {
        let status = response.status().as_u16();
        if matches!(status, 429 | 503) {
            let retry_after = retry_after(response.headers());
            if let Some(wait) = retry_after {
                self.places.put_off(place, status, wait);
            }
            return NetError::Busy {
                place: place.to_owned(),
                status,
                retry_after,
            };
        }
        // For the message only: what does not come is left out.
        let body = response.chunk().await.ok().flatten().unwrap_or_default();
        let shown = &body[..body.len().min(limits::NET_ERROR_BODY_BYTES_MAX)];
        NetError::Status {
            place: place.to_owned(),
            status,
            message: String::from_utf8_lossy(shown).into_owned(),
        }
    }
}

fn client(guard: Guard) -> Result<reqwest::Client, NetError> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls::config()?)
        .dns_resolver(Arc::new(guard))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(Duration::from_millis(limits::NET_CONNECT_MS))
        .http1_max_headers(limits::NET_HEADERS_MAX)
        .pool_max_idle_per_host(limits::NET_IDLE_CONNECTIONS_MAX)
        .pool_idle_timeout(Duration::from_millis(limits::NET_IDLE_MS))
        .build()
        .map_err(|e| NetError::Setup(format!("the HTTP client: {e}")))
}

fn check_head(headers: &HeaderMap) -> Result<(), NetError> {
    let lines = headers.iter();
    let got = lines.map(|(name, value)| name.as_str().len() + value.len() + 4);
    let (got, bytes_max) = (got.sum(), limits::NET_HEAD_BYTES_MAX);
    if got > bytes_max {
        return Err(NetError::HeadTooLarge { bytes_max, got });
    }
    Ok(())
}

/// Where a redirect goes.
fn redirect(response: &Response) -> Option<String> {
    let follows = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let to = response.headers().get(LOCATION).filter(|_| follows)?;
    to.to_str().ok().map(str::to_owned)
}

/// `Retry-After` in seconds. Its other form, a date, is rare and not heeded.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let longest = Duration::from_millis(limits::NET_RETRY_AFTER_MS_MAX);
    Some(Duration::from_secs(seconds).min(longest))
}
