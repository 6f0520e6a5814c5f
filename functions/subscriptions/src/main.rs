//! The subscriptions domain as a Lambda function: the SQS runner over [`subscriptions::Subscriptions`].

use subscriptions::Subscriptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sluice_adapters::consumer::Error> {
    sluice_adapters::consumer::run::<Subscriptions>().await
}
