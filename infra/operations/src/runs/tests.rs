//! Runs over pages, with a table that gives prepared answers.

use serde_json::json;

use super::*;
use crate::versions::tests::lambda;

/// Three pages of this number of objects, of which every n-th is rejected.
struct Three {
    objects: usize,
    rejected_every: usize,
}

impl Pages for Three {
    fn is_over(&self, at: &Value) -> bool {
        at == 3
    }

    async fn page(&mut self, at: &Value, tally: &mut Tally<'_>) -> Result<Value, Problem> {
        for n in 1..=self.objects {
            let rebuilt = Rebuilt {
                change: Change::Changed,
                before: json!({}),
                after: json!({ "n": n }),
                is_fetched: false,
                is_guess: false,
                note: None,
            };
            let result = match n % self.rejected_every {
                0 => Err(Fault::reject(code::OBJECT_FIELD_MISSING, "no text at id")),
                _ => Ok(rebuilt),
            };
            tally.count(&format!("k{n}"), result)?;
        }
        Ok(json!(at.as_u64().unwrap_or_default() + 1))
    }
}

#[derive(Default)]
struct Seen {
    objects: Vec<Object>,
    pages: usize,
    stop_after: Option<usize>,
}

impl Watch for Seen {
    fn object(&mut self, object: &Object) -> Result<(), Problem> {
        self.objects.push(object.clone());
        Ok(())
    }

