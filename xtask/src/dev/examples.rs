//! Example calls, shown only after they have worked.

use super::http;

/// Paths that the host at `base` answers with 200 now, most telling first. Those that need a record find one by the
/// statuses that have come in; empty until there is one. None names a single record, which may be gone when pasted.
pub(super) async fn working(base: &str) -> Vec<String> {
    let statuses = "/xrpc/xyz.statusphere.getStatuses?limit=1";
    let Ok((200, answer)) = http::get(base, statuses).await else {
        return Vec::new();
    };
    let Some(did) = answer["statuses"][0]["did"].as_str() else {
        return Vec::new();
    };
    let posts = format!("/xrpc/community.aviary.posts.getAuthorPosts?actor={did}&limit=2");
    let mut paths = vec![
        "/xrpc/xyz.statusphere.getStatuses?limit=3".to_owned(),
        "/xrpc/xyz.statusphere.getStatusCounts?limit=5".to_owned(),
        format!(
            "/xrpc/com.atproto.repo.listRecords?repo={did}&collection=xyz.statusphere.status&limit=2"
        ),
        posts.clone(),
    ];
    let answer = http::get(base, &posts).await;
    if let Some(uri) = answer
        .ok()
        .as_ref()
        .and_then(|(_, posts)| posts["posts"][0]["uri"].as_str())
    {
        paths.push(format!("/xrpc/community.aviary.likes.getCounts?uris={uri}"));
    }
    paths.push("/xrpc/_health".to_owned());
    let mut working = Vec::new();
    for path in paths {
        if matches!(http::get(base, &path).await, Ok((200, _))) {
            working.push(path);
        }
    }
    working
}
