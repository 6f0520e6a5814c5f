//! Reconcile as a Lambda function: adapters in, [`reconcile::run_once`] out.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reconcile::{Invocation, Settings};
use serde_json::Value;
use sluice_adapters::config::{BadVariables, ReconcileConfig, Vars, environment};
use sluice_adapters::{aws, bus::EventBridgeBus, clock::SystemClock, ledger::DynamoLedger};
use sluice_adapters::{objects::StripeObjects, reconcile_store::DynamoNotes, telemetry};
use sluice_kernel::bus::trace;

type Adapters = (
    StripeObjects,
    DynamoLedger<SystemClock>,
    DynamoNotes,
    EventBridgeBus,
);

fn start() -> Result<(Adapters, Settings), BadVariables> {
    let mut vars = Vars::new(&environment);
    let config = ReconcileConfig::read(&mut vars);
    let sdk = aws::sdk_config(&mut vars);
    let objects = StripeObjects::read_for_lists(&mut vars, &sdk);
    vars.finish()?;
    let ledger = config.ledger_table;
    let adapters = (
        objects?,
        DynamoLedger::new(&sdk, ledger.clone(), SystemClock),
        DynamoNotes::new(&sdk, ledger, config.outcomes_table, config.retention_days),
        EventBridgeBus::new(&sdk, config.bus_name),
    );
    let settings = Settings {
        endpoints: config.endpoints,
        types: config.types,
        retention_days: config.retention_days,
        lapse_margin_ms: config.lapse_margin_ms,
        settle_s: config.settle_s,
        pages_max: config.pages_max,
        checks_max: config.checks_max,
    };
    Ok((adapters, settings))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start("reconcile");
    let (adapters, settings) = start().inspect_err(|error| telemetry::failed_start(error))?;
    let (adapters, settings) = (&adapters, &settings);
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        let (listing, ledger, notes, bus) = adapters;
        let id = &event.context.request_id;
        let invocation = Invocation {
            id,
            deadline_ms: i64::try_from(event.context.deadline).unwrap_or(i64::MAX),
            traceparent: &trace::of_invocation(event.context.xray_trace_id.as_deref(), id),
        };
        let ports = (listing, ledger, notes, bus);
        // A fault fails the invocation, which the function's error metric counts.
        let ran = Box::pin(reconcile::run_once(
            ports,
            &SystemClock,
            settings,
            invocation,
        ))
        .await;
        ran.map_err(Error::from)
    }))
    .await
}
