//! AWS's list prices. Region us-east-1, no free tier, no discount, the first step of each scale.
//!
//! From AWS's pricing pages as of November 2026: aws.amazon.com/`<service>`/pricing for DynamoDB (on-demand, Standard
//! class), Lambda (arm64), EventBridge, API Gateway (HTTP API), SQS (standard queues), CloudWatch, X-Ray and Secrets
//! Manager. What a price is per is in its name; `million` is of requests or units.
//!
//! Those of requests, units, memory and logs were looked up then. Those of Scheduler and of calls of Secrets Manager, and those a
//! month (storage, secrets, alarms, metrics, dashboards) weren't looked up anew; they are in the lines beside the sum alone.
//! Look at the pages before you rely on a figure.

/// $ a million write request units: a KB of an item each.
pub const WRITE_UNITS_MILLION: f64 = 0.625;

/// $ a million read request units: 4 KB of an item read consistently each.
pub const READ_UNITS_MILLION: f64 = 0.125;

/// $ a GB and month that a table or index holds.
pub const TABLE_GB_MONTH: f64 = 0.25;

/// $ a GB and month of a table with point-in-time recovery, for that.
pub const RECOVERY_GB_MONTH: f64 = 0.20;

/// $ a million invocations.
pub const INVOCATIONS_MILLION: f64 = 0.20;

/// $ a GB of memory and second, arm64.
pub const MEMORY_GB_SECOND: f64 = 0.000_013_333_4;

/// $ a million events put on a bus, each begun 64 KB of one. Rules and a queue of the same account as target are free.
pub const BUS_MILLION: f64 = 1.00;

/// $ a million requests to an HTTP API, each begun 512 KB of one.
pub const HTTP_API_MILLION: f64 = 1.00;

/// $ a million requests to a queue, each begun 64 KB of one.
pub const QUEUE_MILLION: f64 = 0.40;

/// $ a GB of log lines taken in; those of Lambda and of an API's access log have the same first step.
pub const LOGS_GB: f64 = 0.50;

/// $ a million traces recorded.
pub const TRACES_MILLION: f64 = 5.00;

/// $ a million calls of Secrets Manager.
pub const SECRET_CALLS_MILLION: f64 = 5.00;

/// $ a million invocations of EventBridge Scheduler.
pub const SCHEDULED_MILLION: f64 = 1.00;

/// $ a secret and month.
pub const SECRET_MONTH: f64 = 0.40;

/// $ an alarm and month, for each metric that it looks at.
pub const ALARM_MONTH: f64 = 0.10;

/// $ a million requests to a key of one's own.
pub const KEY_REQUESTS_MILLION: f64 = 3.00;

/// $ a key of one's own and month.
pub const KEY_MONTH: f64 = 1.00;

/// $ a custom metric and month, for each combination of its dimensions.
pub const METRIC_MONTH: f64 = 0.30;

/// $ a dashboard and month.
pub const DASHBOARD_MONTH: f64 = 3.00;
