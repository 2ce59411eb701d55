//! Every bound in the system: one constant each, with its unit, its source and what happens at it.
//!
//! "Spec" is the atproto specification page named in brackets; "ours" is a choice, with the reason.

/// A stream message (bytes) \[sync\]. A larger one closes the connection.
pub const FRAME_BYTES_MAX: usize = 5_000_000;
/// A commit's `blocks` (bytes) \[sync\]. A larger one is rejected.
pub const COMMIT_BLOCKS_BYTES_MAX: usize = 2_000_000;
/// A record's block (bytes) \[sync\]. A larger one is dropped, its siblings stay.
pub const RECORD_BYTES_MAX: usize = 1_000_000;
/// Operations in a commit \[sync\]. More reject the commit.
pub const COMMIT_OPS_MAX: usize = 200;
/// A block of a CAR (bytes) (ours: above a record's bound, so that a large record is dropped alone). Larger rejects the CAR.
pub const CAR_BLOCK_BYTES_MAX: usize = 2_000_000;
/// A CAR's header (bytes) (ours: one root takes 58). A larger one rejects the CAR.
pub const CAR_HEADER_BYTES_MAX: usize = 8_192;
/// A sequence number of a stream \[event stream\]: what a double holds exactly. A greater one rejects the frame.
pub const SEQ_MAX: i64 = (1 << 53) - 1;
/// Nesting of CBOR \[data validation\]. Deeper input is rejected without recursion.
pub const CBOR_DEPTH_MAX: usize = 32;
/// Elements of one CBOR container \[data validation\].
pub const CBOR_CONTAINER_LEN_MAX: u64 = 131_072;
/// Elements of one CBOR item in all (ours: a frame's `ops` and a record's arrays fit, a bomb of many does not).
pub const CBOR_ITEMS_MAX: usize = 1_000_000;
/// A key of a repository's tree (bytes) (ours: a collection and a record key take 830). A longer one refuses the tree.
pub const MST_KEY_BYTES_MAX: usize = 1_024;
/// Entries of one tree node (ours: four are usual, hundreds take chosen keys). More refuse the tree.
pub const MST_NODE_ENTRIES_MAX: usize = 1_024;
/// Nodes from a tree's root down to a leaf (ours: one more takes 2^64 hashes to find a key for). More refuse the tree.
pub const MST_DEPTH_MAX: usize = 32;
/// Nodes that one walk over a tree reads (ours: some 30 million records). More end the walk.
pub const MST_WALK_NODES_MAX: u64 = 10_000_000;
/// A DID (bytes) \[DID\].
pub const DID_BYTES_MAX: usize = 2_048;
/// A handle (bytes) \[handle\].
pub const HANDLE_BYTES_MAX: usize = 253;
/// One label of a handle (bytes) \[handle\].
pub const HANDLE_LABEL_BYTES_MAX: usize = 63;
/// A DID document (bytes) (ours: a directory's are below 4 KB). A larger one is refused.
pub const DID_DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// Names, keys and services, each, of one DID document (ours: a directory allows ten). More refuse the document.
pub const DID_DOCUMENT_ITEMS_MAX: usize = 100;
/// A record key (bytes) \[record key\].
pub const RKEY_BYTES_MAX: usize = 512;

