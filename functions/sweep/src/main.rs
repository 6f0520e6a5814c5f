//! Sweep as a Lambda function: adapters in, [`sweep::run_once`] out.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use sluice_adapters::config::{BadVariables, SweepConfig, Vars, environment};
use sluice_adapters::{
    aws, bus::EventBridgeBus, clock::SystemClock, ledger::DynamoLedger, telemetry,
};

fn ports() -> Result<(DynamoLedger<SystemClock>, EventBridgeBus, usize), BadVariables> {
    let mut vars = Vars::new(&environment);
    let config = SweepConfig::read(&mut vars);
    let sdk = aws::sdk_config(&mut vars);
    vars.finish()?;
    let ledger = DynamoLedger::new(&sdk, config.ledger_table, SystemClock);
    Ok((
        ledger,
        EventBridgeBus::new(&sdk, config.bus_name),
        config.entries_max,
    ))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start("sweep");
    let (ledger, bus, entries_max) = ports().inspect_err(|error| telemetry::failed_start(error))?;
    let (ledger, bus) = (&ledger, &bus);
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline_ms = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let swept = sweep::run_once(ledger, bus, &SystemClock, entries_max, deadline_ms).await;
        // A fault fails the invocation, which the function's error metric counts.
        swept.map_err(Error::from)
    }))
    .await
}
