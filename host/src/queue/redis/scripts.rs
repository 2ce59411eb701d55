//! What Redis does for the queue in one step, each over one key: so it works on a Redis Cluster too.
//!
//! Guarantees: a script that is done twice, or late, does no harm: each names the id that it expects to be the last, and
//! does nothing when another one is. Memory that is full refuses a script before it has written anything.

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use super::id::Id;
use super::wire::VERSION;

/// The one field of an entry, as the script below writes it.
pub(super) const ENTRY: &str = "e";

/// What is known of a stream, for both scripts: its last id (also of entries that were trimmed), or why it has none.
const LAST: &str = "
local last, len, first = 'nothing', 0, ''
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  local kind = redis.call('TYPE', KEYS[1]).ok
  if kind ~= 'none' then last = 'a ' .. kind end
else
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1]
    elseif info[i] == 'length' then len = info[i + 1]
    elseif info[i] == 'first-entry' and info[i + 1] then first = info[i + 1][1] end
  end
end
";

/// Appends entries behind the expected last one.
const APPEND: &str = "
if last ~= ARGV[1] .. '-' .. ARGV[2] then return {'other', last, '', ''} end
for i = 3, #ARGV do
  local n = string.format('%.0f', tonumber(ARGV[2]) + i - 2)
  last = redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. n, 'e', ARGV[i])
end
return {'done', last, tostring(len + #ARGV - 2), first}
";

/// Opens an epoch. What is left of older ones goes first: it may be what memory is full of. A stream that is ahead of us
/// is refused, and replaced when we are asked to by its last id.
const OPEN_EPOCH: &str = "
if last == ARGV[1] .. '-0' then return {'done', last, '', ''} end
if last ~= 'nothing' then
  local epoch = tonumber(string.match(last, '^(%d+)-'))
  if not epoch or epoch >= tonumber(ARGV[1]) then
    if last ~= ARGV[2] then return {'other', last, '', ''} end
    redis.call('DEL', KEYS[1])
  else
    redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1] .. '-0')
  end
end
last = redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'open', ARGV[3])
return {'done', last, '', ''}
";

/// What a script found or did.
#[derive(Debug)]
pub(super) enum Answer {
    /// Done; the oldest entry of the stream is this one, none when it is empty.
    Done { oldest: Option<Id> },
    /// Nothing was done: this is the last id, or what stands in the stream's place.
    Other(String),
}

/// Appends entries behind `last`; none only looks whether that is still the last one.
pub(super) async fn append(
    mut connection: MultiplexedConnection,
    key: &str,
    last: Id,
    entries: Vec<&[u8]>,
) -> Result<Answer, RedisError> {
    let mut command = redis::cmd("EVAL");
    command.arg(format!("{LAST}{APPEND}")).arg(1).arg(key);
    command.arg(last.epoch).arg(last.n);
    for entry in entries {
        command.arg(entry);
    }
    answer(command.query_async(&mut connection).await?)
}

/// Opens an epoch; `instead_of` is the last id that a stream ahead of us may have.
pub(super) async fn open(
    mut connection: MultiplexedConnection,
    key: &str,
    epoch: u64,
    instead_of: &str,
) -> Result<Answer, RedisError> {
    let mut command = redis::cmd("EVAL");
    command.arg(format!("{LAST}{OPEN_EPOCH}")).arg(1).arg(key);
    command.arg(epoch).arg(instead_of).arg(u64::from(VERSION));
    answer(command.query_async(&mut connection).await?)
}

fn answer(said: Vec<String>) -> Result<Answer, RedisError> {
    match said.as_slice() {
        [done, _, _, first] if done == "done" => Ok(Answer::Done {
            oldest: Id::parse(first),
        }),
        [other, last, _, _] if other == "other" => Ok(Answer::Other(last.clone())),
        _ => Err(unexpected("a script's answer")),
    }
}

/// Reads entries behind `last`, in order, with their fields.
pub(super) async fn range(
    mut connection: MultiplexedConnection,
    key: &str,
    last: Id,
    count: usize,
) -> Result<Vec<(Id, Fields)>, RedisError> {
    let mut command = redis::cmd("XRANGE");
    command.arg(key).arg(format!("({last}")).arg("+");
    command.arg("COUNT").arg(count);
    let found: Vec<Value> = command.query_async(&mut connection).await?;
    let entries = found.into_iter().map(entry);
    entries
        .map(|entry| entry.ok_or_else(|| unexpected("an entry of a stream")))
        .collect()
}

/// Lets entries before this one go.
pub(super) async fn trim(
    mut connection: MultiplexedConnection,
    key: &str,
    first_kept: Id,
) -> Result<(), RedisError> {
    let mut command = redis::cmd("XTRIM");
    command.arg(key).arg("MINID").arg(first_kept.to_string());
    command.query_async::<i64>(&mut connection).await?;
    Ok(())
}

/// Names and values in turn.
pub(super) type Fields = Vec<Vec<u8>>;

fn entry(value: Value) -> Option<(Id, Fields)> {
    let Value::Array(parts) = value else {
        return None;
    };
    let [Value::BulkString(id), Value::Array(fields)] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let id = Id::parse(std::str::from_utf8(&id).ok()?)?;
    let text = |value| match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    };
    Some((id, fields.into_iter().map(text).collect::<Option<_>>()?))
}

fn unexpected(what: &'static str) -> RedisError {
    (redis::ErrorKind::UnexpectedReturnType, what).into()
}
