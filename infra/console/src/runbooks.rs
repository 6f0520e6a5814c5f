//! What a code means and what to do, from the runbooks: compiled in, since the console has no other files.

use maud::{Markup, html};

include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

/// What a code means, and what to do; none without a runbook.
pub(crate) fn of(code: &str) -> Option<[&'static str; 2]> {
    let at = PAGES.binary_search_by_key(&code, |(name, _)| name).ok()?;
    Some(PAGES[at].1)
}

/// The beginning of a code's runbook, and where the whole page is.
pub(crate) fn part(code: &str) -> Markup {
    html! {
        @match of(code) {
            Some([means, todo]) => {
                p { (marked(means)) }
                p { strong { "Do: " } (marked(todo)) }
                p.dim { "Code " code { (code) } ", from " code { "infra/runbooks/" (code) ".md" } }
            }
            None => { p.dim { "Code " code { (code) } ", of which there is no runbook." } }
        }
    }
}

/// A text whose parts between backquotes are code.
fn marked(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runbook_says_what_its_code_means_and_what_to_do() {
        assert!(PAGES.is_sorted() && PAGES.len() > 100, "{}", PAGES.len());
        for (name, [means, todo]) in PAGES {
            assert!(!means.is_empty() && !todo.is_empty(), "{name}");
            assert!(!means.contains("]("), "{name}: {means}");
            assert!(of(name).is_some());
        }
        assert_eq!(of("no.such"), None);
    }

    #[test]
    fn code_is_marked_and_markup_stays_text() {
        let shown = marked("see `sluice doctor` & <b>").into_string();
        assert_eq!(shown, "see <code>sluice doctor</code> &amp; &lt;b&gt;");
    }
}
