//! AWS's list prices. Region us-east-1, no free tier, no discount, the first step of each scale.
//!
//! From AWS's pricing pages as of November 2026: aws.amazon.com/`<service>`/pricing for DynamoDB (on-demand, Standard
//! class), Lambda (arm64), EventBridge, API Gateway (HTTP API), SQS (standard queues), CloudWatch, X-Ray and Secrets
//! Manager. What a price is per is in its name; `million` is of requests or units.
//!
//! The prices of requests, units, memory and logs were looked up then. The others weren't looked up again: those of
//! Scheduler and of calls of Secrets Manager, and those per month (storage, secrets, alarms, metrics, dashboards). They
//! are only in the lines beside the sum. Look at the pages before you rely on a figure.

pub use sluice_operations::prices::{QUEUE_MILLION, READ_UNITS_MILLION};

/// Dollars per million write request units: one per KB of an item.
pub const WRITE_UNITS_MILLION: f64 = 0.625;

/// Dollars per GB and month that a table or index holds.
pub const TABLE_GB_MONTH: f64 = 0.25;

/// Dollars per GB and month for a table's point-in-time recovery.
pub const RECOVERY_GB_MONTH: f64 = 0.20;

/// Dollars per million invocations.
pub const INVOCATIONS_MILLION: f64 = 0.20;

/// Dollars per GB of memory and second, arm64.
pub const MEMORY_GB_SECOND: f64 = 0.000_013_333_4;

/// Dollars per million events put on a bus: one per begun 64 KB of an event. Rules and a queue of the same account as
/// target are free.
pub const BUS_MILLION: f64 = 1.00;

/// Dollars per million requests to an HTTP API: one per begun 512 KB of a request.
pub const HTTP_API_MILLION: f64 = 1.00;

/// Dollars per GB of log lines taken in; those of Lambda and of an API's access log have the same first step.
pub const LOGS_GB: f64 = 0.50;

/// Dollars per million traces recorded.
pub const TRACES_MILLION: f64 = 5.00;

/// Dollars per million calls of Secrets Manager.
pub const SECRET_CALLS_MILLION: f64 = 5.00;

/// Dollars per million invocations of EventBridge Scheduler.
pub const SCHEDULED_MILLION: f64 = 1.00;

/// Dollars per secret and month.
pub const SECRET_MONTH: f64 = 0.40;

/// Dollars per alarm and month, for each metric that it looks at.
pub const ALARM_MONTH: f64 = 0.10;

/// Dollars per million requests to a customer managed key.
pub const KEY_REQUESTS_MILLION: f64 = 3.00;

/// Dollars per customer managed key and month.
pub const KEY_MONTH: f64 = 1.00;

/// Dollars per custom metric and month, for each combination of its dimensions.
pub const METRIC_MONTH: f64 = 0.30;

/// Dollars per dashboard and month.
pub const DASHBOARD_MONTH: f64 = 3.00;
