//! `sluice`, the operator's program: shows and changes a stack, local or in AWS.
//!
//! # Layout
//! - `context`: which stack, and where its resources are.
//! - `change`: `--yes` and `--why`, for commands that change something.
//! - `output`: tables, colour, JSON lines; `progress`: how far a command is.
//! - one module per command. The work is done in `sluice_operations`.
//!
//! # Adding a command
//! Add a module with an `Args` for clap and a `run(context, args)`, a variant of [`Command`], a line in [`perform`] and
//! an example. A command prints for people through [`output::Output::line`]; with `--json` it prints
//! [`output::Output::value`] only.
//!
//! Exit codes: 0 done; 1 AWS can't be reached or refuses; 2 the call can't be understood; 3 what was asked for isn't
//! there; 4 a part was done, or what was looked at has a problem.

mod access;
mod bulk;
mod change;
mod console;
mod context;
mod dlq;
mod doctor;
mod erase;
mod event;
mod import;
mod output;
mod progress;
mod rebuild;
mod reconcile;
mod recorded;
mod rejected;
mod replay;
mod rollback;
mod runs;
mod secret;
mod shadow;
mod show;
mod smoke;
mod state;
mod status;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::context::{Context, Global};
use crate::output::{BAD, paint};
use sluice_operations::problem::Problem;

/// Operates a Sluice stack: the local one, or with --stack one in AWS.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, after_help = EXAMPLES, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  sluice status                             health at a glance; with --check, exit code 4 if something isn't well
  sluice doctor                             what isn't set up as it has to be, and the command that fixes it
  sluice event show evt_1Qabc               an event: where it stands, and what became of it
  sluice event show evt_1Qabc --body        its body, byte for byte
  sluice event list --type 'charge.*'       the newest events of these types
  sluice event tail                         new events as they come
  sluice access show cus_Qabc               what a customer may use now
  sluice state show pi_3Qabc                an object, as its domain has it
  sluice replay evt_1Qabc                   what publishing it again would do; --yes does it
  sluice rollback payments                  what going back to the version before would change; --yes does it
  sluice dlq list                           dead letters, by cause
  sluice runs                               what operators did: who, when and why
  sluice reconcile --run                    what Stripe has and the ledger hasn't: found, and let in
  sluice secret status                      signing secrets, and which of them Stripe signs with
  sluice --stack sluice-live event show evt_1Qabc
                                            in AWS, with your usual credentials
  sluice --stack sluice-live shadow --theirs seen.csv
                                            before switching: against what the endpoint of today has seen

Every command has examples of its own: sluice COMMAND --help. With --json each prints one JSON object per line.

Exit codes: 0 done; 1 AWS can't be reached or refuses; 2 the call can't be understood; 3 what was asked for isn't there;
4 a part was done, or what was looked at isn't well.";

#[derive(Debug, Subcommand)]
enum Command {
    /// A stack's health at a glance.
    Status(status::Args),
    /// Serves a stack to a browser on this machine; read-only without --write.
    Console(console::Args),
    /// What isn't set up as it has to be, and what fixes it.
    Doctor(doctor::Args),
    /// Events, as the ledger has them.
    Event {
        #[command(subcommand)]
        command: event::Command,
    },
    /// Objects of Stripe's, as their domains have them.
    State {
        #[command(subcommand)]
        command: state::Command,
    },
    /// What a customer may use.
    Access {
        #[command(subcommand)]
        command: access::Command,
    },
    /// An event (`evt_…`) or an object, whichever the id names: short for `event show` and `state show`.
    Show(show::Args),
    /// Publishes ledgered events again. Shows what would happen, and does it with --yes.
    Replay(Box<replay::Args>),
    /// Points a domain or ingest at the version before. Shows what would differ, and does it with --yes.
    Rollback(rollback::Args),
    /// Events that domains rejected or are failing at, by code and cause.
    Rejected {
        #[command(subcommand)]
        command: rejected::Command,
    },
    /// Dead letters, by cause.
    Dlq {
        #[command(subcommand)]
        command: dlq::Command,
    },
    /// What operators did, newest first: replays, rebuilds, imports, rollbacks, dead letters, erasures, secrets.
    Runs(runs::Args),
    /// How whole the ledger is beside Stripe's list of events: the last reports, or a run now.
    Reconcile(reconcile::Args),
    /// Recomputes a domain's projections, and emits nothing by default. Says what would change, and does it with --yes.
    Rebuild(rebuild::Args),
    /// Imports objects that are older than the first event, and emits nothing for new ones. Counts them, and does it
    /// with --yes.
    Import(import::Args),
    /// Before switching: what was seen here, against what the endpoint of today has seen.
    Shadow(shadow::Args),
    /// The endpoints' signing secrets: how they stand, and rolling one.
    Secret {
        #[command(subcommand)]
        command: secret::Command,
    },
    /// Tries an endpoint: it has to take what Stripe signs, and nothing else.
    Smoke(smoke::Args),
    /// Judges signatures: reads lines of JSON {name, secrets, header_b64, header_null, body_b64, now, tolerance} from
    /// standard input and answers {"name", "verdict"} a line, where the verdict is "ok" or a code.
    Verify,
    /// Takes what belongs to a customer out of the ledger, the projections and the dead letters. Says what, and does it with
    /// --yes.
    Erase(erase::Args),
}

