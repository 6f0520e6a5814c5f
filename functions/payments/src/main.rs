//! The payments domain as a Lambda function: the SQS runner over [`payments::Payments`].

use payments::Payments;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sluice_adapters::consumer::Error> {
    sluice_adapters::consumer::run::<Payments>().await
}
