//! The alarms: whether they exist, are enabled, and notify a person.

use serde::{Deserialize, Serialize};

use super::{Findings, Patient};
use crate::problem::Problem;
use crate::stack::Stack;
use crate::xml::{List, list};

const VERSION: &str = "2010-08-01";

/// The most pages of alarms that are read, a hundred each.
const PAGES_MAX: usize = 10;

/// An alarm as CloudWatch describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its name, which begins with the stack's.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// Whether it acts when its state changes.
    pub acts: bool,
    /// How many things it notifies.
    pub actions: usize,
}

/// The answer to `DescribeAlarms`.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(rename = "DescribeAlarmsResult")]
    result: Page,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default = "list")]
    composite_alarms: List<Member>,
    #[serde(default = "list")]
    metric_alarms: List<Member>,
    next_token: Option<String>,
}

impl Page {
    fn alarms(self) -> impl Iterator<Item = Alarm> {
        let both = self.composite_alarms.member.into_iter();
        both.chain(self.metric_alarms.member).map(Alarm::from)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    alarm_name: String,
    #[serde(default)]
    state_value: String,
    actions_enabled: Option<bool>,
    #[serde(default = "list")]
    alarm_actions: List<String>,
}

impl From<Member> for Alarm {
    fn from(member: Member) -> Self {
        Self {
            name: member.alarm_name,
            state: member.state_value,
            acts: member.actions_enabled != Some(false),
            actions: member.alarm_actions.member.len(),
        }
    }
}

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("alarms");
    match all(patient.stack).await {
        Err(problem) => findings.unknown("alarms", &problem),
        Ok(alarms) => judge(patient, &alarms, &mut findings),
    }
    findings
}

/// The stack's alarms.
///
/// # Errors
/// When CloudWatch can't be asked.
pub async fn all(stack: &Stack) -> Result<Vec<Alarm>, Problem> {
    let mut fields = vec![
        ("AlarmNamePrefix".to_owned(), format!("{}-", stack.name)),
        ("MaxRecords".to_owned(), "100".to_owned()),
        ("AlarmTypes.member.1".to_owned(), "MetricAlarm".to_owned()),
        (
            "AlarmTypes.member.2".to_owned(),
            "CompositeAlarm".to_owned(),
        ),
    ];
    let length = fields.len();
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let answer: Answer = stack
            .aws
            .form("monitoring", VERSION, "DescribeAlarms", &fields)
            .await?;
        let next = answer.result.next_token.clone();
        all.extend(answer.result.alarms());
        let Some(token) = next.filter(|token| !token.is_empty()) else {
            break;
        };
        fields.truncate(length);
        fields.push(("NextToken".to_owned(), token));
    }
    Ok(all)
}

fn judge(patient: &Patient<'_>, alarms: &[Alarm], findings: &mut Findings) {
    let resources = patient.described.resources.iter();
    let expected = resources.filter(|[_, kind, _]| {
        ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"].contains(&kind.as_str())
    });
    let missing: Vec<_> = expected
        .filter(|[_, _, name]| !alarms.iter().any(|alarm| alarm.name == *name))
        .map(|[_, _, name]| name.as_str())
        .collect();
    if !missing.is_empty() {
        findings.wrong(
            "alarms",
            format!("deleted by hand: {}", missing.join(", ")),
            patient.deploy(""),
        );
    }
    if !alarms.is_empty() && alarms.iter().all(|alarm| alarm.actions == 0) {
        findings.look(
            "alarms",
            format!("none of the {} notifies a topic", alarms.len()),
            patient.deploy("AlarmTopicArn=arn:aws:sns:…"),
        );
    }
    for alarm in alarms {
        let short = alarm.name.strip_prefix(&patient.stack.name);
        let short = short.unwrap_or(&alarm.name).trim_start_matches('-');
        if !alarm.acts {
            findings.look(
                short,
                "its actions are switched off: it fires and notifies no topic",
                patient.aws(&format!(
                    "cloudwatch enable-alarm-actions --alarm-names {}",
                    alarm.name
                )),
            );
        }
        match alarm.state.as_str() {
            "ALARM" => findings.look(
                short,
                "rings",
                format!("its description names its runbook: {}", patient.aws(&format!(
                    "cloudwatch describe-alarms --alarm-names {} --query 'MetricAlarms[].AlarmDescription'",
                    alarm.name
                ))),
            ),
            _ => findings.good(short, alarm.state.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Described;

    use crate::doctor::tests::complaints;

    const XML: &str = "<DescribeAlarmsResponse><DescribeAlarmsResult><CompositeAlarms/><MetricAlarms><member><AlarmActions><member>arn:1</member>\
        <member>arn:2</member></AlarmActions><AlarmName>s-ingest.errors</AlarmName><ActionsEnabled>true</ActionsEnabled>\
        <Dimensions><member><Name>a</Name></member></Dimensions><StateValue>OK</StateValue></member><member>\
        <AlarmName>s-sweep.silent</AlarmName><ActionsEnabled>false</ActionsEnabled><StateValue>ALARM</StateValue>\
        </member></MetricAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>";

    fn read() -> Vec<Alarm> {
        let answer: Answer = crate::xml::read("DescribeAlarms", XML).expect("it is read");
        answer.result.alarms().collect()
    }

    #[test]
    fn alarms_are_read_from_cloudwatchs_answer_with_their_own_lists_inside() {
        let found = read();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].actions, found[0].acts), (2, true));
        assert_eq!((&*found[1].name, found[1].acts), ("s-sweep.silent", false));
    }

    #[test]
    fn an_alarm_that_rings_is_silenced_or_gone_is_named() {
        let mut stack = Stack::for_tests();
        stack.name = "s".to_owned();
        let resource = |name: &str| ["A", "AWS::CloudWatch::Alarm", name].map(str::to_owned);
        let patient = Patient {
            stack: &stack,
            described: Described {
                resources: ["s-ingest.errors", "s-claim.conflict"].map(resource).into(),
                ..Described::default()
            },
        };
        let alarms = read();
        let mut findings = Findings::of("alarms");
        judge(&patient, &alarms, &mut findings);
        let subjects: Vec<_> = complaints(&findings).into_iter().map(|it| it.1).collect();
        assert_eq!(subjects, ["alarms", "sweep.silent", "sweep.silent"]);
        let mut findings = Findings::of("alarms");
        judge(&patient, &alarms[1..], &mut findings);
        assert!(
            complaints(&findings)
                .iter()
                .any(|it| it.2.contains("notifies a topic"))
        );
    }
}
