//! Whether a delivery comes from an address that is allowed, if a list of them is configured.
//!
//! The address is the one that API Gateway saw, never one that a header claims. It is a second check and not the first:
//! a caller that is let through still has to sign. It costs nothing when it is off.

use std::net::IpAddr;

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// Whether the list lets this request through: an empty list lets all through.
pub(crate) fn is_allowed(sources: &[IpAddr], request: &Request) -> bool {
    sources.is_empty() || address(request).is_some_and(|address| sources.contains(&address))
}

/// The caller's address as API Gateway saw it; `None` if it has none that can be read.
fn address(request: &Request) -> Option<IpAddr> {
    let context = request.request_context_ref()?;
    let RequestContext::ApiGatewayV2(context) = context else {
        return None;
    };
    let address: IpAddr = context.http.source_ip.as_deref()?.parse().ok()?;
    // 1.2.3.4 may be written as ::ffff:1.2.3.4.
    Some(address.to_canonical())
}
