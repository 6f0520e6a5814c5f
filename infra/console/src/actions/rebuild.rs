//! A rebuild of named objects, or of a whole domain.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;
use sluice_operations::control::Unwatched;
use sluice_operations::domains;
use sluice_operations::problem::Problem;
use sluice_operations::rebuild::{self, Plan, Wanted};
use sluice_operations::runs::{Confirmed, Object, RunKind, Start};
use sluice_operations::stack::Stack;

use super::{Action, Begun};
use crate::app::About;
use crate::body::shown;
use crate::fields::Fields;
use crate::limits::{PLAN_WAIT, PLANNED_BYTES};
use crate::query::object;
use crate::show::{Tone, command, toned, word};

/// How the run goes: as the program's own defaults.
const RATE_PER_S: u32 = 10;
const STOP_PERCENT: u32 = 10;

/// What to rebuild.
#[derive(Debug, Clone)]
pub(crate) struct Rebuild(Wanted);

impl Rebuild {
    fn call(&self, about: &About) -> String {
        let Wanted { domain, keys, .. } = &self.0;
        let keys: String = keys.iter().map(|key| format!(" '{key}'")).collect();
        let options: String = self
            .boxes()
            .iter()
            .filter(|(.., is_on)| *is_on)
            .map(|(_, option, _)| format!(" {option}"))
            .collect();
        about.command(&format!("rebuild {domain}{keys}{options}"))
    }

    fn boxes(&self) -> [(&'static str, &'static str, bool); 3] {
        let Wanted {
            without_key,
            emit,
            reopen,
            ..
        } = self.0;
        [
            ("without_key", "--without-key", without_key),
            ("emit", "--emit", emit),
            ("reopen", "--reopen", reopen),
        ]
    }
}

impl Action for Rebuild {
    type Plan = Plan;

    const PATH: &'static str = "/actions/rebuild";

    fn title(&self) -> String {
        match &self.0.keys[..] {
            [] => format!("Rebuild of {}", self.0.domain),
            [key] => format!("Rebuild of {key}"),
            keys => format!("Rebuild of {} objects", keys.len()),
        }
    }

    fn kind(&self) -> RunKind {
        RunKind::Rebuild
    }