/// How far a commit's rev may be ahead of our clock (ms) \[sync: "a few minutes"\]. Further rejects the commit.
pub const REV_AHEAD_MS_MAX: i64 = 300_000;
/// A step of an upstream's numbers that counts as lost events (ours: relays leave small gaps).
pub const SEQ_JUMP_MAX: i64 = 1_000;
/// Lanes that events go through side by side (ours: one for each core up to this).
pub const LANES_MAX: usize = 64;
/// Events waiting in one lane (ours). Full: the socket read waits.
pub const LANE_ITEMS_MAX: usize = 512;
/// Answers about identities that wait for one lane (ours). Full: look-ups wait.
pub const LANE_ANSWERS_MAX: usize = 64;
/// Bytes of messages waiting or held in all lanes (ours). Full: the socket read waits.
pub const LANES_BYTES_MAX: usize = 32 << 20;
/// Chains that one lane remembers beyond those in flight (ours: some 200 bytes each).
pub const LANE_CHAINS_MAX: usize = 65_536;
/// Followed repositories read at once at the start (ours).
pub const FOLLOWED_PAGE_ROWS: usize = 10_000;
/// Commits of one repository that wait while it is fetched (ours). More: it is fetched once more.
pub const RESYNC_BUFFER_REPO_COMMITS_MAX: usize = 256;
/// Commits of all repositories of one lane that wait (ours).
pub const RESYNC_BUFFER_COMMITS_MAX: usize = 8_192;
/// Bytes of them (ours).
pub const RESYNC_BUFFER_BYTES_MAX: usize = 8 << 20;
/// How long an event waits for an identity that cannot be looked up (ms) (ours). Then its repository is marked.
pub const IDENTITY_HOLD_MS_MAX: u64 = 600_000;
/// Wait between two look-ups of an identity that events wait for (ms) (ours). Doubled up to the next.
pub const IDENTITY_RETRY_MS_MIN: u64 = 500;
/// See [`IDENTITY_RETRY_MS_MIN`].
pub const IDENTITY_RETRY_MS_MAX: u64 = 15_000;

/// Repositories fetched at once (ours: each costs its CAR's index and one connection).
pub const RESYNCS_AT_ONCE_MAX: usize = 8;
/// Time in which the return of an account is heeded once (ms) (ours). Doubled up to the longest.
pub const RESYNC_HURRY_MS: u64 = 60_000;
/// Repositories that wait for a fetch and are read from the store at once (ours).
pub const BROKEN_PAGE_ROWS: usize = 256;
/// Time between two looks for work (ms) (ours). Marked repositories are looked at when they are marked.
pub const RESYNC_LOOK_MS: u64 = 1_000;
/// Time between two looks whether the archive has what was handed on (ms) (ours).
pub const RESYNC_SETTLE_MS: u64 = 10;
/// How long the archive gets to have it (ms) (ours: an account that breaks again meanwhile holds a place that long).
/// Then it is begun anew.
pub const RESYNC_SETTLE_MS_MAX: u64 = 5_000;
/// Wait before a repository that was fetched is fetched once more (ms) (ours). Doubled up to the next.
pub const RESYNC_AGAIN_MS: u64 = 1_000;
/// See [`RESYNC_AGAIN_MS`].
pub const RESYNC_AGAIN_MS_MAX: u64 = 600_000;
/// Wait after a fetch that failed (ms) (ours). Doubled up to the longest.
pub const RESYNC_RETRY_MS: u64 = 2_000;
/// Wait after a fetch that will not work soon, such as of an account that is gone (ms) (ours). Doubled up to the longest.
pub const RESYNC_REFUSED_MS: u64 = 60_000;
/// The longest wait between two fetches of one repository (ms) (ours).
pub const RESYNC_RETRY_MS_MAX: u64 = 3_600_000;
/// Accounts that came back and are fetched at once (ours). More wait for their turn.
pub const RETURNED_ACCOUNTS_MAX: usize = 1_024;
/// A repository's CAR (bytes) (ours: the largest known ones are below).
pub const REPO_BYTES_MAX: u64 = 2 << 30;
/// Blocks of a repository's CAR (ours: some 60 bytes of memory each).
pub const REPO_BLOCKS_MAX: usize = 4_000_000;
/// What of a repository's CAR is kept in memory; more goes to a nameless file (bytes) (ours).
pub const REPO_MEMORY_BYTES_MAX: usize = 8 << 20;
/// How long a host may take to begin with a repository (ms) (ours).
pub const REPO_HEAD_MS_MAX: u64 = 30_000;
/// How long a host may pause within a repository (ms) (ours).
pub const REPO_IDLE_MS_MAX: u64 = 15_000;
/// The slowest that a repository may come (bytes/s) (ours: a slow line gives ten times that).
pub const REPO_BYTES_PER_S_MIN: u64 = 32 << 10;
/// How long a repository may take in all (ms) (ours: with the waits after a failure, a hostile one holds a worker for a
/// twelfth of the time).
pub const REPO_MS_MAX: u64 = 300_000;
/// Operations in one chunk of a snapshot (ours: one guest batch).
pub const SNAPSHOT_OPS_MAX: usize = 256;
/// Bytes of records in one chunk of a snapshot (ours).
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 20;
/// Archived records read at once while they are compared (ours).
pub const SNAPSHOT_PAGE_ROWS: usize = 1_000;

