//! The files that pages use, compiled in. `assets/vendored.tsv` says where those come from that others wrote.
//!
//! An address has the digest of its file, so a browser may keep a file for good and never has an old one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// The digits of a digest in an address.
const DIGITS: usize = 16;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const STYLE: Asset = Asset {
    name: "console.css",
    kind: "text/css; charset=utf-8",
    bytes: include_bytes!("../assets/console.css"),
};

const SCRIPT: Asset = Asset {
    name: "console.js",
    kind: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/console.js"),
};

const ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    bytes: include_bytes!("../assets/icon.svg"),
};

const HTMX: Asset = Asset {
    name: "htmx.min.js",
    kind: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/htmx.min.js"),
};

const CHARTS: Asset = Asset {
    name: "charts.js",
    kind: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/charts.js"),
};

const PLOT: Asset = Asset {
    name: "uplot.min.js",
    kind: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/uplot.min.js"),
};

const PLOT_STYLE: Asset = Asset {
    name: "uplot.min.css",
    kind: "text/css; charset=utf-8",
    bytes: include_bytes!("../assets/uplot.min.css"),
};

const ALL: [&Asset; 7] = [&STYLE, &SCRIPT, &ICON, &HTMX, &CHARTS, &PLOT, &PLOT_STYLE];

/// The addresses of the files.
pub(crate) struct Addresses {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) icon: String,
    pub(crate) htmx: String,
    pub(crate) charts: String,
    pub(crate) plot: String,
    pub(crate) plot_style: String,
}

/// The addresses of the files.
pub(crate) static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| Addresses {
    style: STYLE.address(),
    script: SCRIPT.address(),
    icon: ICON.address(),
    htmx: HTMX.address(),
    charts: CHARTS.address(),
    plot: PLOT.address(),
    plot_style: PLOT_STYLE.address(),
});

impl Asset {
    fn address(&self) -> String {
        format!("/assets/{}/{}", &digest(self.bytes)[..DIGITS], self.name)
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file, by its digest and name.
pub(crate) async fn file(Path((of, name)): Path<(String, String)>) -> Response {
    let wanted = format!("/assets/{of}/{name}");
    match ALL.into_iter().find(|asset| asset.address() == wanted) {
        Some(asset) => {
            let kept = "private, max-age=31536000, immutable";
            let headers = [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, kept),
            ];
            (headers, asset.bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_file_that_others_wrote_is_the_one_that_was_pinned_and_has_its_licence_beside_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let table = std::fs::read_to_string(folder.join("vendored.tsv")).expect("a table");
        let mut lines = table
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>());
        let head = lines.next().expect("a head");
        assert_eq!(
            head,
            ["file", "name", "version", "licence", "source", "sha256"]
        );
        let mut names = vec![
            "charts.js",
            "console.css",
            "console.js",
            "icon.svg",
            "vendored.tsv",
        ];
        let lines: Vec<_> = lines.collect();
        for line in &lines {
            let [file, name, _, licence, _, sha256] = line[..] else {
                panic!("six columns: {line:?}");
            };
            let bytes = std::fs::read(folder.join(file)).expect("the file");
            assert_eq!(digest(&bytes), sha256, "{name}");
            assert!(
                ALL.iter().any(|asset| asset.bytes == bytes),
                "{file} is compiled in"
            );
            let beside = format!("{}.LICENSE", file.split('.').next().unwrap_or_default());
            assert!(
                folder.join(&beside).is_file(),
                "{name}, {licence}: {beside}"
            );
        }
        names.extend(lines.iter().map(|line| line[0]));
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let name = entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name");
            let is_licence = name.ends_with(".LICENSE");
            assert!(
                is_licence || names.contains(&name.as_str()),
                "{name} is not in the table"
            );
        }
    }

    #[test]
    fn no_file_asks_for_anything_of_another_place() {
        for asset in [&STYLE, &SCRIPT, &CHARTS] {
            let text = String::from_utf8_lossy(asset.bytes);
            for word in ["http:", "https:", "//cdn", "@import", "url("] {
                assert!(!text.contains(word), "{}: {word}", asset.name);
            }
        }
    }
}
