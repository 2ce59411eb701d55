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
/// A DID (bytes) \[DID\].
pub const DID_BYTES_MAX: usize = 2_048;
/// A record key (bytes) \[record key\].
pub const RKEY_BYTES_MAX: usize = 512;

/// Entries waiting in the in-memory queue (ours: some seconds of the whole network). Full: the socket read waits.
pub const QUEUE_ENTRIES_MAX: usize = 8_192;
/// Bytes waiting in the in-memory queue (ours). Full: the socket read waits.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;
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

/// Silence after which a ping is sent (ms) (ours).
pub const PING_AFTER_MS: u64 = 30_000;
/// Silence, pongs included, after which a connection counts as dead (ms) (ours).
pub const READ_DEADLINE_MS: u64 = 75_000;
/// First and longest wait before a reconnect (ms) (ours). Jittered, doubled, reset by progress.
pub const RECONNECT_MIN_MS: u64 = 250;
/// See [`RECONNECT_MIN_MS`].
pub const RECONNECT_MAX_MS: u64 = 30_000;
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
/// Positions that one read of the feed goes over (ours: unwanted ones cost 0.1 microseconds each).
pub const FEED_SCAN_POS_MAX: i64 = 262_144;
/// How long a start waits for the process that owns the database before it (ms) (ours).
pub const SQLITE_OWNER_MS_MAX: u64 = 5_000;
