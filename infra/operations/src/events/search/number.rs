//! Numbers of JSON as decimal texts: compared exactly, whatever their size. Nothing goes through a float.

use std::cmp::Ordering;

/// The most digits of an exponent. A number with more isn't comparable; Stripe writes none.
const EXPONENT_DIGITS_MAX: usize = 15;

/// A number in one form for each value: `0.<digits> × 10^exponent`, without zeros at either end of the digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads a number as JSON writes it; `None` for anything else, and for an exponent that is too long.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let is_whole = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
        if !is_whole {
            return None;
        }
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let leading = all.len() - significant.len();
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits: Vec::new(),
                exponent: 0,
            });
        }
        let place = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Self {
            is_negative,
            digits: digits.as_bytes().to_vec(),
            exponent: exponent.checked_add(place)?,
        })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let of_size = || {
            let exponents = self.exponent.cmp(&other.exponent);
            exponents.then_with(|| self.digits.cmp(&other.digits))
        };
        self.sign()
            .cmp(&other.sign())
            .then_with(|| match self.is_negative {
                true => of_size().reverse(),
                false => of_size(),
            })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(digits) || digits.trim_start_matches('0').len() > EXPONENT_DIGITS_MAX {
        return None;
    }
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Decimal {
        Decimal::read(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_beyond_a_double_are_told_apart_and_one_value_has_one_form() {
        assert!(of("9007199254740993") > of("9007199254740992"));
        assert_ne!(of("9007199254740993"), of("9007199254740992"));
        assert!(of("-9007199254740993") < of("-9007199254740992"));
        for same in [
            &["100", "1e2", "1E+2", "100.00", "0.1e3", "1000e-1"][..],
            &["0", "-0", "0.0", "0e9", "-0.00e-3"],
            &["-0.05", "-5e-2", "-0.0500"],
        ] {
            for text in same {
                assert_eq!(of(text), of(same[0]), "{text}");
            }
        }
        assert!(of("0.0000000000000000001") > of("0"));
        assert!(of("1e400") > of("9e399") && of("1e-400") > of("0"));
    }

    #[test]
    fn what_json_takes_for_no_number_is_none() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x10",
            "1_000",
            " 1",
            "١",
            "NaN",
            "1e9999999999999999",
        ] {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_ordered_as_integers_are(one: i128, other: i128) {
            let [a, b] = [one, other].map(|number| of(&number.to_string()));
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        }

        #[test]
        fn a_shift_of_the_point_with_its_exponent_changes_nothing(number: i64, zeros in 0_usize..30) {
            let shifted = format!("{number}{}e-{zeros}", "0".repeat(zeros));
            if number != 0 {
                prop_assert_eq!(of(&shifted), of(&number.to_string()));
            }
        }
    }
}
