//! The sample receiver as a Lambda function: messages go to the SNS topic `TOPIC_ARN`.

use aws_sdk_sns::Client;
use notify::code;
use notify::{Notify, Post};
use sluice_adapters::aws;
use sluice_adapters::receiver::{self, Error};
use sluice_kernel::fault::Fault;

struct Topic {
    client: Client,
    arn: String,
}

impl Post for Topic {
    async fn post(&self, _id: &str, subject: &str, text: &str) -> Result<(), Fault> {
        let publish = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(subject)
            .message(text);
        let sent = publish.send().await;
        sent.map(drop)
            .map_err(|error| aws::unavailable(code::NOTIFY_FAILED, "Publish", &error))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    receiver::run(|vars, sdk| Notify {
        post: Topic {
            client: Client::new(sdk),
            arn: vars.text("TOPIC_ARN"),
        },
    })
    .await
}
