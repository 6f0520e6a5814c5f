//! Whether a delivery comes from an address that is allowed, where a list of them is configured.
//!
//! The address is the one that API Gateway saw, never one that a header claims. A second lock and not the first: who is let
//! through still has to sign. It costs nothing where it is off.

use std::net::IpAddr;

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// Whether the list lets this request through: an empty one lets all.
pub(crate) fn is_allowed(sources: &[IpAddr], request: &Request) -> bool {
    sources.is_empty() || address(request).is_some_and(|address| sources.contains(&address))
}

/// The caller's address as API Gateway saw it; `None` where it names none that can be read.
fn address(request: &Request) -> Option<IpAddr> {
    let context = request.request_context_ref()?;
    let RequestContext::ApiGatewayV2(context) = context else {
        return None;
    };
    let address: IpAddr = context.http.source_ip.as_deref()?.parse().ok()?;
    // 1.2.3.4 may be written as ::ffff:1.2.3.4.
    Some(address.to_canonical())
}
