//! Faults in Stripe's form: `{"error": {"code", "message", "param", "type"}}`.

use serde_json::{Value, json};

/// A request that fails, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// Stripe's code: `resource_missing`. Some faults have none.
    pub code: Option<&'static str>,
    /// For people.
    pub message: String,
    /// The parameter at fault.
    pub param: Option<String>,
    /// Stripe's class of errors.
    pub kind: &'static str,
}

impl Error {
    fn invalid(status: u16, code: Option<&'static str>, message: String) -> Self {
        Self {
            status,
            code,
            message,
            param: None,
            kind: "invalid_request_error",
        }
    }

    fn at(self, param: &str) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..self
        }
    }

    pub(crate) fn no_key() -> Self {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization \
                       header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
        Self::invalid(401, None, message.to_owned())
    }

    pub(crate) fn bad_key(key: &str) -> Self {
        Self::invalid(
            401,
            None,
            format!("Invalid API Key provided: {}", masked(key)),
        )
    }

    pub(crate) fn no_access(key: &str, account: &str) -> Self {
        let message = format!(
            "The provided key '{}' does not have access to account '{account}' (or that account does not exist). \
             Application access may have been revoked.",
            masked(key)
        );
        Self::invalid(403, Some("account_invalid"), message)
    }

    pub(crate) fn no_permission() -> Self {
        let message = "The provided key does not have the required permissions for this endpoint.";
        Self::invalid(403, None, message.to_owned())
    }

    pub(crate) fn test_account(account: &str) -> Self {
        let message = format!(
            "The account {account} was a test account created with a testmode key, and therefore can only be used \
             with testmode keys."
        );
        Self::invalid(400, None, message)
    }

    pub(crate) fn bad_version(name: &str) -> Self {
        Self::invalid(400, None, format!("Invalid Stripe API version: {name}"))
    }

    pub(crate) fn no_version() -> Self {
        let message =
            "You did not provide an API version. API v2 needs one in the Stripe-Version header.";
        Self::invalid(400, None, message.to_owned())
    }

    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        );
        Self::invalid(404, None, message)
    }

    /// There is no such object; `elsewhere` says whether one of the other mode has the id.
    pub(crate) fn missing(
        kind: &str,
        id: &str,
        param: &str,
        livemode: bool,
        elsewhere: bool,
    ) -> Self {
        let mut message = format!("No such {kind}: '{id}'");
        if elsewhere {
            let (there, here) = if livemode {
                ("test", "live")
            } else {
                ("live", "test")
            };
            message = format!(
                "{message}; a similar object exists in {there} mode, but a {here} mode key was used to make this \
                 request."
            );
        }
        Self::invalid(404, Some("resource_missing"), message).at(param)
    }

    pub(crate) fn unknown_parameter(name: &str) -> Self {
        let message = format!("Received unknown parameter: {name}");
        Self::invalid(400, Some("parameter_unknown"), message).at(name)
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        let message = format!("Missing required param: {name}.");
        Self::invalid(400, Some("parameter_missing"), message).at(name)
    }

    pub(crate) fn bad_parameter(name: &str, message: &str) -> Self {
        Self::invalid(400, None, message.to_owned()).at(name)
    }

    pub(crate) fn not_expandable(path: &str) -> Self {
        let message = format!("This property cannot be expanded ({path}).");
        Self::invalid(400, None, message).at("expand")
    }

    pub(crate) fn rate_limited() -> Self {
        let message = "Request rate limit exceeded. Learn more about rate limits here \
                       https://stripe.com/docs/rate-limits.";
        Self::invalid(429, Some("rate_limit"), message.to_owned())
    }

    pub(crate) fn broken(status: u16) -> Self {
        Self {
            kind: "api_error",
            ..Self::invalid(status, None, "An unknown error occurred".to_owned())
        }
    }

    /// The body that Stripe answers.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind });
        if let Some(code) = self.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            ));
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        json!({ "error": error })
    }
}

/// A key as Stripe quotes it: its beginning and its last four characters.
fn masked(key: &str) -> String {
    let characters: Vec<_> = key.chars().collect();
    let shown = characters.len().saturating_sub(4);
    let head: String = characters.iter().take(8.min(shown)).collect();
    let stars = "*".repeat(shown.saturating_sub(8));
    let tail: String = characters[shown..].iter().collect();
    format!("{head}{stars}{tail}")
}
