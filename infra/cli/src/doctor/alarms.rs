//! The alarms: whether they are there, ring, and tell somebody.

use sluice_local::aws::{elements, unescape};

use super::{Findings, Patient};
use crate::problem::Problem;

const VERSION: &str = "2010-08-01";

/// The most pages of alarms that are read, a hundred each.
const PAGES_MAX: usize = 10;

/// An alarm as CloudWatch describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alarm {
    name: String,
    state: String,
    /// Whether it acts, and upon how many things.
    acts: bool,
    actions: usize,
}

pub(super) async fn look(patient: &Patient<'_>) -> Findings {
    let mut findings = Findings::of("alarms");
    match alarms(patient).await {
        Err(problem) => findings.unknown("alarms", &problem),
        Ok(alarms) => judge(patient, &alarms, &mut findings),
    }
    findings
}

async fn alarms(patient: &Patient<'_>) -> Result<Vec<Alarm>, Problem> {
    let mut fields = vec![
        (
            "AlarmNamePrefix".to_owned(),
            format!("{}-", patient.context.stack),
        ),
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
        let xml = patient
            .context
            .aws
            .form("monitoring", VERSION, "DescribeAlarms", &fields)
            .await?;
        all.extend(members(&xml).into_iter().filter_map(alarm));
        let next = elements(&xml, "NextToken").first().copied().map(unescape);
        let Some(token) = next.filter(|token| !token.is_empty()) else {
            break;
        };
        fields.truncate(length);
        fields.push(("NextToken".to_owned(), token));
    }
    Ok(all)
}

/// The outermost members of both lists: an alarm has lists of members of its own.
fn members(xml: &str) -> Vec<&str> {
    let (open, close) = ("<member>", "</member>");
    let (mut found, mut depth, mut start, mut at) = (Vec::new(), 0_u32, 0, 0);
    while let Some(step) = xml[at..].find('<') {
        at += step;
        if xml[at..].starts_with(open) {
            at += open.len();
            if depth == 0 {
                start = at;
            }
            depth += 1;
        } else if xml[at..].starts_with(close) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                found.push(&xml[start..at]);
            }
            at += close.len();
        } else {
            at += 1;
        }
    }
    found
}

fn alarm(member: &str) -> Option<Alarm> {
    let text = |name| elements(member, name).first().map(|text| unescape(text));
    let actions = elements(member, "AlarmActions");
    Some(Alarm {
        name: text("AlarmName")?,
        state: text("StateValue").unwrap_or_default(),
        acts: text("ActionsEnabled").as_deref() != Some("false"),
        actions: actions
            .iter()
            .map(|list| elements(list, "member").len())
            .sum(),
    })
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
            format!("none of the {} tells anybody", alarms.len()),
            patient.deploy("AlarmTopicArn=arn:aws:sns:…"),
        );
    }
    for alarm in alarms {
        let short = alarm.name.strip_prefix(&patient.context.stack);
        let short = short.unwrap_or(&alarm.name).trim_start_matches('-');
        if !alarm.acts {
            findings.look(
                short,
                "its actions are switched off: it rings unheard",
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
    use crate::context::{Context, Described};
    use crate::doctor::tests::complaints;

    const XML: &str = "<DescribeAlarmsResult><CompositeAlarms/><MetricAlarms><member><AlarmActions><member>arn:1</member>\
        <member>arn:2</member></AlarmActions><AlarmName>s-ingest.errors</AlarmName><ActionsEnabled>true</ActionsEnabled>\
        <Dimensions><member><Name>a</Name></member></Dimensions><StateValue>OK</StateValue></member><member>\
        <AlarmName>s-sweep.silent</AlarmName><ActionsEnabled>false</ActionsEnabled><StateValue>ALARM</StateValue>\
        </member></MetricAlarms></DescribeAlarmsResult>";

    #[test]
    fn alarms_are_read_from_cloudwatchs_answer_with_their_own_lists_inside() {
        let found: Vec<_> = members(XML).into_iter().filter_map(alarm).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].actions, found[0].acts), (2, true));
        assert_eq!((&*found[1].name, found[1].acts), ("s-sweep.silent", false));
    }

    #[test]
    fn an_alarm_that_rings_is_silenced_or_gone_is_named() {
        let mut context = Context::for_tests();
        context.stack = "s".to_owned();
        let resource = |name: &str| ["A", "AWS::CloudWatch::Alarm", name].map(str::to_owned);
        let patient = Patient {
            context: &context,
            described: Described {
                resources: ["s-ingest.errors", "s-claim.conflict"].map(resource).into(),
                ..Described::default()
            },
        };
        let alarms: Vec<_> = members(XML).into_iter().filter_map(alarm).collect();
        let mut findings = Findings::of("alarms");
        judge(&patient, &alarms, &mut findings);
        let subjects: Vec<_> = complaints(&findings).into_iter().map(|it| it.1).collect();
        assert_eq!(subjects, ["alarms", "sweep.silent", "sweep.silent"]);
        let mut findings = Findings::of("alarms");
        judge(&patient, &alarms[1..], &mut findings);
        assert!(
            complaints(&findings)
                .iter()
                .any(|it| it.2.contains("tells anybody"))
        );
    }
}