/// Repositories on one page of a list \[sync: at most 1,000\].
pub const LISTING_PAGE_ROWS: usize = 1_000;
/// One page of a list of repositories (bytes) (ours: 1,000 of them with long DIDs).
pub const LISTING_BYTES_MAX: usize = 4 << 20;
/// How long one page may take (ms) (ours).
pub const LISTING_MS_MAX: u64 = 60_000;
/// How long the stream gets to bring what a list already shows (ms) (ours).
pub const SWEEP_SETTLE_MS: u64 = 2_000;
/// Followed repositories of one round of the audit (ours: with the usual interval some 14,000 questions a day).
pub const AUDIT_ROUND_REPOS: usize = 100;
/// Questions of the audit at once (ours: they hurry for nobody).
pub const AUDITS_AT_ONCE_MAX: usize = 4;
/// Repositories whose hosts were ahead and that are looked at again (ours: some 100 bytes each). More wait for their turn.
pub const AUDIT_SUSPECTS_MAX: usize = 1_024;
/// How long the stream gets by default to bring what an account's own host has (ms) (ours: a stream that is further behind
/// than [`STREAM_BEHIND_US`] is not judged at all). Then the repository is fetched.
pub const AUDIT_GRACE_MS: u64 = 300_000;
/// Time between two looks what of the audit is due (ms) (ours).
pub const AUDIT_LOOK_MS: u64 = 1_000;
/// Time between two looks for accounts that are said to be deleted (ms) (ours).
pub const ERASURE_LOOK_MS: u64 = 30_000;
/// The same while an account was just said to be (ms) (ours), and how many such looks there are.
pub const ERASURE_SOON_MS: u64 = 500;
/// See [`ERASURE_SOON_MS`].
pub const ERASURE_LOOKS_SOON: u32 = 20;
/// A host's word about one account (bytes) (ours).
pub const STATUS_BYTES_MAX: usize = 16 << 10;
/// How long a host may take for it (ms) (ours).
pub const STATUS_MS_MAX: u64 = 15_000;

/// Entries waiting in the in-memory queue (ours: some seconds of the whole network). Full: the socket read waits.
pub const QUEUE_ENTRIES_MAX: usize = 8_192;
/// Bytes waiting in the in-memory queue (ours). Full: the socket read waits.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;
/// Entries waiting in a queue on Redis (ours: minutes of the whole network). Full: the socket read waits.
pub const REDIS_ENTRIES_MAX: usize = 262_144;
/// Bytes waiting in a queue on Redis (ours: it shares a server of 4 GB). Full: the socket read waits.
pub const REDIS_BYTES_MAX: usize = 256 << 20;
/// Entries on their way to Redis (ours: two round trips of full batches). More wait.
pub const REDIS_SEND_ENTRIES_MAX: usize = 1_024;
/// Bytes on their way to Redis (ours). More wait.
pub const REDIS_SEND_BYTES_MAX: usize = 16 << 20;
/// Entries that one script appends (ours: some hundred microseconds of Redis' one thread).
pub const REDIS_SCRIPT_ENTRIES_MAX: usize = 256;
/// Bytes that one script appends (ours). A larger entry goes alone.
pub const REDIS_SCRIPT_BYTES_MAX: usize = 1 << 20;
/// Entries read of one partition in one round trip (ours: of usual size some 100 KB).
pub const REDIS_READ_ENTRIES_MAX: usize = 128;
/// Partitions read in one round trip (ours).
pub const REDIS_READS_AT_ONCE: usize = 16;
/// Bytes after which a batch is read no further (ours).
pub const REDIS_READ_BYTES_MAX: usize = 8 << 20;
/// Time without an entry to send after which the streams' ends are looked at (ms) (ours: how long a loss goes unseen).
pub const REDIS_CHECK_MS: u64 = 500;
/// Time to connect to Redis (ms) (ours).
pub const REDIS_CONNECT_MS: u64 = 2_000;
/// Time for an answer of Redis (ms) (ours: far above a script's time). Then the connection is made anew.
pub const REDIS_ANSWER_MS: u64 = 5_000;
/// First and longest wait before Redis is asked again (ms) (ours). Jittered, doubled, reset by success.
pub const REDIS_RETRY_MS: u64 = 50;
/// See [`REDIS_RETRY_MS`].
pub const REDIS_RETRY_MS_MAX: u64 = 2_000;
/// Kinds of trouble with Redis that the log tells of until it is over (ours: refused, timed out and loading are usual).
pub const REDIS_TROUBLE_KINDS_MAX: usize = 8;
/// Entries that the host consumer archives in one transaction (ours: measured, larger batches gain little).
pub const ARCHIVE_BATCH_ENTRIES_MAX: usize = 1_024;
/// Bytes of recent changes kept in memory for consumers (ours). Older ones are read from the store.
pub const FEED_RING_BYTES_MAX: usize = 16 << 20;
/// Records moved by one `redo` step of an account whose status changed (ours: one short transaction).
pub const REDO_RECORDS_PER_STEP: usize = 256;
/// Time between two marks of the upstream cursor (ms) (ours: what a restart reads again).
pub const MARK_INTERVAL_MS: u64 = 250;
/// Events between two marks of the upstream cursor (ours).
pub const MARK_EVENTS: u64 = 5_000;

