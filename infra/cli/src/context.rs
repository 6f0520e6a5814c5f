//! Which stack a command works on, and where it prints.

use std::path::PathBuf;

use clap::Args;
use sluice_operations::aws::Aws;
use sluice_operations::problem::Problem;
use sluice_operations::stack::Stack;

use crate::output::{Colour, Output};

/// What those are listed under, apart from a command's own.
const OF_EVERY_COMMAND: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The CloudFormation stack, in AWS. Without it, the local stack that `make run` started.
    #[arg(long, global = true, env = "SLUICE_STACK", value_name = "NAME", help_heading = OF_EVERY_COMMAND)]
    stack: Option<String>,
    /// The AWS Region; by default as the AWS CLI finds it.
    #[arg(long, global = true, requires = "stack", help_heading = OF_EVERY_COMMAND)]
    region: Option<String>,
    /// The profile in your AWS configuration; by default as the AWS CLI finds it.
    #[arg(long, global = true, requires = "stack", help_heading = OF_EVERY_COMMAND)]
    profile: Option<String>,
    /// What describes the local stack; `make run` writes it.
    #[arg(
        long,
        global = true,
        default_value = "target/local/stack.json",
        value_name = "FILE",
        hide_default_value = true,
        help_heading = OF_EVERY_COMMAND
    )]
    stack_file: PathBuf,
    /// One JSON object per line, for machines.
    #[arg(long, global = true, help_heading = OF_EVERY_COMMAND)]
    json: bool,
    /// When to colour: auto (on a terminal), always, never.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = Colour::Auto,
        value_name = "WHEN",
        hide_default_value = true,
        hide_possible_values = true,
        help_heading = OF_EVERY_COMMAND
    )]
    color: Colour,
}

impl Global {
    /// Standard output with these options.
    pub(crate) fn output(&self) -> Output {
        Output::new(self.json, self.color)
    }

    /// Whether the stack is in AWS, and not the local one.
    pub(crate) fn names_stack(&self) -> bool {
        self.stack.is_some()
    }
}

/// A stack, and the output for what is found in it.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The stack.
    pub(crate) stack: Stack,
    /// Standard output.
    pub(crate) out: Output,
}

impl Context {
    /// Finds the stack that the options name: without `--stack` the local one.
    pub(crate) async fn find(global: &Global) -> Result<Self, Problem> {
        let stack = match &global.stack {
            None => Stack::local(&global.stack_file)?,
            Some(name) => {
                let aws = Aws::usual(global.profile.as_deref(), global.region.as_deref()).await?;
                Stack::deployed(aws, name).await?
            }
        };
        let out = global.output();
        Ok(Self { stack, out })
    }

    /// A stack with nothing in it, at an address where nothing answers.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            stack: Stack::for_tests(),
            out: Output::new(false, Colour::Never),
        }
    }
}
