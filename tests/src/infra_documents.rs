//! That what `infra/README.md` and `infra/attach.md` tell a user to type is there: outputs, parameters, and shells' own grammar.

use crate::template::{Template, template};
use std::{collections::BTreeSet, io::Write as _, process::Command};

const DOCUMENTS: [&str; 2] = ["README.md", "attach.md"];

/// The blocks of a document that are for a shell.
fn commands(document: &str) -> Vec<String> {
    let text = template(document);
    let blocks = text.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned());
    blocks.collect()
}

#[test]
fn a_shell_understands_every_command() {
    for document in DOCUMENTS {
        let commands = commands(document);
        assert!(commands.len() > 5, "{document}");
        for block in commands {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(block.as_bytes()).unwrap();
            let checked = Command::new("sh").arg("-n").arg(file.path()).output().unwrap();
            assert!(checked.status.success(), "{document}: {}\n{block}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}

#[test]
fn every_output_that_is_asked_for_is_one() {
    let outputs = ["api.yaml", "edge.yaml"].map(|name| Template::raw(name).value()["Outputs"].clone());
    let known = |name: &str| outputs.iter().any(|outputs| outputs.get(name).is_some());
    let mut asked = BTreeSet::new();
    for document in DOCUMENTS {
        for block in commands(document) {
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

/// A parameter that is written with its value: `Mode=enforce`.
#[test]
fn every_parameter_that_is_given_is_one() {
    let parameters = ["api.yaml", "edge.yaml"].map(|name| Template::raw(name).value()["Parameters"].clone());
    let known = |name: &str| parameters.iter().any(|parameters| parameters.get(name).is_some());
    // The command line's own.
    let others = ["OutputKey", "ParameterKey", "UsePreviousValue"];
    let mut given = BTreeSet::new();
    for document in DOCUMENTS {
        let text = template(document);
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