/// Pos that a consumer may pass unwanted before its position is stored (ours: read again after a crash).
pub const POSITION_LAG_MAX: i64 = 10_000;

/// Changes in one guest batch (ours: measured, 256 is where the cost per change levels off).
pub const BATCH_CHANGES_MAX: usize = 256;
/// Bytes of bodies in one guest batch (ours: with the copy in the guest it fits the default memory).
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// How long a consumer waits for more changes before it calls a guest (ours).
pub const BATCH_LINGER_MS: u64 = 20;
/// Rows that one change may become (ours).
pub const ROWS_PER_CHANGE_MAX: usize = 64;
/// Bytes of the rows that one change may become (ours).
pub const ROW_BYTES_PER_CHANGE_MAX: usize = 256 << 10;
/// A value in a key or an index (bytes) (ours: B-tree pages of both backends take it).
pub const KEY_BYTES_MAX: usize = 1_024;
/// All values of a row in one key, one index or one count (bytes) (Postgres: an entry of a B-tree is at most 2,704 with its
/// headers). More: the change is a dead letter.
pub const INDEX_ENTRY_BYTES_MAX: usize = 2_560;

/// A component's file (bytes) (ours).
pub const COMPONENT_BYTES_MAX: usize = 32 << 20;
/// A manifest's section (bytes) (ours).
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// Memory of one instance by default, all its memories together (bytes) (ours).
pub const GUEST_MEMORY_BYTES: usize = 64 << 20;
/// Memory an operator can grant to one instance (bytes) (ours: the pool's slot size).
pub const GUEST_MEMORY_BYTES_MAX: usize = 256 << 20;
/// Table elements of one instance (ours: CPython needs 5,670, StarlingMonkey 7,688).
pub const GUEST_TABLE_ELEMENTS_MAX: usize = 20_000;
/// One tick of the epoch clock (ms) (ours).
pub const EPOCH_TICK_MS: u64 = 5;
/// Time of one `index` call: this and one more for each change (ms) (ours).
pub const INDEX_CALL_MS: u64 = 500;
/// Time of one `handle` call (ms) (ours).
pub const METHOD_CALL_MS: u64 = 1_000;
/// Bytes a guest may hand to the host in one call, host-call fuel (bytes) (ours).
pub const HOSTCALL_FUEL_BYTES: usize = 16 << 20;
/// Calls of host imports in one guest call (ours).
pub const HOST_CALLS_MAX: u32 = 10_000;
/// A guest's stack (bytes) (ours).
pub const GUEST_STACK_BYTES: usize = 512 << 10;
/// Log lines of one guest call (ours). More are dropped and counted.
pub const GUEST_LOG_LINES_MAX: u32 = 100;
/// A guest's log line (bytes) (ours). Longer ones are cut.
pub const GUEST_LOG_LINE_BYTES_MAX: usize = 1_024;

/// WASI handles (streams, pollables) that one call may hold (ours: more traps the guest).
pub const GUEST_HANDLES_MAX: usize = 1_000;
/// Bytes of (constant) randomness that one WASI call gives (ours: more traps the guest).
pub const GUEST_RANDOM_BYTES_MAX: u64 = 64 << 10;
/// `index` calls at once (ours: far above the cores). More wait.
pub const INDEX_CALLS_AT_ONCE_MAX: u32 = 16;
/// `handle` calls at once (ours: one costs at most its memory and a fiber's stack). More wait.
pub const METHOD_CALLS_AT_ONCE_MAX: u32 = 32;

