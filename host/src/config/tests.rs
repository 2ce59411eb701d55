use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(toml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.toml"), toml).unwrap();
        Self(dir)
    }

    fn load(&self, environment: &[(&str, &str)], flags: Flags) -> Result<Loaded, ConfigError> {
        Sources {
            file: Some(self.0.path().join("a.toml")),
            environment: environment
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            flags,
        }
        .load()
    }

    fn error(&self) -> String {
        let text = self.load(&[], Flags::default()).unwrap_err().to_string();
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let folder = Folder::with(
        "archive = \"all\"\n[ingest]\nrelay = \"wss://file\"\n[serve]\nlisten = \"127.0.0.1:1\"\n",
    );
    let environment = [
        ("AVIARY_INGEST_RELAY", "wss://env"),
        ("AVIARY_SERVE_LISTEN", "127.0.0.1:2"),
        ("HOME", "/x"),
    ];
    let flags = Flags {
        listen: Some("127.0.0.1:3".into()),
        ..Flags::default()
    };
    let loaded = folder.load(&environment, flags).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.serve.listen.port(), 3);
    assert_eq!(settings.ingest.relay.first().as_str(), "wss://env");
    assert_eq!(settings.archive, ArchiveMode::All);
    assert_eq!(settings.store, StoreUrl::Sqlite("aviary.db".into()));

    let shown = loaded.to_toml();
    assert!(
        shown.contains("listen = \"127.0.0.1:3\"  # flag --listen\n"),
        "{shown}"
    );
    assert!(
        shown.contains("relay = \"wss://env\"  # environment variable AVIARY_INGEST_RELAY\n"),
        "{shown}"
    );
    assert!(
        shown.contains("a.toml:1\n")
            && shown.contains("store = \"sqlite://aviary.db\"  # default\n"),
        "{shown}"
    );
}

#[test]
fn hosts_and_directories_are_typed() {
    let defaults = Folder::with("")
        .load(&[], Flags::default())
        .unwrap()
        .settings;
    assert_eq!(defaults.identity.plc.as_str(), "https://plc.directory");
    assert_eq!(defaults.identity.test_handles_via, None);
    assert_eq!(defaults.net.allow, AllowedHosts::default());

    let folder = Folder::with("[net]\nallow = \"localhost:2582, PDS.internal\"\n");
    let environment = [
        ("AVIARY_IDENTITY_PLC", "http://localhost:2582/"),
        ("AVIARY_IDENTITY_TEST_HANDLES_VIA", "http://localhost:2583"),
    ];
    let settings = folder
        .load(&environment, Flags::default())
        .unwrap()
        .settings;
    assert_eq!(settings.identity.plc.as_str(), "http://localhost:2582");
    let via = settings.identity.test_handles_via.unwrap();
    assert_eq!(via.as_str(), "http://localhost:2583");
    assert_eq!(
        settings.net.allow.to_string(),
        "localhost:2582,pds.internal"
    );
}

#[test]
fn the_stream_is_a_relay_unless_told_and_addresses_are_lists() {
    let defaults = Folder::with("")
        .load(&[], Flags::default())
        .unwrap()
        .settings
        .ingest;
    assert_eq!(defaults.source, SourceKind::Relay);
    assert_eq!(defaults.jetstream_verify, SampleShare::None);
    let first = defaults.jetstream.first().as_str();
    assert_eq!(first, "wss://jetstream2.us-east.bsky.network");

    let folder = Folder::with("[ingest]\njetstream_verify = \"sample:5%\"\n");
    let environment = [("AVIARY_INGEST_JETSTREAM", "ws://a:1, wss://b/")];
    let flags = Flags {
        source: Some("jetstream".into()),
        relay: Some("wss://c,wss://d".into()),
        ..Flags::default()
    };
    let ingest = folder.load(&environment, flags).unwrap().settings.ingest;
    assert_eq!(ingest.source, SourceKind::Jetstream);
    assert_eq!(ingest.jetstream_verify.percent(), 5);
    assert_eq!(ingest.jetstream_verify.to_string(), "sample:5%");
    let urls = |list: &StreamUrls| {
        let urls = list.iter().map(|url| url.as_str().to_owned());
        urls.collect::<Vec<_>>()
    };
    assert_eq!(urls(&ingest.jetstream), ["ws://a:1", "wss://b"]);
    assert_eq!(urls(&ingest.relay), ["wss://c", "wss://d"]);
}

