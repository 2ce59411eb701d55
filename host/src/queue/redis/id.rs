//! Ids of a stream's entries: `EPOCH-N`, dense from 1 within an epoch; `EPOCH-0` opens it.

use std::fmt;

/// One id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) epoch: u64,
    pub(super) n: u64,
}

impl Id {
    /// Reads `EPOCH-N`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, n) = text.split_once('-')?;
        Some(Self {
            epoch: epoch.parse().ok()?,
            n: n.parse().ok()?,
        })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn an_id_is_two_numbers_and_ordered_by_both() {
        let id = Id { epoch: 12, n: 7 };
        assert_eq!(id.to_string(), "12-7");
        assert_eq!(Id::parse("12-7"), Some(id));
        assert!(Id::parse("12-8") > Some(id) && Id::parse("13-0") > Some(id));
        assert_eq!(Id::parse("12"), None);
        assert_eq!(Id::parse("12-x"), None);
    }
}