async fn run(cli: Cli) -> Result<(), Problem> {
    let Cli { global, command } = cli;
    // These commands work without a stack.
    if matches!(command, Command::Verify) {
        return verify::run();
    }
    if let Command::Smoke(args) = command {
        return smoke::run(&global, args).await;
    }
    perform(&Context::find(&global).await?, command).await
}

/// Runs the commands that work on a stack.
async fn perform(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::Status(args) => status::run(context, args).await?,
        Command::Console(args) => console::run(context, args).await?,
        Command::Event { command } => event::run(context, command).await?,
        Command::State { command } => state::run(context, command).await?,
        Command::Replay(args) => replay::run(context, *args).await?,
        Command::Rollback(args) => rollback::run(context, args).await?,
        Command::Runs(args) => runs::run(context, args).await?,
        Command::Dlq { command } => dlq::run(context, command).await?,
        Command::Rejected { command } => rejected::run(context, command).await?,
        Command::Rebuild(args) => rebuild::run(context, args).await?,
        Command::Import(args) => import::run(context, args).await?,
        Command::Access { command } => access::run(context, command).await?,
        Command::Reconcile(args) => reconcile::run(context, args).await?,
        Command::Shadow(args) => shadow::run(context, args).await?,
        Command::Secret { command } => secret::run(context, command).await?,
        Command::Doctor(args) => doctor::run(context, args).await?,
        Command::Erase(args) => erase::run(context, args).await?,
        Command::Show(args) => show::run(context, args).await?,
        Command::Smoke(_) | Command::Verify => {}
    }
    context.out.flush()
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Problem::from(error)),
    };
    let Err(problem) = result else {
        return ExitCode::SUCCESS;
    };
    if problem.exit_code() != 0 {
        anstream::eprintln!("{} {problem}", paint(BAD, "sluice:"));
    }
    ExitCode::from(problem.exit_code())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_and_option_is_described_soundly() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_every_command_stand_before_or_after_it() {
        for call in [
            ["sluice", "--json", "event", "show", "evt_1"],
            ["sluice", "event", "show", "evt_1", "--json"],
        ] {
            let cli = Cli::try_parse_from(call).expect("it is understood");
            assert!(cli.global.output().is_json());
        }
        let without_stack = ["sluice", "--region", "eu-west-1", "show", "evt_1"];
        assert!(Cli::try_parse_from(without_stack).is_err());
    }

    /// The exit code and the output of a call, on a stack with the domains `payments` and `unbuilt` where nothing
    /// answers.
    async fn refusal(call: &str) -> (u8, String) {
        let mut context = Context::for_tests();
        for domain in ["payments", "unbuilt"] {
            let url = || "http://127.0.0.1:1/queue".to_owned();
            let dead = format!("{domain}_dead_letters");
            context
                .stack
                .tables
                .insert(domain.to_owned(), domain.to_owned());
            context.stack.queues.insert(domain.to_owned(), url());
            context.stack.queues.insert(dead, url());
            context
                .stack
                .functions
                .insert(domain.to_owned(), domain.to_owned());
        }
        for table in ["ledger", "outcomes"] {
            context
                .stack
                .tables
                .insert(table.to_owned(), table.to_owned());
        }
        let words = ["sluice"].into_iter().chain(call.split(' '));
        let cli = Cli::try_parse_from(words).expect("it is understood");
        let problem = perform(&context, cli.command).await.expect_err(call);
        (problem.exit_code(), problem.to_string())
    }

    #[tokio::test]
    async fn a_domain_that_the_stack_has_not_is_refused_by_each_command_that_takes_one() {
        for call in [
            "rebuild nosuch",
            "replay evt_1 --domain nosuch",
            "rejected retry --digest 3fa2c1d09b77 --domain nosuch",
            "event list --domain nosuch",
            "event tail --domain nosuch",
            "dlq list nosuch",
            "dlq show nosuch",
            "dlq redrive nosuch",
            "dlq discard nosuch --why a-test",
            "rollback nosuch",
        ] {
            let (code, said) = refusal(call).await;
            assert_eq!(code, 2, "{call}: {said}");
            for word in ["nosuch", "payments", "unbuilt"] {
                assert!(said.contains(word), "{call}: {said}");
            }
        }
    }

    #[tokio::test]
    async fn no_domains_code_runs_over_the_table_of_a_domain_that_the_program_was_built_without() {
        for call in [
            "rebuild unbuilt",
            "rebuild unbuilt platform#live#txr_1",
            "replay evt_1 --domain unbuilt",
            "rejected retry --digest 3fa2c1d09b77 --domain unbuilt",
        ] {
            let (code, said) = refusal(call).await;
            assert_eq!(code, 2, "{call}: {said}");
            assert!(
                said.contains("built without")
                    && said.contains("unbuilt")
                    && said.contains("payments"),
                "{call}: {said}"
            );
        }
    }
}