/// Named reads in one method call (ours).
pub const READS_PER_CALL_MAX: u32 = 16;
/// Rows of one read (ours). More are an error, never a cut.
pub const READ_ROWS_MAX: usize = 1_000;
/// Bytes of one read's rows (ours).
pub const READ_BYTES_MAX: usize = 4 << 20;
/// Time of one read (ms) (ours).
pub const READ_MS_MAX: u64 = 500;
/// SQL text of one named read (bytes) (ours: it bounds the recursion over its tree too). A longer one is refused.
pub const READ_SQL_BYTES_MAX: usize = 8 << 10;
/// Nesting of one named read's SQL, and SELECTs of one UNION in it (ours). More is refused.
pub const READ_SQL_DEPTH_MAX: usize = 100;
/// One expression of a named read as it goes to the database (bytes) (ours: some spellings write an operand several
/// times, which nesting multiplies). A longer one is refused.
pub const READ_REWRITTEN_BYTES_MAX: usize = 256 << 10;
/// Virtual machine steps of SQLite between two looks at a read's deadline (ours: some microseconds).
pub const READ_STEPS_PER_LOOK: i32 = 1_000;
/// Values of one list parameter (ours).
pub const READ_LIST_MAX: usize = 1_000;
/// URIs of one `records.get` (ours).
pub const RECORDS_GET_MAX: usize = 100;
/// An answer of a method (bytes) (ours).
pub const RESPONSE_BYTES_MAX: usize = 4 << 20;
/// A request's body by default (bytes) (ours). A larger one is refused with 413.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Time of one request by default (ms) (ours: above a method call with its reads). Then 504.
pub const REQUEST_MS_MAX: u64 = 10_000;
/// Requests that are being answered (ours: each may hold a read connection and an instance). More are refused with 503.
pub const REQUESTS_AT_ONCE_MAX: usize = 256;
/// `listRecords` page \[com.atproto.repo.listRecords\].
pub const LIST_RECORDS_MAX: usize = 100;

/// Redirects that are followed where any are (ours). One more is an error.
pub const NET_REDIRECTS_MAX: u8 = 3;
/// Requests to one host at once (ours: a directory that answers in 50 ms gives 300 documents a second). More wait.
pub const NET_HOST_REQUESTS_MAX: usize = 16;
/// Requests at once (ours). More wait.
pub const NET_REQUESTS_MAX: usize = 64;
/// Hosts with requests under way, waiting or put off (ours: some hundred bytes each). More are refused for now.
pub const NET_HOSTS_MAX: usize = 4_096;
/// Idle connections kept for each host (ours).
pub const NET_IDLE_CONNECTIONS_MAX: usize = 8;
/// How long an idle connection is kept (ms) (ours).
pub const NET_IDLE_MS: u64 = 30_000;
/// Time to connect, TLS included (ms) (ours).
pub const NET_CONNECT_MS: u64 = 5_000;
/// Lines of an answer's head (ours: real ones have some twenty). More are refused.
pub const NET_HEADERS_MAX: usize = 64;
/// An answer's head (bytes) (ours). A larger one is refused.
pub const NET_HEAD_BYTES_MAX: usize = 16 << 10;
/// What is read of an error's body, for its message (bytes) (ours).
pub const NET_ERROR_BODY_BYTES_MAX: usize = 512;
/// The longest `Retry-After` that is heeded (ms) (ours: an hour's pause would outlast the trouble).
pub const NET_RETRY_AFTER_MS_MAX: u64 = 600_000;
/// Addresses of one name that are tried (ours).
pub const NET_ADDRESSES_MAX: usize = 16;

