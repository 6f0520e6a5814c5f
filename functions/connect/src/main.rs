//! The connect domain as a Lambda function: the SQS runner over [`connect::Connect`].

use connect::Connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sluice_adapters::consumer::Error> {
    sluice_adapters::consumer::run::<Connect>().await
}
