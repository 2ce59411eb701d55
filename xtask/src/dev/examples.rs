//! Example calls, shown only after they have worked.

use serde_json::Value;

use super::http;

/// Paths that the host at `base` answers with 200 now, most telling first. Those that need a record find one by the
/// statuses that have come in; empty until there is one.
pub(super) async fn working(base: &str) -> Vec<String> {
    let statuses = "/xrpc/xyz.statusphere.getStatuses?limit=1";
    let Ok((200, answer)) = http::get(base, statuses).await else {
        return Vec::new();
    };
    let Some(did) = text(&answer, "did") else {
        return Vec::new();
    };
    let mut paths = vec![
        "/xrpc/xyz.statusphere.getStatuses?limit=3".to_owned(),
        "/xrpc/xyz.statusphere.getStatusCounts?limit=5".to_owned(),
        format!(
            "/xrpc/com.atproto.repo.listRecords?repo={did}&collection=xyz.statusphere.status&limit=2"
        ),
        format!("/xrpc/community.aviary.posts.getAuthorPosts?actor={did}&limit=2"),
        "/xrpc/_health".to_owned(),
    ];
    if let Some(uri) = text(&answer, "uri") {
        let rkey = uri.rsplit('/').next().unwrap_or_default();
        let collection = "xyz.statusphere.status";
        let path = format!(
            "/xrpc/com.atproto.repo.getRecord?repo={did}&collection={collection}&rkey={rkey}"
        );
        paths.insert(2, path);
    }
    let mut working = Vec::new();
    for path in paths {
        if matches!(http::get(base, &path).await, Ok((200, _))) {
            working.push(path);
        }
    }
    working
}

fn text<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer["statuses"][0][name].as_str()
}
