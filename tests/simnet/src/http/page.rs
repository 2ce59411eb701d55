//! Pages of a list, cut as the listener is told to.

use serde_json::{Value, json};

use super::XrpcError;
use crate::host::Paging;

/// What marks a cursor whose empty page was served.
const SERVED: char = '!';
/// Items of a page that is made small.
const SMALL: usize = 2;

/// A page of numbered items. `from` gives the items from a number on; the cursor is the next number.
pub(super) fn page<I>(
    key: &str,
    paging: Paging,
    limit: usize,
    cursor: Option<&str>,
    from: impl Fn(usize) -> I,
) -> Result<Value, XrpcError>
where
    I: Iterator<Item = (usize, Value)>,
{
    let number = cursor.unwrap_or("0");
    let served = number.ends_with(SERVED);
    let start: usize = number
        .trim_end_matches(SERVED)
        .parse()
        .map_err(|_| XrpcError::invalid(format!("parameter \"cursor\" cannot be {number:?}")))?;
    if paging == Paging::Gaps && !served {
        return Ok(json!({ key: [], "cursor": format!("{start}{SERVED}") }));
    }
    let limit = match paging {
        Paging::Sound => limit,
        Paging::Small(most) => most.min(limit),
        Paging::Gaps | Paging::Overlapping | Paging::Circle => SMALL,
    };
    let items: Vec<(usize, Value)> = from(start).take(limit).collect();
    let last = items.last().map(|(number, _)| *number);
    let next = match (last.filter(|_| items.len() == limit), paging) {
        // Where nothing is left after it, the overlap would never end.
        (Some(last), Paging::Overlapping) if from(last + 1).next().is_some() => Some(last),
        (_, Paging::Overlapping) => None,
        (Some(last), _) => Some(last + 1),
        (None, Paging::Circle) => Some(0),
        (None, _) => None,
    };
    let items: Vec<Value> = items.into_iter().map(|(_, item)| item).collect();
    let mut body = json!({ key: items });
    if let Some(next) = next {
        body["cursor"] = json!(next.to_string());
    }
    Ok(body)
}