/// Time of one look-up of a DID document, or of a handle at its web site (ms) (ours: below a request's time).
pub const IDENTITY_LOOKUP_MS: u64 = 6_000;
/// Time of one look-up of a handle in DNS (ms) (ours: with the web site's it stays below a request's time).
pub const HANDLE_DNS_MS: u64 = 3_000;
/// All cached identities (bytes) (ours: about 50,000 of usual size).
pub const IDENTITY_CACHE_BYTES_MAX: u64 = 64 << 20;
/// How long an identity counts as fresh (ms) (ours: `#identity` and failed signatures ask again sooner).
pub const IDENTITY_FRESH_MS: i64 = 6 * 3_600_000;
/// How long an identity may be served while its directory does not answer (ms) (ours: a relay's replay window).
pub const IDENTITY_STALE_MS: i64 = 72 * 3_600_000;
/// How long "there is no such identity" is kept (ms) (ours).
pub const IDENTITY_NEGATIVE_MS: i64 = 120_000;
/// How long a directory that did not answer is not asked again for the same DID (ms) (ours).
pub const IDENTITY_TROUBLE_MS: i64 = 5_000;
/// Least time between two look-ups of one DID by `refresh` (ms) (ours: one bad signer costs six requests a minute).
pub const IDENTITY_REFRESH_MS: i64 = 10_000;
/// Least time between two look-ups of one DID after `purge` (ms) (ours: `#identity` events come in bursts).
pub const IDENTITY_PURGE_MS: i64 = 1_000;
/// Cached handles (ours: some 200 bytes each).
pub const HANDLE_CACHE_ENTRIES: u64 = 20_000;
/// How long a handle's DID is kept (ms) (ours).
pub const HANDLE_FRESH_MS: i64 = 600_000;
/// TXT records of one name that are looked at (ours).
pub const TXT_RECORDS_MAX: usize = 64;

