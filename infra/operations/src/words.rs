//! Numbers of things, in words.

use std::fmt::Display;

/// The word for one thing, or the word for any other number of them.
pub fn either<'a, N: PartialEq + From<u8>>(count: N, one: &'a str, others: &'a str) -> &'a str {
    if count == N::from(1) { one } else { others }
}

/// A number of things: `1 dead letter`, `2 dead letters`. The plural of `thing` ends with an s.
pub fn counted<N: PartialEq + From<u8> + Display + Copy>(count: N, thing: &str) -> String {
    format!("{count} {thing}{}", either(count, "", "s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_thing_has_no_plural() {
        let said = [0_u64, 1, 2].map(|count| counted(count, "dead letter"));
        assert_eq!(said, ["0 dead letters", "1 dead letter", "2 dead letters"]);
        assert_eq!(either(1_usize, "waits", "wait"), "waits");
    }
}
