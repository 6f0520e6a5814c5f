//! `sluice doctor`: finds what of a stack isn't set up as it has to be, and the command that fixes it.

use sluice_operations::doctor::{self, Finding, FindingLevel, Findings};
use sluice_operations::problem::Problem;

use crate::context::Context;
use crate::output::{BAD, DIM, GOOD, WARN, paint};

const EXAMPLES: &str = "Examples:
  sluice doctor                            what is wrong here, and how to fix it
  sluice --stack sluice-prod doctor        in AWS
  sluice doctor --all                      what is right, too
  sluice doctor --json | jq -r 'select(.level == \"wrong\") | .mend'

Exit code 4: something is wrong, or with --strict also if something should be looked at or is unknown.";

/// What to look at.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Show what is right, too.
    #[arg(long)]
    all: bool,
    /// Exit code 4 also if something is only worth a look, or unknown.
    #[arg(long)]
    strict: bool,
}

/// Looks at everything.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let found = doctor::look(&context.stack).await?;
    print(context, &args, &found)?;
    let count = |level| {
        let all = found.iter().flat_map(|findings| &findings.all);
        all.filter(|finding| finding.level == level).count()
    };
    let (wrong, look, unknown) = (
        count(FindingLevel::Wrong),
        count(FindingLevel::Look),
        count(FindingLevel::Unknown),
    );
    match wrong > 0 || args.strict && look + unknown > 0 {
        true => Err(Problem::Partly(format!(
            "{wrong} wrong, {look} to look at, {unknown} unknown"
        ))),
        false => Ok(()),
    }
}

fn print(context: &Context, args: &Args, found: &[Findings]) -> Result<(), Problem> {
    let shown = |finding: &&Finding| {
        args.all || context.out.is_json() || finding.level != FindingLevel::Good
    };
    for Findings { area, all } in found {
        if context.out.is_json() {
            for finding in all {
                context.out.value(finding)?;
            }
            continue;
        }
        let good = all
            .iter()
            .filter(|it| it.level == FindingLevel::Good)
            .count();
        let good = match (all.len(), good) {
            (0, _) => paint(DIM, "nothing to look at"),
            (count, good) if count == good => paint(GOOD, format!("{good} good")),
            (count, good) => format!("{good} of {count} good"),
        };
        context
            .out
            .line(format!("{} {good}", paint(DIM, format!("{area:<14}"))))?;
        for finding in all.iter().filter(shown) {
            let (style, mark) = match finding.level {
                FindingLevel::Good => (GOOD, "good   "),
                FindingLevel::Unknown => (WARN, "unknown"),
                FindingLevel::Look => (WARN, "look   "),
                FindingLevel::Wrong => (BAD, "wrong  "),
            };
            let Finding {
                subject,
                code,
                said,
                fix,
                ..
            } = finding;
            context
                .out
                .line(format!("  {} {subject}: {said}", paint(style, mark)))?;
            let runbook = code.map_or_else(String::new, |code| format!("infra/runbooks/{code}.md"));
            for next in [fix, &runbook].into_iter().filter(|it| !it.is_empty()) {
                context
                    .out
                    .line(format!("          {} {next}", paint(DIM, "→")))?;
            }
        }
    }
    Ok(())
}
