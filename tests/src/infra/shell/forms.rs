//! What holds for every block of every document.

use crate::{
    infra::shell::blocks::{Block, blocks_of, documents, fenced},
    support::artifacts::{shellcheck, zsh},
};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::Path,
    process::Command,
};

/// The blocks that do not run whole, by something that stands in them: what is answered for them, and why.
const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "README.md",
        "cargo xtask package",
        "recorded",
        "cargo: the packages are built before the tests, and tested by themselves",
    ),
    ("README.md", "output ApiURL", "recorded", "curl: no request leaves this machine"),
    ("README.md", "front=$(output CFDistribution)", "recorded", "curl: no emulator has a distribution that answers"),
    ("README.md", "ec2 describe-regions", "recorded", "the emulator has 30 Regions, which take a second each"),
    ("README.md", "keys rotate", "recorded", "cargo: the recorder runs the program that is built, on the emulator"),
    ("RUNBOOK.md", "--deployment-mode REVERT_DRIFT", "parsed", "no emulator compares a stack with what is there"),
    ("RUNBOOK.md", "execute-change-set", "parsed", "the change set is that of the block before it"),
    ("RUNBOOK.md", "--metric-name Throttles", "recorded", "thirteen Regions take a second each"),
    (
        "attach.md",
        "expect '403' \"$BACK\" -H 'Countersign-Signature-Input: x'",
        "recorded",
        "curl: no emulator has a distribution that answers",
    ),
    ("attach.md", "connects() (", "recorded", "curl: no emulator has a distribution that answers"),
    ("attach.md", "get-authorizers", "recorded", "no emulator lists the authorizers of an HTTP API"),
    ("attach.md", "list-routing-rules", "recorded", "no emulator has routing rules"),
    ("attach.md", "--log-type Tail", "recorded", "the emulator runs no function"),
];

/// What ShellCheck says and does not hold here.
const EXCLUDED: &[(&str, &str)] = &[
    ("SC2016", "single quotes are meant: programs of jq, and names with a dollar sign"),
    ("SC2034", "the first block sets variables for the others"),
    ("SC2046", "a substitution without quotes is meant to be words: it is in zsh too, other than a variable"),
    ("SC2153", "region is another variable than REGION"),
    ("SC2154", "variables of the first block, or that the reader sets"),
];

fn all() -> Vec<Block> {
    documents().iter().flat_map(|document| blocks_of(document, "sh")).collect()
}

#[test]
fn every_block_has_one_class_and_every_exception_a_reason() {
    let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for block in all() {
        assert!(["run", "recorded", "parsed"].contains(&block.class()), "{}: ```{}", block.place(), block.info);
        *counted.entry((block.document.clone(), block.class().to_owned())).or_default() += 1;
        let its =
            EXCEPTIONS.iter().filter(|(document, part, ..)| block.document == *document && block.text.contains(part));
        let its: Vec<_> = its.collect();
        match (block.class(), its.as_slice()) {
            ("run", []) => {}
            (class, [(_, part, of, _)]) if class == *of => assert!(used.insert(part), "{part:?} is in two blocks"),
            (class, its) => panic!("{} is {class}: {its:?}", block.place()),
        }
    }
    assert_eq!(used.len(), EXCEPTIONS.len(), "not used: {:?}", EXCEPTIONS.iter().filter(|e| !used.contains(&e.1)));
    println!("{counted:#?}");
}

/// A block in another language would have no class.
#[test]
fn every_block_for_a_shell_says_so() {
    let languages: BTreeSet<_> = documents()
        .iter()
        .flat_map(|document| fenced(document))
        .map(|block| block.info.split(' ').next().unwrap().to_owned())
        .collect();
    let known = ["hcl", "js", "json", "python", "sh", "ts", "vtl", "yaml"].map(str::to_owned);
    assert!(languages.is_subset(&known.into()), "{languages:?}");
}

