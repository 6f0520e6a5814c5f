//! Which endpoint a path names.

/// The endpoint of `/webhooks/stripe`, without a name of its own.
const DEFAULT_ENDPOINT: &str = "platform";

const PATH: &str = "/webhooks/stripe";

/// The endpoint that a path names: `/webhooks/stripe` or `/webhooks/stripe/<name>`, after any prefix that a stage or a
/// custom domain adds. `None` for any other path.
pub(crate) fn endpoint_of(path: &str) -> Option<&str> {
    let start = path.rfind(PATH)?;
    let rest = &path[start + PATH.len()..];
    if rest.is_empty() {
        return Some(DEFAULT_ENDPOINT);
    }
    let name = rest.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::endpoint_of;

    #[test]
    fn a_path_names_an_endpoint_or_nothing() {
        for (path, endpoint) in [
            ("/webhooks/stripe", Some("platform")),
            ("/webhooks/stripe/connect", Some("connect")),
            ("/prod/webhooks/stripe/eu-1", Some("eu-1")),
            ("/webhooks/stripe/", None),
            ("/webhooks/stripes", None),
            ("/webhooks/stripe/a/b", None),
            ("/webhooks", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(endpoint_of(path), endpoint, "{path}");
        }
    }
}
