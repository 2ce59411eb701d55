//! A value as it stands in a table: DIDs and URIs are ids, booleans and times integers.
//! A backend binds and reads cells in its own way.
//!
//! Equal cells are equal in SQL and the other way round, so keys and counters can be compared here.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::store::rows::Value;

/// One value of one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::store) enum Cell<'a> {
    Null,
    Integer(i64),
    Real(Real),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

/// A finite number with the order that SQL gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct Real(u64);

impl Real {
    pub(in crate::store) fn new(value: f64) -> Self {
        // SQL holds both zeros equal; adding a positive zero makes the negative one positive.
        Self((value + 0.0).to_bits())
    }

    pub(in crate::store) fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value().total_cmp(&other.value())
    }
}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What hands out interned ids, in the order in which a unit's values stand.
pub(super) struct Ids<'a> {
    pub(super) dids: std::slice::Iter<'a, i64>,
    pub(super) uris: std::slice::Iter<'a, i64>,
}

impl<'a> Cell<'a> {
    /// A declared column's value; ids are taken from `ids`. `None` when the ids have run out.
    pub(super) fn of(value: &'a Value, ids: &mut Ids<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Boolean(b) => Self::Integer(i64::from(*b)),
            Value::Integer(i) | Value::Time(i) => Self::Integer(*i),
            Value::Real(r) => Self::Real(Real::new(*r)),
            Value::Text(t) | Value::Json(t) => Self::Text(Cow::Borrowed(t)),
            Value::Bytes(b) => Self::Bytes(Cow::Borrowed(b)),
            Value::Did(_) => Self::Integer(*ids.dids.next()?),
            Value::Uri(_) => Self::Integer(*ids.uris.next()?),
        })
    }

    /// The same without its bytes.
    pub(in crate::store) fn borrowed(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(i) => Cell::Integer(*i),
            Self::Real(r) => Cell::Real(*r),
            Self::Text(t) => Cell::Text(Cow::Borrowed(t)),
            Self::Bytes(b) => Cell::Bytes(Cow::Borrowed(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_one_and_numbers_are_in_order() {
        assert_eq!(Real::new(0.0), Real::new(-0.0));
        let mut reals: Vec<Real> = [3.5, -1.0, 0.0, -7.25].map(Real::new).to_vec();
        reals.sort();
        let values: Vec<f64> = reals.iter().map(|r| r.value()).collect();
        assert_eq!(values, [-7.25, -1.0, 0.0, 3.5]);
    }
}