#[test]
fn what_is_shown_reads_back_as_the_same_settings() {
    let folder = Folder::with(
        "partitions = 4\n[log]\nformat = \"json\"\n[plugins.\"a b\"]\nenabled = false\nsettings = { n = 1, list = [\"x\", true] }\n",
    );
    let loaded = folder.load(&[], Flags::default()).unwrap();
    let again = Folder::with(&loaded.to_toml())
        .load(&[], Flags::default())
        .unwrap();
    assert_eq!(again.settings, loaded.settings);
    assert_eq!(again.settings.partitions, 4);
}

#[test]
fn unknown_names_are_refused_with_line_and_suggestion() {
    let refused = [
        (
            "\n\nstroe = \"x\"",
            "a.toml:3: unknown setting stroe; did you mean store?",
        ),
        (
            "[ingest]\n\nrealy = \"x\"",
            "a.toml:3: unknown setting ingest.realy; did you mean ingest.relay?",
        ),
        (
            "relay = \"x\"",
            "a.toml:1: unknown setting relay; did you mean ingest.relay?",
        ),
        (
            "[plugns.a]",
            "a.toml:1: unknown setting plugns; did you mean plugins?",
        ),
        (
            "[plugins.a]\nenable = true",
            "a.toml:2: unknown setting plugins.a.enable; did you mean plugins.a.enabled?",
        ),
        (
            "zzzzzzzz = 1",
            "a.toml:1: unknown setting zzzzzzzz; `aviary config` lists all",
        ),
    ];
    for (toml, expected) in refused {
        assert_eq!(Folder::with(toml).error(), expected);
    }
    for (variable, expected) in [
        ("AVIARY_STROE", "did you mean AVIARY_STORE?"),
        ("AVIARY_LISTEN", "did you mean AVIARY_SERVE_LISTEN?"),
        ("AVIARY_CONFG", "did you mean AVIARY_CONFIG?"),
        ("AVIARY_ZZZZZZZZ", "`aviary config` lists all"),
    ] {
        let error = Folder::with("")
            .load(&[(variable, "x")], Flags::default())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("unknown environment variable {variable}; {expected}")
        );
    }
    let of_tests = [("AVIARY_DATA", "x"), ("AVIARY_TEST_LOG", "x")];
    assert!(Folder::with("").load(&of_tests, Flags::default()).is_ok());
}

#[test]
fn values_are_refused_with_their_place() {
    let refused = [
        (
            "store = \"postgres://u:hunter2@h/d?schema=1\"",
            "store (a.toml:1): expected a schema of at most 31 of a-z, 0-9 and _, not beginning with a digit, got \"1\"",
        ),
        (
            "store = \"mysql://u:hunter2@h/d\"",
            "store (a.toml:1): expected sqlite://PATH, such as sqlite://aviary.db, or postgres://USER@HOST/DATABASE, got \"mysql://u:[redacted]@h/d\"",
        ),
        (
            "archive = \"some\"",
            "archive (a.toml:1): expected \"plugins\" or \"all\", got \"some\"",
        ),
        (
            "partitions = \"2\"",
            "partitions (a.toml:1): expected a number, got string",
        ),
        (
            "partitions = 0",
            "partitions (a.toml:1): expected a number from 1 to 1024, got \"0\"",
        ),
        (
            "ingest = 3",
            "ingest (a.toml:1): expected a section: [ingest]",
        ),
        (
            "[ingest]\nrelay = \"https://r\"",
            "ingest.relay (a.toml:2): expected a relay's address such as wss://relay.example, without path, got \"https://r\"",
        ),
        (
            "[ingest]\naudit = \"10\"",
            "ingest.audit (a.toml:2): expected \"off\", or a time such as \"10m\" (ms, s, m or h), got \"10\"",
        ),
        (
            "[identity]\nplc = \"plc.directory\"",
            "identity.plc (a.toml:2): expected a server's address such as https://plc.directory, without path, got \"plc.directory\"",
        ),
        (
            "[identity]\ntest_handles_via = \"http://localhost:2583/xrpc\"",
            "identity.test_handles_via (a.toml:2): expected a server's address such as https://plc.directory, without path, got \"http://localhost:2583/xrpc\"",
        ),
        (
            "[net]\nallow = \"localhost,http://x\"",
            "net.allow (a.toml:2): expected hosts such as pds.internal,localhost:2583, got \"http://x\"",
        ),
        (
            "[plugins.a]\nmemory_mib = 100000",
            "plugins.a.memory_mib (a.toml:2): expected a number from 1 to 256, got \"100000\"",
        ),
        (
            "[plugins.a]\nenabled = 1",
            "plugins.a.enabled (a.toml:2): expected true or false, got integer",
        ),
        (
            "[limits]\nrequest_ms = -1",
            "limits.request_ms (a.toml:2): expected a whole number from 1, got \"-1\"",
        ),
    ];
    for (toml, expected) in refused {
        assert_eq!(Folder::with(toml).error(), expected);
    }
    assert!(
        Folder::with("a = \n")
            .error()
            .starts_with("a.toml:1: not TOML: ")
    );
}