/// A block is one command, so that nothing runs after a failure, and so that a failure does not end the reader's shell. Only the
/// first block of a document sets variables and functions, which are such commands themselves, and checks them at its end.
#[test]
fn a_block_is_one_command_that_stops_at_its_first_failure() {
    for document in documents() {
        let blocks = blocks_of(&document, "sh");
        let Some((first, others)) = blocks.split_first() else { continue };
        let functions: Vec<_> = commands(first)
            .iter()
            .filter_map(|command| command.split_once("() (").map(|(name, _)| name.to_owned()))
            .collect();
        for command in commands(first) {
            let is_set = command
                .split_once('=')
                .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
            let is_function = functions.iter().any(|name| {
                ["", "o pipefail"].iter().any(|more| command.starts_with(&format!("{name}() ( set -eu{more}\n")))
            });
            assert!(
                is_set || command.starts_with("export ") || is_function || command.starts_with("( set -eu"),
                "{}: {command}",
                first.place()
            );
        }
        assert!(
            commands(first).last().unwrap().starts_with("( set -eu"),
            "{} does not check what it sets",
            first.place()
        );
        for block in others {
            let commands = commands(block);
            let [command] = commands.as_slice() else { panic!("{} is {} commands", block.place(), commands.len()) };
            let calls = functions
                .iter()
                .any(|name| command.starts_with(&format!("{name} ")) && !command.contains(['|', ';', '&']));
            assert!(
                calls || command.starts_with("( set -euo pipefail\n") && command.ends_with("\n)"),
                "{}",
                block.place()
            );
        }
    }
}

/// The commands of a block that begin a line, with the lines that belong to them.
fn commands(block: &Block) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in block.text.lines().filter(|line| !line.is_empty()) {
        match commands.last_mut() {
            Some(command) if is_open => {
                command.push('\n');
                command.push_str(line);
            }
            _ => commands.push(line.to_owned()),
        }
        let command = commands.last().unwrap();
        let is_group = command.starts_with("( ") || command.lines().next().unwrap().contains("() (");
        is_open = if is_group { !line.ends_with(')') || line.starts_with(' ') } else { line.ends_with('\\') };
        if is_group && line == ")" {
            is_open = false;
        }
    }
    commands
}

/// A user's zsh does not know comments.
#[test]
fn no_block_has_a_comment() {
    for block in all() {
        let comment = block.text.lines().find(|line| line.trim_start().starts_with('#') || line.contains(" # "));
        assert_eq!(comment, None, "{}", block.place());
    }
}

/// zsh reads `$ACCOUNT:countersign` as a modifier of the variable, `:c`.
#[test]
fn no_variable_without_braces_is_before_a_colon_and_a_letter() {
    let modifier = Regex::new(r"\$[A-Za-z_]+:[A-Za-z]").unwrap();
    for block in all() {
        let found = modifier.find(&block.text).map(|found| found.as_str());
        assert_eq!(found, None, "{}", block.place());
    }
}

/// A function that several documents have is the same in all of them.
#[test]
fn functions_of_one_name_are_the_same_in_all_documents() {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for first in documents().iter().filter_map(|document| blocks_of(document, "sh").into_iter().next()) {
        for command in commands(&first) {
            if let Some((name, body)) = command.split_once("() (") {
                let before = known.entry(name.to_owned()).or_insert_with(|| body.to_owned());
                assert_eq!(before, body, "{}: {name}", first.place());
            }
        }
    }
    assert!(known.contains_key("output"), "{known:?}");
}

#[test]
fn bash_zsh_and_shellcheck_understand_every_block() {
    let excluded = EXCLUDED.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(",");
    for block in all() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(block.text.as_bytes()).unwrap();
        for (program, arguments) in [
            (Path::new("bash"), vec!["-n"]),
            (&zsh(), vec!["-f", "-n"]),
            (&shellcheck(), vec!["--norc", "--shell=bash", "--exclude", &excluded]),
        ] {
            let checked = Command::new(program).args(arguments).arg(file.path()).output().unwrap();
            let said = [checked.stdout, checked.stderr].concat();
            assert!(
                checked.status.success(),
                "{}: {}: {}",
                block.place(),
                program.display(),
                String::from_utf8_lossy(&said)
            );
        }
    }
}
