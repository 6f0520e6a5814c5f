//! The billing domain as a Lambda function: the SQS runner over [`billing::Billing`].

use billing::Billing;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sluice_adapters::consumer::Error> {
    sluice_adapters::consumer::run::<Billing>().await
}
