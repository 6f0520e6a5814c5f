//! How calls say who makes them.
//!
//! For each call the SDK builds two headers from its parts' versions, the features in use and the function's
//! environment. That was the longest step of preparing a call. Here the header is one constant text.

use aws_runtime::user_agent::UserAgentInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, disable_interceptor};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

const AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust/1");

/// Names Sluice in a call's header, in place of the SDK's own name.
#[derive(Debug)]
pub(crate) struct Agent;

impl Intercept for Agent {
    fn name(&self) -> &'static str {
        "Agent"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let disabled = disable_interceptor::<UserAgentInterceptor>("named by Agent");
        config.interceptor_state().store_put(disabled);
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // After signing: this header isn't part of the signature.
        let headers = context.request_mut().headers_mut();
        headers.insert("user-agent", AGENT);
        Ok(())
    }
}