#[test]
fn streams_are_refused_with_their_place() {
    let refused = [
        (
            "[ingest]\nsource = \"firehose\"",
            "ingest.source (a.toml:2): expected \"relay\" or \"jetstream\", got \"firehose\"",
        ),
        (
            "[ingest]\njetstream = \"wss://a,,wss://b\"",
            "ingest.jetstream (a.toml:2): expected a relay's address such as wss://relay.example, without path, got \"\"",
        ),
        (
            "[ingest]\nrelay = \"wss://a, wss://a/\"",
            "ingest.relay (a.toml:2): expected different addresses, got wss://a twice",
        ),
        (
            "[ingest]\njetstream_verify = \"sample:0%\"",
            "ingest.jetstream_verify (a.toml:2): expected \"none\", \"sample:N%\" with N from 1 to 99, or \"all\", got \"sample:0%\"",
        ),
    ];
    for (toml, expected) in refused {
        assert_eq!(Folder::with(toml).error(), expected);
    }
}

#[test]
fn secrets_are_not_shown() {
    let folder = Folder::with(
        "[ingest]\nrelay = \"wss://me:hunter2@relay\"\n[plugins.a.settings]\napi_key = \"hunter2\"\nnested = { token = [\"hunter2\"] }\nname = \"me\"\n",
    );
    let loaded = folder.load(&[], Flags::default()).unwrap();
    assert_eq!(
        loaded.settings.ingest.relay.first().as_str(),
        "wss://me:hunter2@relay"
    );
    let shown = loaded.to_toml();
    assert!(
        !shown.contains("hunter2") && !format!("{:?}", loaded.settings.ingest).contains("hunter2"),
        "{shown}"
    );
    assert!(shown.contains("name = \"me\""), "{shown}");
}

#[test]
fn a_named_file_has_to_be_there() {
    let sources = Sources {
        file: Some("no/such/file.toml".into()),
        ..Sources::default()
    };
    let error = sources.load().unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read the settings file no/such/file.toml: "),
        "{error}"
    );
}

#[test]
fn usual_variables_name_databases_where_ours_do_not() {
    let folder = Folder::with("store = \"sqlite://file.db\"\nqueue = \"memory\"\n");
    let usual = [
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("REDIS_URL", "redis://:hunter2@h"),
    ];
    let loaded = folder.load(&usual, Flags::default()).unwrap();
    let (url, schema) = ("postgres://u:hunter2@h/d".to_owned(), "aviary".to_owned());
    assert_eq!(loaded.settings.store, StoreUrl::Postgres { url, schema });
    let (url, prefix) = ("redis://:hunter2@h".to_owned(), "aviary".to_owned());
    assert_eq!(loaded.settings.queue, QueueUrl::Redis { url, prefix });
    let shown = loaded.to_toml();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("queue = \"redis://:[redacted]@h\"  # environment variable REDIS_URL\n"),
        "{shown}"
    );

    let ours = [
        ("AVIARY_STORE", "sqlite://ours.db"),
        usual[0],
        usual[1],
        ("AVIARY_QUEUE", "memory"),
    ];
    let settings = folder.load(&ours, Flags::default()).unwrap().settings;
    assert_eq!(settings.store, StoreUrl::Sqlite("ours.db".into()));
    assert_eq!(settings.queue, QueueUrl::Memory);
    let flags = Flags {
        store: Some("sqlite://flag.db".into()),
        ..Flags::default()
    };
    let settings = folder.load(&usual, flags).unwrap().settings;
    assert_eq!(settings.store, StoreUrl::Sqlite("flag.db".into()));
    let empty = [("DATABASE_URL", ""), ("REDIS_URL", "")];
    let settings = folder.load(&empty, Flags::default()).unwrap().settings;
    assert_eq!(settings.store, StoreUrl::Sqlite("file.db".into()));
}
