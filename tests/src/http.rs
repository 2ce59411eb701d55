//! XRPC calls as a client makes them.

use std::sync::LazyLock;

use serde_json::Value;

/// One client for all cases; it follows no redirect.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        // Without a provider reqwest panics; whether this or another part of the process was first does not matter.
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        // A case has a runtime of its own, and a pooled connection would die with it.
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none());
        client.build().expect("an HTTP client")
    });
    &CLIENT
}

/// Status and JSON body of a GET.
///
/// # Panics
/// When there is no HTTP answer or it is not JSON.
pub async fn get(url: &str) -> (u16, Value) {
    let response = client()
        .get(url)
        .send()
        .await
        .unwrap_or_else(|e| panic!("GET {url}: {e}"));
    let status = response.status().as_u16();
    let text = response.text().await.unwrap_or_default();
    let body =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("GET {url} {status}: {e}: {text}"));
    (status, body)
}

/// Every record of one collection by following `listRecords`' cursor: (key, CID, value). `Err`: the XRPC error's name.
///
/// # Errors
/// What the host answered.
///
/// # Panics
/// When the answer is not what the lexicon says.
pub async fn list_records(
    host: &str,
    did: &str,
    collection: &str,
) -> Result<Vec<(String, String, Value)>, String> {
    let mut records = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!(
            "{host}/xrpc/com.atproto.repo.listRecords?repo={did}&collection={collection}&limit=37{cursor}"
        );
        let (status, body) = get(&url).await;
        if status != 200 {
            return Err(body["error"].as_str().unwrap_or_default().to_owned());
        }
        for record in body["records"].as_array().expect("records") {
            let uri = record["uri"].as_str().expect("uri");
            let rkey = uri.rsplit('/').next().expect("a record key").to_owned();
            let cid = record["cid"].as_str().expect("cid").to_owned();
            records.push((rkey, cid, record["value"].clone()));
        }
        match body["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(records),
        }
    }
}
