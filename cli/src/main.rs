//! `countersign`: the operator's tool.
//!
//! The exit status is 0 if all that was asked is done, 1 if something failed (of `tour` also if a row is not as expected), 2 if the
//! command line is wrong, which clap finds before anything is done, and 3 if `doctor` or `status` has found something wrong. Standard
//! output has the result. Standard error has errors, hints and the log, and on a terminal the line of [`progress`] in the meantime.
//! If standard output cannot be written, the status is 1, or 141 if its reader has closed it.

mod artifacts;
mod aws;
mod completions;
mod credentials;
mod diagnosis;
mod doctor;
mod durations;
mod explain;
mod finding;
mod ignored;
mod key_file;
mod keys;
mod local;
mod output;
mod progress;
mod sign;
mod status;
mod times;
mod timings;
mod tour;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::process::ExitCode;

/// Close the back door of an API behind CloudFront: the edge signs requests, the gateway admits only signed requests
#[derive(Parser)]
#[command(name = "countersign", version = telemetry::VERSION, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit status:
  0    All that was asked is done
  1    Something failed, and standard error says what; in a tour, also if a row is not as expected
  2    The command line is wrong, and nothing was done
  3    doctor or status has found something wrong
  141  The reader of standard output closed it before its end, as head does

Examples:
  countersign tour                                   See what is admitted and what is refused
  countersign local --backend http://127.0.0.1:3000  Put both functions in front of your own server
  countersign keys rotate --keys keys.json           Rotate the keys of a file
  countersign keys rotate --help                     Read about one command";

#[derive(Subcommand)]
enum Command {
    /// Run CloudFront, API Gateway and both functions on this machine
    #[command(after_help = local::EXAMPLES)]
    Local(Box<local::Options>),
    /// Show what is admitted and what is refused, with real requests
    #[command(after_help = tour::EXAMPLES)]
    Tour(tour::Options),
    /// Sign one request, for a call to the API's own URL
    #[command(after_help = sign::EXAMPLES)]
    Sign(sign::Options),
    /// Explain why a request was refused, from the log, an event or the request itself
    #[command(after_help = diagnosis::EXAMPLES)]
    Explain(Box<diagnosis::Options>),
    /// Examine both doors and the configuration of a deployed API, and say what is wrong and what mends it
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(Box<doctor::Options>),
    /// Show what is in force in a deployed stack, what is due and what is wrong
    #[command(after_help = status::EXAMPLES)]
    Status(status::Options),
    /// Make, show and rotate keys, in a file or in AWS Secrets Manager
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Keys(keys::Command),
    /// Print the completions of a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    if tour::example_authorizer::is_called() {
        return tour::example_authorizer::run().await;
    }
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(answer) => return output::answer(&answer),
    };
    let changes = matches!(&command, Command::Keys(command) if command.changes_keys());
    let result: Result<ExitCode> = match command {
        Command::Local(options) => local::run(*options).await.map(|()| ExitCode::SUCCESS),
        Command::Tour(options) => tour::run(options).await,
        Command::Sign(options) => sign::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Explain(options) => diagnosis::run(*options).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor(options) => doctor::run(*options).await,
        Command::Status(options) => status::run(options).await,
        Command::Keys(command) => keys::run(command).await.map(|()| ExitCode::SUCCESS),
        Command::Completions(options) => completions::run(&options, Arguments::command()).map(|()| ExitCode::SUCCESS),
    };
    let changed = changes && result.is_ok();
    let status = result.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    });
    output::end(status, changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// The command and those below it, each with its whole name.
    fn commands(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let mut all = vec![(name.to_owned(), command.clone())];
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            all.extend(commands(below, &format!("{name} {}", below.get_name())));
        }
        all
    }

    #[test]
    fn every_help_ends_with_examples_of_its_command_in_100_columns() {
        let all = commands(&Arguments::command(), "countersign");
        assert_eq!(all.len(), 12);
        for (name, mut command) in all {
            let help = command.render_long_help().to_string();
            let (_, examples) = help.rsplit_once("\nExamples:\n").unwrap_or_else(|| panic!("{name}: {help}"));
            assert!(
                !examples.is_empty()
                    && examples.lines().all(|line| line.starts_with("  countersign ") || line.starts_with("    ")),
                "{name}: {examples}"
            );
            assert!(examples.lines().any(|line| line.trim_start().starts_with(&name)), "{name}: {examples}");
            let widest = help.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(100), "{name} {widest:?}: {help}");
        }
    }

    #[test]
    fn every_option_has_a_heading() {
        for (name, command) in commands(&Arguments::command(), "countersign") {
            for option in command.get_arguments().filter(|option| !option.is_positional()) {
                assert!(option.get_help_heading().is_some(), "{name}: {}", option.get_id());
            }
        }
    }

    /// The commands of the examples are read as they would be typed. One is not parsed further than its own options.
    #[test]
    fn every_example_is_accepted() {
        let all = commands(&Arguments::command(), "countersign");
        let helps = all.iter().filter_map(|(_, command)| command.get_after_help().map(ToString::to_string));
        let mut read = 0;
        let helps = helps.map(|help| help.replace(" \\\n    ", " ")).collect::<Vec<_>>().join("\n");
        for line in helps.lines() {
            let Some(line) = line.strip_prefix("  ").filter(|line| line.starts_with("countersign ")) else { continue };
            // Two spaces end the command, and a shell reads what follows.
            let line = line.split("  ").next().unwrap_or_default().split(['>', '|']).next().unwrap_or_default();
            let words = shlex::split(line).unwrap_or_else(|| panic!("{line}"));
            match Arguments::try_parse_from(words) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::DisplayHelp => {}
                Err(error) => panic!("{line}: {error}"),
            }
            read += 1;
        }
        assert!(read >= 15, "{read}");
    }

    /// The commands that the manual of the reasons advises. A placeholder becomes a value of its kind.
    #[test]
    fn every_command_of_the_manual_is_accepted() {
        let page = include_str!("../../docs/refusal-reasons.md").split_whitespace().collect::<Vec<_>>().join(" ");
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
        let (mut ours, mut of_aws) = (0, 0);
        for span in page.split('`').skip(1).step_by(2) {
            let words = shlex::split(span).unwrap_or_default();
            match words.first().map(String::as_str) {
                Some("countersign") if words.len() > 1 => {
                    let values = [("ARN", arn), ("LIST", "a.example=abc123/prod")];
                    let line = values.iter().fold(span.to_owned(), |line, (name, value)| line.replace(name, value));
                    match Arguments::try_parse_from(shlex::split(&line).unwrap()) {
                        Ok(_) => {}
                        // It only names the command.
                        Err(error) if !span.contains("--") && error.kind() == ErrorKind::MissingRequiredArgument => {}
                        Err(error) => panic!("{span}: {error}"),
                    }
                    ours += 1;
                }
                Some("aws") => {
                    let start = "aws cloudfront get-distribution-config --id DISTRIBUTION --query ";
                    assert!(span.starts_with(start) && words.len() == 7, "{span}");
                    of_aws += 1;
                }
                _ => {}
            }
        }
        assert!(ours > 10 && of_aws > 3, "{ours} {of_aws}");
    }
}
