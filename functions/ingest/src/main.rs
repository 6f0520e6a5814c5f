//! Ingest as a Lambda function: adapters in, [`ingest::answer`] out.
//!
//! What the first delivery needs is prepared before it comes: the secrets, the dictionary of bodies, and connections to
//! the ledger's table and the bus. These wait for their answers concurrently, in the one phase in which Lambda gives a
//! small function a whole processor. If one of them fails, the first delivery tries again.

use ingest::envelope::{Envelope, Reply};
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use sluice_adapters::config::{BadVariables, IngestConfig, Vars, environment};
use sluice_adapters::http::Http;
use sluice_adapters::{aws, bus::EventBridgeBus, clock::SystemClock, ledger::DynamoLedger};
use sluice_adapters::{codec, secrets::SecretsManager, telemetry};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::secrets::SecretCache;
use sluice_stripe::signature::Tolerance;

type Ingest =
    ingest::Ingest<DynamoLedger<SystemClock>, EventBridgeBus, SecretsManager, SystemClock>;

async fn build() -> Result<Ingest, BadVariables> {
    let mut vars = Vars::new(&environment);
    let config = IngestConfig::read(&mut vars);
    let http = Http::default();
    let sdk = aws::sdk_config_over(&http, &mut vars);
    vars.finish()?;
    let tolerance = Tolerance::seconds(config.tolerance_s)
        .map_err(|error| BadVariables(vec![format!("TOLERANCE_SECONDS: {error}")]))?;
    let ingest = Ingest {
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
    };
    let _ = tokio::join!(
        ingest.secrets.get(SystemClock.now_ms()),
        aws::open(&http, &sdk, ["dynamodb", "events"]),
        // While the others wait.
        async { codec::prepare() },
    );
    Ok(ingest)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start("ingest");
    let ingest = build()
        .await
        .inspect_err(|error| telemetry::failed_start(error))?;
    let ingest = &ingest;
    let answer = move |event: LambdaEvent<Envelope>| async move {
        let request = event.payload.into_request(event.context)?;
        let response = ingest::answer(ingest, request).await?;
        Ok::<_, Error>(Reply::from(response))
    };
    lambda_runtime::run(service_fn(answer)).await
}
