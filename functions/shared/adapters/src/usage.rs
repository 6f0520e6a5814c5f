//! What reads of DynamoDB use, in read units: as it answers, or counted from sizes where an answer doesn't say.

use std::ops::AddAssign;

use aws_sdk_dynamodb::types::ConsumedCapacity;
use serde::{Deserialize, Serialize};

/// How many bytes of an item one unit reads consistently.
const BYTES_A_UNIT: usize = 4_096;

/// Read units that were used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Read units: one per 4 KB that is read consistently, half for others.
    pub read_units: f64,
    /// Whether a part of them is counted from sizes, because an answer didn't say.
    pub from_sizes: bool,
}

impl Usage {
    /// What an answer says; else what its items' sizes say.
    pub(crate) fn of(answered: &[ConsumedCapacity], from_sizes: impl FnOnce() -> f64) -> Self {
        let units = answered.iter().filter_map(|one| one.capacity_units);
        let units: Vec<f64> = units.collect();
        match units.is_empty() {
            true => Self {
                read_units: from_sizes(),
                from_sizes: true,
            },
            false => Self {
                read_units: units.iter().sum(),
                from_sizes: false,
            },
        }
    }

    /// The units of a consistent read of this number of bytes; at least one.
    pub fn units(bytes: usize) -> f64 {
        let units = bytes.div_ceil(BYTES_A_UNIT).max(1);
        u32::try_from(units).map_or(f64::INFINITY, f64::from)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.read_units += other.read_units;
        self.from_sizes |= other.from_sizes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_and_sizes_count_where_there_is_none() {
        let said = ConsumedCapacity::builder().capacity_units(2.5).build();
        let of = |answered: &[_]| Usage::of(answered, || 4.0);
        let mut all = of(&[said.clone(), said]);
        assert_eq!((all.read_units, all.from_sizes), (5.0, false));
        all += of(&[]);
        assert_eq!((all.read_units, all.from_sizes), (9.0, true));
        assert_eq!([0, 4_096, 4_097].map(Usage::units), [1.0, 1.0, 2.0]);
    }
}
