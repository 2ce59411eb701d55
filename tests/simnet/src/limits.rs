//! Every bound of the simulated network, with its unit and what happens at it.

/// A stream message (bytes) \[sync\]. The oversize fault goes one above it.
pub const FRAME_BYTES_MAX: usize = 5_000_000;
/// Operations of one commit \[sync\]. The largest commit of the mix has exactly this many.
pub const COMMIT_OPS_MAX: usize = 200;
/// Bytes of blocks of one commit \[sync\]. The large one of the junk has more.
pub const COMMIT_BLOCKS_BYTES_MAX: usize = 2_000_000;
/// A record's bytes \[sync\]. The large one of the junk has one more.
pub const RECORD_BYTES_MAX: usize = 1_000_000;
/// Events kept for cursors by default. Older ones are forgotten: a cursor before them is outdated.
pub const WINDOW_EVENTS: usize = 200_000;
/// Bytes of events kept for cursors by default. Older ones are forgotten.
pub const WINDOW_BYTES: usize = 256 << 20;
/// How long emission waits for a connected consumer (ms) that would miss an event.
/// After it the consumer is told `ConsumerTooSlow` and disconnected.
pub const SLOW_CONSUMER_MS: u64 = 10_000;
/// How long a last message may take to leave before the connection is dropped (ms).
pub const LAST_WORD_MS: u64 = 1_000;
/// Frames handed to a socket before it is flushed.
pub const SEND_BATCH_FRAMES: usize = 64;
/// Events made while one emission holds the world. Readers of the world get in between.
pub const EMIT_BATCH_EVENTS: u64 = 32;
/// Posts that likes, reposts and replies choose from. The oldest is forgotten.
pub const RECENT_POSTS_MAX: usize = 4_096;
/// Accounts a world may have. More are refused.
pub const ACCOUNTS_MAX: usize = 1_000_000;
/// Page of `com.atproto.sync.listRepos`: default and most.
pub const LIST_REPOS: (usize, usize) = (500, 1_000);
/// Page of `com.atproto.sync.listReposByCollection`: default and most.
pub const LIST_REPOS_BY_COLLECTION: (usize, usize) = (500, 2_000);
/// Page of `com.atproto.repo.listRecords`: default and most.
pub const LIST_RECORDS: (usize, usize) = (50, 100);