    fn page(&mut self, _: &BulkRun) -> ControlFlow<String> {
        self.pages += 1;
        match self.stop_after == Some(self.pages) {
            true => ControlFlow::Break("paused by ada".to_owned()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn reason() -> Start {
    Start::New(Reason {
        who: "ada".to_owned(),
        why: "fixed".to_owned(),
    })
}

/// Runs over three pages with a table that gives these answers. Returns the result, what was seen, and what was sent.
async fn run(
    start: Start,
    answers: Vec<(u16, &'static str)>,
    pages: Three,
    stop_after: Option<usize>,
) -> (Result<Ended, Problem>, Seen, Vec<String>) {
    let (aws, serving) = lambda(answers.leak());
    let mut stack = Stack::for_tests();
    stack.aws = aws;
    stack
        .tables
        .insert("outcomes".to_owned(), "s-outcomes".to_owned());
    let mut seen = Seen {
        stop_after,
        ..Seen::default()
    };
    let begun = Bulk::begin(&stack, RunKind::Rebuild, "billing", start, 10, Value::Null).await;
    let ended = match begun {
        Ok(bulk) => bulk.resume(pages, &mut seen).await,
        Err(problem) => Err(problem),
    };
    (ended, seen, serving.join().expect("it served"))
}

const FEW: Three = Three {
    objects: 4,
    rejected_every: 4,
};

#[tokio::test]
async fn a_plan_counts_and_leaves_no_trace() {
    let start = Start::Plan { from: None };
    let (ended, seen, sent) = run(start, Vec::new(), FEW, None).await;
    let ended = ended.expect("it ended");
    assert!(!ended.done && ended.run.starts_with("rebuild-billing-"));
    assert_eq!((ended.looked, ended.failed), (12, 3));
    assert_eq!(ended.counts["changed"], 9);
    assert_eq!(ended.counts["rejected object.field_missing"], 3);
    assert_eq!(ended.trouble().as_deref(), Some("3 failed"));
    assert_eq!((seen.objects.len(), sent.len()), (12, 0));
    assert!(!seen.objects[0].done);
}

#[tokio::test]
async fn a_run_is_recorded_before_its_first_page_after_each_and_at_its_end() {
    let (ended, seen, sent) = run(reason(), vec![(200, "{}"); 6], FEW, None).await;
    assert!(ended.expect("it ended").done && seen.objects[0].done);
    assert_eq!(seen.pages, 3);
    assert!(sent[0].contains(r#""pk":{"S":"runs"}"#), "{}", sent[0]);
    assert!(sent[1].contains("attribute_not_exists"), "{}", sent[1]);
    for (n, at) in [(2, 1), (3, 2), (4, 3)] {
        let at = format!(r#"\"at\":{at},"#);
        assert!(
            sent[n].contains(&at) && sent[n].contains(":before"),
            "{}",
            sent[n]
        );
        assert!(
            sent[n].contains(r#"\"standing\":\"running\""#),
            "{}",
            sent[n]
        );
        assert!(sent[n].contains(r#"\"who\":\"ada\",\"why\":\"fixed\""#));
    }
    assert!(sent[5].contains(r#"\"standing\":\"done\""#), "{}", sent[5]);
}

#[tokio::test]
async fn a_run_stops_itself_once_it_has_looked_at_enough_and_too_many_failed() {
    let pages = Three {
        objects: 12,
        rejected_every: 6,
    };
    let (ended, seen, sent) = run(reason(), vec![(200, "{}"); 4], pages, None).await;
    let ended = ended.expect("it ended");
    assert_eq!(seen.pages, 1, "after twelve it is too soon to say");
    let reason = "4 of 24 failed, more than 10 %";
    assert_eq!(ended.stopped.as_deref(), Some(reason));
    let trouble = format!("the run stopped itself: {reason}");
    assert_eq!(ended.trouble(), Some(trouble));
    assert!(sent[3].contains(reason), "{}", sent[3]);
}

#[tokio::test]
async fn a_run_that_is_paused_is_recorded_with_the_reason_and_resumed_from_its_place() {
    let (ended, _, sent) = run(reason(), vec![(200, "{}"); 4], FEW, Some(1)).await;
    let ended = ended.expect("it ended");
    assert_eq!(ended.stopped.as_deref(), Some("paused by ada"));
    assert_eq!(ended.looked, 4);
    let put = sent[3].split_once("HTTP/1.1 ").expect("a request").1;
    let put: Value = serde_json::from_str(put).expect("JSON");
    let there = json!({ "Item": put["Item"] }).to_string().leak();
    let mut answers = vec![(200, "{}"); 4];
    answers[0] = (200, &*there);
    let resume = Start::Resume(ended.run.clone());
    let (resumed, seen, sent) = run(resume, answers, FEW, None).await;
    let resumed = resumed.expect("it ended");
    assert_eq!((resumed.run, resumed.looked), (ended.run, 12));
    assert_eq!((seen.pages, resumed.stopped), (2, None));
    assert!(
        sent[3].contains(r#"\"who\":\"ada\",\"why\":\"fixed\""#),
        "{}",
        sent[3]
    );
}

#[tokio::test]
async fn a_run_that_another_program_goes_on_with_is_left_to_it() {
    let answers = vec![
        (200, "{}"),
        (200, "{}"),
        (400, r#"{"__type":"ConditionalCheckFailedException"}"#),
        (200, "{}"),
        (200, "{}"),
    ];
    let (ended, seen, _) = run(reason(), answers, FEW, None).await;
    let said = ended.expect_err("taken").to_string();
    assert!(said.starts_with("run.taken"), "{said}");
    assert_eq!(seen.pages, 0);
}

#[tokio::test]
async fn a_run_that_somebody_has_stopped_ends_after_its_page_as_the_record_has_it() {
    let document = json!({
        "name": "rebuild-billing-1", "who": "ada", "why": "x", "at": null, "at_ms": 1, "looked": 0, "failed": 0,
        "counts": {}, "standing": "by bob: too many",
    });
    let stopped = json!({ "Item": { "doc": { "S": document.to_string() } } });
    let answers = vec![
        (200, "{}"),
        (200, "{}"),
        (400, r#"{"__type":"ConditionalCheckFailedException"}"#),
        (200, "{}"),
        (200, &*stopped.to_string().leak()),
    ];
    let (ended, seen, _) = run(reason(), answers, FEW, None).await;
    let ended = ended.expect("it ended");
    assert_eq!(ended.stopped.as_deref(), Some("by bob: too many"));
    let trouble = "the run was stopped by bob: too many";
    assert_eq!(ended.trouble().as_deref(), Some(trouble));
    assert_eq!(seen.pages, 0, "what it did of the page isn't counted");
}

#[tokio::test]
async fn a_confirmed_plan_is_a_run_of_its_name_with_its_digest_and_what_was_asked() {
    let confirmed = |run: &str| {
        Start::Confirmed(Confirmed {
            run: run.to_owned(),
            plan: "0011".to_owned(),
            reason: Reason {
                who: "ada".to_owned(),
                why: "fixed".to_owned(),
            },
        })
    };
    let (ended, _, sent) = run(
        confirmed("rebuild-billing-7"),
        vec![(200, "{}"); 6],
        FEW,
        None,
    )
    .await;
    assert_eq!(ended.expect("it ended").run, "rebuild-billing-7");
    assert!(sent[0].contains(r#""plan":{"S":"0011"}"#), "{}", sent[0]);
    for other in ["rebuild-payments-7", "rebuild-billing-7/../8", ""] {
        let (refused, _, sent) = run(confirmed(other), Vec::new(), FEW, None).await;
        assert_eq!(refused.expect_err("no name").exit_code(), 2);
        assert!(sent.is_empty(), "{other}");
    }
}

#[tokio::test]
async fn a_run_of_something_else_is_not_resumed() {
    let resume = || Start::Resume("rebuild-payments-1".to_owned());
    let (missing, ..) = run(resume(), vec![(200, "{}")], FEW, None).await;
    assert_eq!(missing.expect_err("there is none").exit_code(), 3);
    let document = json!({
        "name": "rebuild-payments-1", "who": "ada", "why": "x", "at": null, "at_ms": 1, "looked": 0, "failed": 0,
        "counts": {}, "standing": "running",
    });
    let item = json!({ "Item": { "doc": { "S": document.to_string() } } });
    let answers = vec![(200, &*item.to_string().leak())];
    let (other, ..) = run(resume(), answers, FEW, None).await;
    assert_eq!(other.expect_err("of payments").exit_code(), 2);
}