    fn read(fields: &Fields) -> Result<Self, Problem> {
        let wanted = Wanted {
            domain: fields.needed("domain", "name the domain to rebuild")?,
            keys: fields.words("key"),
            without_key: fields.is_on("without_key"),
            emit: fields.is_on("emit"),
            reopen: fields.is_on("reopen"),
            rate: RATE_PER_S,
            stop_percent: STOP_PERCENT,
        };
        if wanted.reopen && (wanted.keys.is_empty() || wanted.without_key) {
            return Err(Problem::Usage(
                "an ended state is reopened for objects that are named, and by Stripe's answer"
                    .to_owned(),
            ));
        }
        Ok(Self(wanted))
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("domain", self.0.domain.clone()),
            ("key", self.0.keys.join(" ")),
        ];
        let boxes = self.boxes().into_iter();
        fields.extend(
            boxes.map(|(name, _, is_on)| (name, if is_on { "yes" } else { "" }.to_owned())),
        );
        fields
    }

    async fn plan(&self, stack: &Stack) -> Result<Plan, Problem> {
        domains::check_code(stack, &self.0.domain)?;
        rebuild::plan(stack, &self.0, PLAN_WAIT).await
    }

    fn digest(&self, plan: &Plan) -> String {
        plan.digest().to_owned()
    }

    fn name(&self, plan: &Plan) -> String {
        plan.name().to_owned()
    }

    async fn begin(
        &self,
        _: Plan,
        stack: &Arc<Stack>,
        confirmed: Confirmed,
    ) -> Result<Begun, Problem> {
        let (name, stack, wanted) = (confirmed.run.clone(), stack.clone(), self.0.clone());
        // It borrows the stack, so it begins where it works; its first answer says that it is recorded.
        let (say, begun) = tokio::sync::oneshot::channel();
        let work = async move {
            match rebuild::begin(&stack, wanted, Start::Confirmed(confirmed)).await {
                Ok(rebuild) => {
                    let _ = say.send(Ok(rebuild.at_ms()));
                    rebuild.resume(&mut Unwatched).await.map(drop)
                }
                Err(problem) => {
                    let _ = say.send(Err(problem));
                    Ok(())
                }
            }
        };
        let working = tokio::task::spawn_local(work);
        let cut_off = || Problem::failed("the rebuild was cut off before it began");
        let began_ms = begun.await.map_err(|_| cut_off())??;
        Ok(Begun {
            name,
            began_ms,
            work: Box::pin(async move { working.await.map_err(Problem::failed)? }),
        })
    }

    fn view(&self, about: &About, plan: &Plan) -> Markup {
        let Wanted {
            keys,
            emit,
            reopen,
            without_key,
            ..
        } = &self.0;
        html! {
            h2 { "What a rebuild would change" }
            p {
                strong { (plan.looked) @if plan.looked == 1 { " object" } @else { " objects" } } " looked at"
                @if plan.is_part { ", " (toned(Tone::Warn, "a part of the domain")) ": the plan's time was over. The run looks at all of them." }
            }
            div.scroll tabindex="0" { table {
                thead { tr { th { "would be" } th.number { "objects" } } }
                tbody { @for (what, count) in &plan.counts { tr { td { (word(what)) } td.number { (count) } } } }
            } }
            @for object in &plan.objects { (of_object(object, plan.objects.len())) }
            @if keys.is_empty() {
                p.dim { "A whole domain is confirmed by how it is rebuilt, and not by what each object becomes: its objects change with each event." }
            }
            ul {
                li { @if *without_key { "Stripe isn't asked: the ledger's bodies and the projections' own rows are used." }
                    @else { "Stripe is asked, " (RATE_PER_S) " requests per second at most." } }
                li { @if *emit || *reopen { "Levels that change are emitted at once." } @else { "Levels that change are emitted with each object's next event." } }
                @if *reopen { li { "An ended state is replaced by Stripe's answer." } }
            }
            p { "In the terminal: " (command(&self.call(about))) }
        }
    }

    fn button(&self, plan: &Plan) -> Option<String> {
        let (keys, looked) = (&self.0.keys, plan.looked);
        match keys.len() {
            0 if looked > 0 => Some(format!("Rebuild all of {}", self.0.domain)),
            1 => Some("Rebuild this object".to_owned()),
            count if count > 0 => Some(format!("Rebuild {count} objects")),
            _ => None,
        }
    }
}

/// An object that would change, with both states.
fn of_object(one: &Object, count: usize) -> Markup {
    let bytes_max = PLANNED_BYTES / count.max(1) / 2;
    let state = |state: &Value| match state {
        Value::Null => html! { p.dim { "no state" } },
        state => {
            let text = serde_json::to_vec(state).unwrap_or_default();
            html! { @if let Some(part) = shown(&text, bytes_max) { (part.html) } }
        }
    };
    html! {
        details open[count == 1] {
            summary {
                a href=(object(&one.key, None)) { (one.key) } " " (word(&one.change))
                @if let Some(code) = one.code { " " code { (code) } }
            }
            @if one.before != one.after {
                div.columns {
                    div { p.dim { "now" } (state(&one.before)) }
                    div { p.dim { "then" } (state(&one.after)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::about;

    fn read(pairs: &[(&str, &str)]) -> Result<Rebuild, Problem> {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Rebuild::read(&Fields(pairs.collect()))
    }

    #[test]
    fn what_a_form_confirms_is_what_its_plan_was_asked_for() {
        let key = "platform#test#pi_1";
        let asked = read(&[("domain", "payments"), ("key", key), ("reopen", "yes")]).expect("read");
        let fields = asked.fields();
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(read(&pairs).expect("read").0, asked.0);
        assert_eq!(
            asked.call(&about(true)),
            "sluice rebuild payments 'platform#test#pi_1' --reopen"
        );
        assert!(
            read(&[("domain", "payments"), ("reopen", "yes")]).is_err(),
            "without a key"
        );
        assert!(read(&[("key", key)]).is_err(), "without a domain");
    }
}