/// Silence after which a ping is sent (ms) (ours).
pub const PING_AFTER_MS: u64 = 30_000;
/// Silence, pongs included, after which a connection counts as dead (ms) (ours).
pub const READ_DEADLINE_MS: u64 = 75_000;
/// First and longest wait before a reconnect (ms) (ours). Jittered, doubled, reset by progress.
pub const RECONNECT_MIN_MS: u64 = 250;
/// See [`RECONNECT_MIN_MS`].
pub const RECONNECT_MAX_MS: u64 = 30_000;
/// Addresses of one kind of source (ours: a few stand in for each other).
pub const SOURCES_MAX: usize = 8;
/// Tries of one source in a row without an event, when there are others (ours: with the waits some ten seconds). Then
/// the next is tried.
pub const SOURCE_TRIES_MAX: u32 = 5;
/// Operations of a Jetstream that are proven at once (ours: one small request each).
pub const JETSTREAM_PROOFS_AT_ONCE_MAX: usize = 16;
/// How long one proof may take, look-ups included (ms) (ours). Then the operation stays unproven.
pub const JETSTREAM_PROOF_MS_MAX: u64 = 8_000;
/// How long an operation waits until its proof can be begun (ms) (ours). Then it stays unproven, and no other waits until
/// something was proven.
pub const JETSTREAM_PROOF_WAIT_MS: u64 = 2_000;
/// Entries that wait behind proofs (ours). Full: the socket read waits.
pub const JETSTREAM_HELD_MAX: usize = 4_096;
/// Bytes of them (ours). Full: the socket read waits.
pub const JETSTREAM_HELD_BYTES_MAX: usize = 8 << 20;
/// How far the next Jetstream goes back behind the one before it (us) (ours: each stamps events by its own clock; below
/// [`JETSTREAM_GAP_US`], or a young stream would look like a gap).
pub const JETSTREAM_SUBSTITUTE_REWIND_US: i64 = 30_000_000;
/// Time for which events may come without the saved cursor moving (us) (ours: a resync's settling is shorter). Then the
/// stream is called stalled.
pub const STREAM_STALL_US: i64 = 300_000_000;
/// Silence after which a connected stream is called quiet (us) (ours).
pub const STREAM_QUIET_US: i64 = 60_000_000;
/// Mean age of events from which a stream is called catching up (us) (ours: clocks and relays differ by seconds).
pub const STREAM_BEHIND_US: i64 = 60_000_000;
/// Time between two looks at the saved cursor (ms) (ours).
pub const STREAM_LOOK_MS: u64 = 1_000;
/// Collections whose rate is known (ours: some 100 bytes each).
pub const RATES_MAX: usize = 1_024;
/// Longest interval that counts into a collection's rate (us) (ours: a day).
pub const RATE_INTERVAL_US_MAX: i64 = 86_400_000_000;
/// Events that tell a collection's rate (ours).
pub const RATE_EVENTS_MIN: u64 = 10;
/// Intervals without an event after which a collection is called quiet (ours: by chance once in 10^8 times).
pub const RATE_QUIET_INTERVALS: f64 = 20.0;
/// Least time without an event after which it is (us) (ours).
pub const RATE_QUIET_US_MIN: i64 = 600_000_000;
/// Accounts whose last status of a Jetstream is remembered (ours: more than wait in the queue; some 100 bytes each).
pub const TOLD_ACCOUNTS_MAX: usize = 2 * QUEUE_ENTRIES_MAX;
/// A message of a Jetstream, unpacked (bytes) (ours: a record of the greatest size fits as JSON). A larger one is asked
/// not to be sent, and is refused.
pub const JETSTREAM_MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX;
/// How far a reconnect to a Jetstream goes back (us) (ours: its times are not quite in the order of its events).
pub const JETSTREAM_REWIND_US: i64 = 5_000_000;
/// How far a Jetstream's event may lie ahead of our clock (us) (ours: clocks differ). More refuses the message.
pub const JETSTREAM_AHEAD_US_MAX: i64 = 300_000_000;
/// Time between the cursor and the first event that is never called a gap (us) (ours: quiet moments are ordinary).
pub const JETSTREAM_GAP_US: i64 = 60_000_000;
/// Mean times between events after which a silence is called a gap (ours: by chance once in 10^8 times).
pub const JETSTREAM_GAP_PACES: f64 = 20.0;
/// Events that tell a Jetstream's pace when it is not known (ours).
pub const JETSTREAM_PACE_EVENTS: i64 = 50;
/// First and longest step over a message that is too large (us) (ours). Doubled.
pub const JETSTREAM_PASS_MIN_US: i64 = 1_000;
/// See [`JETSTREAM_PASS_MIN_US`].
pub const JETSTREAM_PASS_MAX_US: i64 = 60_000_000;
/// Collections that a Jetstream lets one connection name \[Jetstream\]. More are asked for as all.
pub const JETSTREAM_COLLECTIONS_MAX: usize = 100;
/// Collections named in a Jetstream's address (ours: addresses have bounds too). More go in a first message.
pub const JETSTREAM_QUERY_COLLECTIONS_MAX: usize = 20;
/// The longest interval that a setting takes (ms) (ours: a year; a clock can be asked for it).
pub const INTERVAL_MS_MAX: u64 = 366 * 86_400_000;
/// How long a stop may drain before it gives up with a non-zero exit (ms) (ours).
pub const DRAIN_MS_MAX: u64 = 30_000;
/// Entries of each interning cache (ours: about 100 bytes each).
pub const INTERN_CACHE_ENTRIES: usize = 65_536;
/// Rows of one multi-row SQLite statement, a power of two (ours: measured, more gains nothing).
pub const SQLITE_CHUNK_ROWS_MAX: usize = 128;
/// Parameters of one SQLite statement \[SQLite's `SQLITE_MAX_VARIABLE_NUMBER`\]. Wide rows come in smaller chunks.
pub const SQLITE_BINDS_MAX: usize = 32_766;
/// A dead letter's detail (bytes) (ours). Longer ones are cut.
pub const DEAD_DETAIL_BYTES_MAX: usize = 1_024;

