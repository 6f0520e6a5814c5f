//! Ingest as a Lambda function: adapters in, [`ingest::answer`] out.

use lambda_http::{Error, run, service_fn};
use sluice_adapters::config::{BadVariables, IngestConfig, Vars, environment};
use sluice_adapters::{aws, bus::EventBridgeBus, clock::SystemClock, ledger::DynamoLedger};
use sluice_adapters::{secrets::SecretsManager, telemetry};
use sluice_kernel::secrets::SecretCache;
use sluice_stripe::signature::Tolerance;

type Door = ingest::Door<DynamoLedger<SystemClock>, EventBridgeBus, SecretsManager, SystemClock>;

fn door() -> Result<Door, BadVariables> {
    let mut vars = Vars::new(&environment);
    let config = IngestConfig::read(&mut vars);
    let sdk = aws::sdk_config(&mut vars);
    vars.finish()?;
    let tolerance = Tolerance::seconds(config.tolerance_s)
        .map_err(|error| BadVariables(vec![format!("TOLERANCE_SECONDS: {error}")]))?;
    Ok(Door {
        ledger: DynamoLedger::new(&sdk, config.ledger_table, SystemClock),
        bus: EventBridgeBus::new(&sdk, config.bus_name),
        secrets: SecretCache::new(
            SecretsManager::new(&sdk, config.secret_id),
            i64::from(config.secret_ttl_s) * 1000,
        ),
        clock: SystemClock,
        endpoints: config.endpoints,
        sources: config.sources,
        tolerance,
        body_bytes_max: config.body_bytes_max,
        retention_days: config.retention_days,
        lapse_margin_ms: config.lapse_margin_ms,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start("ingest");
    let door = door().inspect_err(|error| telemetry::failed_start(error))?;
    let door = &door;
    run(service_fn(move |request| ingest::answer(door, request))).await
}
