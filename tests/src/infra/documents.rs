//! The outputs, parameters, headers and reasons that `infra/*.md` tell a user to type exist.

use crate::infra::{
    shell::{Block, blocks_of, documents},
    support::{
        rows::{HTTP_API, api},
        template::{Template, template},
    },
};
use std::{collections::BTreeSet, fs, path::Path};

const TEMPLATES: [&str; 5] = ["api.yaml", "edge.yaml", "example.yaml", "front.yaml", "monitoring.yaml"];

/// The blocks of a document that are for a shell.
fn commands(document: &str) -> Vec<String> {
    blocks_of(document, "sh").into_iter().map(|Block { text, .. }| text).collect()
}

#[test]
fn every_output_that_is_asked_for_is_one() {
    let outputs = TEMPLATES.map(|name| Template::raw(name).value()["Outputs"].clone());
    let known = |name: &str| outputs.iter().any(|outputs| outputs.get(name).is_some());
    let mut asked = BTreeSet::new();
    for document in documents() {
        for block in commands(&document) {
            for rest in block.split("output ").skip(1) {
                let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
                // `--output json` is another word, and so is a variable.
                if name.starts_with(|first: char| first.is_ascii_uppercase())
                    && name.chars().any(|c| c.is_ascii_lowercase())
                {
                    assert!(known(&name), "{document}: output {name}");
                    asked.insert(name);
                }
            }
        }
    }
    for name in ["CFDistribution", "BackDoor", "SignerVersionArn", "AuthorizerId", "SigningSecretArn"] {
        assert!(asked.contains(name), "nobody asks for {name}");
    }
}

/// A parameter that is written with its value, `Mode=enforce`, or an output in the form in which other stacks take it.
#[test]
fn every_parameter_that_is_given_is_one() {
    let templates = TEMPLATES.map(Template::raw);
    let known = |name: &str| {
        let mut parts =
            templates.iter().flat_map(|template| ["Parameters", "Outputs"].map(|part| &template.value()[part]));
        parts.any(|part| part.get(name).is_some())
    };
    // The command line's own.
    let others =
        ["DistributionConfig", "Name", "OutputKey", "ParameterKey", "Region", "RouteKey", "UsePreviousValue", "Value"];
    let mut given = BTreeSet::new();
    for document in documents() {
        let text = template(&document);
        for before in text.split('=') {
            let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            let is_camel =
                name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().any(|c| c.is_ascii_lowercase());
            if is_camel && !others.contains(&name) {
                assert!(known(name), "{document}: {name}=");
                given.insert(name.to_owned());
            }
        }
    }
    assert!(given.len() > 10, "{given:?}");
}

/// An API whose authorizer asks for another header than the edge sends answers 401 to everybody.
#[test]
fn an_authorizer_of_ones_own_asks_for_what_the_stacks_does() {
    let source = |parameters: &[(&str, &str)]| {
        let stack = api(&[&[("Mode", "enforce")], parameters].concat());
        stack.value()["Outputs"]["IdentitySource"]["Value"].as_str().unwrap().to_owned()
    };
    let (rest, http) = (source(&[]), source(HTTP_API));
    let header = rest.rsplit('.').next().unwrap();
    let text = template("attach.md");
    for (tool, form, times) in [
        ("OpenAPI", format!("identitySource: \"{rest}\""), 1),
        ("Terraform, REST", format!("= \"{rest}\" #"), 1),
        ("Terraform, HTTP", format!("`identity_sources = [\"{http}\"]`"), 1),
        ("SAM", format!("Headers: [{header}]}}"), 2),
        ("CDK, REST", format!("identitySources: [apigateway.IdentitySource.header('{header}')]"), 1),
        ("CDK, HTTP", format!("identitySource: ['{http}']"), 1),
    ] {
        assert_eq!(text.matches(&form).count(), times, "{tool}: {form}");
    }
    // No header else is asked for, but the origin's secret header by a validator, and the user's own by the authorizer that is called next.
    let asked = text.split("request.header.").skip(1);
    let asked: BTreeSet<_> =
        asked.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap()).collect();
    assert_eq!(asked, [header, "x-origin-verify", "Authorization"].into());
}

/// What an operator looks for in the log is what the programs write.
#[test]
fn every_reason_and_every_field_of_the_log_is_one_of_the_programs() {
    let code = ["signing", "key-store", "authorizer"].map(sources).concat();
    let text = template("attach.md");
    let (_, table) = text.split_once("| `reason` |").unwrap();
    let rows = table.lines().skip(2).map_while(|line| line.trim_start().strip_prefix("| "));
    let reasons = rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2));
    let mut told = BTreeSet::new();
    for reason in reasons {
        let written = match reason.strip_suffix('…') {
            Some(beginning) => code.contains(&format!("\"{beginning}")),
            None => code.contains(&format!("\"{reason}\"")),
        };
        assert!(written, "no program says {reason}");
        told.insert(reason);
    }
    for reason in ["header-missing", "base-path", "digest-required", "connection-option", "path-too-long"] {
        assert!(told.contains(reason), "nothing says what to do about {reason}");
    }

    for block in commands("attach.md").iter().filter(|block| block.contains("--log-group-name")) {
        // The fields of a line, in a program of jq or in a pattern of CloudWatch.
        for rest in block.split([' ', '(', '{', '[', '$']).filter_map(|word| word.strip_prefix('.')) {
            let field: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let words =
                |line: &str| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == field);
            assert!(field.is_empty() || field == "timestamp" || code.lines().any(words), "no program writes {field}");
        }
    }
}

/// The context in the documents is the authorizer's.
#[test]
fn every_name_of_the_context_is_one_of_the_authorizer() {
    let code = sources("authorizer");
    let text = template("attach.md");
    let names: BTreeSet<_> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_of_the_context(word)).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    for name in names {
        let snake = name
            .chars()
            .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]));
        let snake: String = snake.collect();
        let mut words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        assert!(words.any(|word| word == name || word == snake), "the authorizer hands no {name} on");
    }
}

fn is_of_the_context(word: &str) -> bool {
    let rest = word.strip_prefix("countersign");
    word == "viewerIp" || rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// All that a crate's own code says.
fn sources(name: &str) -> String {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")];
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all += &fs::read_to_string(path).unwrap();
            }
        }
    }
    all
}
