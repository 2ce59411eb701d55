//! Names of WIT interfaces, and which of them a host offers: the closed list of what a guest can link to.

/// Our package.
pub(super) const PACKAGE: &str = "aviary:plugin";

/// `namespace:package/interface@major.minor.patch`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interface<'a> {
    /// Namespace and package.
    pub(super) package: &'a str,
    /// The interface's own name.
    pub(super) name: &'a str,
    /// Major and minor; a patch level changes nothing that is linked.
    version: Option<(u32, u32)>,
}

impl<'a> Interface<'a> {
    /// `None` when the text is no interface's name.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let (package, name) = path.split_once('/')?;
        package.split_once(':')?;
        let version = match version {
            None => None,
            Some(version) => {
                let mut numbers = version.split('.');
                let major = numbers.next()?.parse().ok()?;
                let minor = numbers.next()?.parse().ok()?;
                // Pre-releases (`0.3.0-rc`) are nobody's released version.
                numbers.next()?.parse::<u32>().ok()?;
                Some((major, minor))
            }
        };
        Some(Self {
            package,
            name,
            version,
        })
    }
}

/// A released WIT version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `aviary:plugin@0.1.x`.
    V0_1,
}

/// Whether an import is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Yes,
    OtherVersion,
    No,
}

/// WASI 0.2 interfaces that are linked, inert.
const WASI: [(&str, &[&str]); 5] = [
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:filesystem", &["preopens", "types"]),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
];

impl Api {
    /// What a new plugin is built against.
    pub const LATEST: Self = Self::V0_1;

    /// The version that a manifest's `api` names.
    pub(super) fn of_manifest(word: &str) -> Option<Self> {
        (word == Self::V0_1.word()).then_some(Self::V0_1)
    }

    /// `major.minor`, as a manifest has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1",
        }
    }

    fn version(self) -> (u32, u32) {
        match self {
            Self::V0_1 => (0, 1),
        }
    }

    fn imports(self) -> &'static [&'static str] {
        match self {
            Self::V0_1 => &["types", "log", "settings", "store", "records"],
        }
    }

    /// Imports of our package, for messages.
    pub(super) fn offers(self) -> &'static str {
        match self {
            Self::V0_1 => "aviary:plugin/{types,log,settings,store,records}@0.1.x",
        }
    }

    /// Exports that a host of this version calls, for messages.
    pub(super) fn exports(self) -> &'static str {
        match self {
            Self::V0_1 => "aviary:plugin/{indexer,methods}@0.1.x",
        }
    }

    /// An interface's full name, for messages.
    pub(super) fn interface(self, name: &str) -> String {
        format!("{PACKAGE}/{name}@{}.x", self.word())
    }

    pub(super) fn is_version(self, interface: &Interface<'_>) -> bool {
        interface.version == Some(self.version())
    }

    pub(super) fn import(self, interface: &Interface<'_>) -> Offered {
        let (known, version) = if interface.package == PACKAGE {
            (self.imports().contains(&interface.name), self.version())
        } else {
            let known = WASI.iter().any(|(package, names)| {
                *package == interface.package && names.contains(&interface.name)
            });
            (known, (0, 2))
        };
        match (known, interface.version == Some(version)) {
            (true, true) => Offered::Yes,
            (true, false) => Offered::OtherVersion,
            (false, _) => Offered::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let log = Interface::parse("aviary:plugin/log@0.1.7").unwrap();
        assert_eq!(
            (log.package, log.name, log.version),
            (PACKAGE, "log", Some((0, 1)))
        );
        assert_eq!(Interface::parse("a:b/c").unwrap().version, None);
        for text in [
            "log",
            "a/b",
            "a:b",
            "a:b/c@1",
            "a:b/c@0.3.0-rc",
            "a:b/c@0.1.x",
        ] {
            assert_eq!(Interface::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_offer_is_closed() {
        let offered = |text| Api::V0_1.import(&Interface::parse(text).unwrap());
        assert_eq!(offered("aviary:plugin/store@0.1.9"), Offered::Yes);
        assert_eq!(offered("wasi:io/streams@0.2.3"), Offered::Yes);
        assert_eq!(offered("aviary:plugin/store@0.2.0"), Offered::OtherVersion);
        assert_eq!(offered("wasi:io/streams@0.3.0"), Offered::OtherVersion);
        for text in [
            "wasi:sockets/tcp@0.2.3",
            "wasi:http/outgoing-handler@0.2.3",
            "aviary:plugin/outgoing@0.1.0",
            "wasi:cli/run@0.2.0",
            "other:plugin/log@0.1.0",
        ] {
            assert_eq!(offered(text), Offered::No, "{text}");
        }
    }
}
