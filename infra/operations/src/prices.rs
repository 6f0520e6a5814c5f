//! List prices of the calls that this library makes. Region us-east-1, no free tier, no discount.
//!
//! From AWS's pricing pages as of November 2026: aws.amazon.com/`<service>`/pricing for DynamoDB (on-demand), SQS
//! (standard queues) and CloudWatch. Calls of Lambda's, EventBridge's and CloudFormation's management
//! and `FilterLogEvents` have no price there. Look at the pages before you rely on a figure.

/// Dollars per million read request units: one per 4 KB of an item that is read consistently, half for others.
pub const READ_UNITS_MILLION: f64 = 0.125;

/// Dollars per million requests to a queue: one per begun 64 KB of a request.
pub const QUEUE_MILLION: f64 = 0.40;

/// Dollars per thousand metrics that `GetMetricData` answers with.
pub const METRICS_THOUSAND: f64 = 0.01;

/// A price in dollars as people read it, to the hundredth of a cent.
pub fn shown(dollars: f64) -> String {
    match dollars < 0.0001 {
        true => "less than $0.0001".to_owned(),
        false => format!("${dollars:.4}"),
    }
}