/// A page of a SQLite file (bytes) (ours: SQLite's default; fixed when the file is made).
pub const SQLITE_PAGE_BYTES: u32 = 4_096;
/// How long a connection waits for another process's lock or for a free reader (ms) (ours). Then: unavailable.
pub const SQLITE_BUSY_MS_MAX: u64 = 5_000;
/// Page cache of the write connection (bytes) (ours: the upper B-tree levels of a small network's tables).
pub const SQLITE_WRITER_CACHE_BYTES_MAX: usize = 48 << 20;
/// Page cache of one read connection (bytes) (ours: the system's own cache stands behind it).
pub const SQLITE_READER_CACHE_BYTES_MAX: usize = 4 << 20;
/// Read connections by default (ours).
pub const SQLITE_READERS: u32 = 4;
/// Pages in the write-ahead log at which a commit copies them back (ours: random writes share pages by then).
pub const SQLITE_WAL_PAGES_MAX: u32 = 8_192;
/// What the write-ahead log's file is cut back to (bytes) (ours).
pub const SQLITE_WAL_FILE_BYTES_MAX: u64 = 64 << 20;
/// Prepared statements of the write connection (ours: some plugins with some chunk sizes each).
pub const SQLITE_WRITER_STATEMENTS_MAX: usize = 1_024;
/// Rows that SQLite's thread reads ahead of its reader (ours).
pub const SQLITE_READ_ROWS_AHEAD: usize = 256;
/// Units of the host that wait for SQLite's writer (ours: the host consumer sends one at a time).
pub const SQLITE_HOST_UNITS_MAX: usize = 8;
/// Units of plugins that wait for SQLite's writer (ours: a plugin sends one at a time). Full: plugins wait.
pub const SQLITE_PLUGIN_UNITS_MAX: usize = 64;
/// Units of one transaction (ours: short enough for a reader's log, long enough to share a commit).
pub const SQLITE_GROUP_UNITS_MAX: usize = 32;
/// Time after which a transaction takes no more units (ms) (ours).
pub const SQLITE_GROUP_MS: u128 = 50;
/// Tombstones freed by one transaction (ours: one short transaction).
pub const TRIM_ROWS_PER_STEP: u64 = 4_096;
/// Rows of one page of a move from SQLite to Postgres (ours: some MiB of bodies).
pub const MOVE_PAGE_ROWS: usize = 5_000;
/// How long a host that says nothing keeps its leases (ms) (ours: a takeover is to end within 5 s).
pub const LEASE_MS: u64 = 4_000;
/// How often a host renews its leases (ms) (ours: three may fail).
pub const LEASE_RENEW_MS: u64 = 1_000;
/// How often a host that stands by looks whether it can take over (ms) (ours).
pub const LEASE_POLL_MS: u64 = 500;
/// How often a host says that it is there (ms) (ours).
pub const HOST_SEEN_MS: u64 = 2_000;
/// How long a host that says nothing is still told of (ms) (ours: five notes may fail).
pub const HOST_FORGOTTEN_MS: u64 = 10_000;
/// Connections of one host that write to Postgres (ours: the host consumer, its small reads, and a plugin each).
pub const POSTGRES_WRITERS: u32 = 12;
/// Connections of one host that read Postgres for serving (ours).
pub const POSTGRES_READERS: u32 = 8;
/// How long a free connection to Postgres is waited for (ms) (ours). Then: unavailable.
pub const POSTGRES_ACQUIRE_MS_MAX: u64 = 5_000;
/// A statement that writes to Postgres (ms) (ours: a large unit on a busy disk). Then: unavailable, and again.
pub const POSTGRES_WRITE_MS_MAX: u64 = 60_000;
/// A statement of the host that reads Postgres for serving (ms) (ours). A plugin's has a bound of its own.
pub const POSTGRES_READ_MS_MAX: u64 = 10_000;
/// How long a connection of serving may not answer (ms) (ours: above [`READ_MS_MAX`] for each statement of a read). Then
/// it is closed: the network or the server hangs.
pub const POSTGRES_ANSWER_MS_MAX: u64 = 3_000;
/// A lock in Postgres (ms) (ours: longer than any transaction of ours). Then: unavailable, and again.
pub const POSTGRES_LOCK_MS_MAX: u64 = 20_000;
/// A transaction that a host left open in Postgres (ms) (ours: a host that was paused holds up its successor
/// no longer than this).
pub const POSTGRES_IDLE_TRANSACTION_MS_MAX: u64 = 5_000;
/// An identifier in Postgres (bytes) (Postgres: NAMEDATALEN - 1). It cuts longer ones without a word, so we do.
pub const POSTGRES_NAME_BYTES_MAX: usize = 63;
/// Prepared statements of one connection to Postgres (ours: some plugins with some tables each).
pub const POSTGRES_STATEMENTS_MAX: usize = 256;
/// Positions that one read of the feed goes over (ours: unwanted ones cost 0.1 microseconds each).
pub const FEED_SCAN_POS_MAX: i64 = 262_144;
/// How long a start waits for the process that owns the database before it (ms) (ours).
pub const SQLITE_OWNER_MS_MAX: u64 = 5_000;
