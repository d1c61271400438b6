//! That what `infra/README.md` and `infra/attach.md` tell a user to type is there: outputs, parameters, headers, reasons, and shells'
//! own grammar. Code that they show runs.

use crate::{
    template::{Template, template},
    template_rows::{HTTP_API, api},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

const DOCUMENTS: [&str; 2] = ["README.md", "attach.md"];

/// The blocks of a document that are for a shell.
fn commands(document: &str) -> Vec<String> {
    blocks(document, "sh")
}

/// The blocks of a document that are in this language. Those in a list are indented.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let (text, begin) = (template(document), format!("```{language}\n"));
    let blocks = text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
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
    // No header else is asked for, but the origin's secret header by a validator.
    let asked = text.split("request.header.").skip(1);
    let asked: BTreeSet<_> =
        asked.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap()).collect();
    assert_eq!(asked, [header, "x-origin-verify"].into());
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

/// The context that the documents tell of is the authorizer's.
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

/// Both programs of the document, with the base path that the API has, over events as API Gateway sends them to a function.
#[track_caller]
fn check(base_path: &str, rows: &[(&str, Value, Value)]) {
    const JAVASCRIPT: &str = "
        import { readFileSync } from 'node:fs';
        import { verified } from './verified.mjs';
        const answers = JSON.parse(readFileSync(0, 'utf8')).map((event) => {
          try {
            const { path, query, body } = verified(event);
            return [path, query, body.toString('base64')];
          } catch (error) {
            return error.constructor === Error ? error.message : error.name;
          }
        });
        console.log(JSON.stringify(answers));
    ";
    const PYTHON: &str = r#"
import base64, json, sys
from verified import verified

def answer(event):
    try:
        made = verified(event)
        return [made["path"], made["query"], base64.b64encode(made["body"]).decode()]
    except ValueError as error:
        return "URIError" if isinstance(error, UnicodeDecodeError) else str(error)

print(json.dumps([answer(event) for event in json.load(sys.stdin)]))
"#;
    let events: Value = rows.iter().map(|(_, event, _)| event.clone()).collect();
    for (language, end, program, main) in [("js", "mjs", "node", JAVASCRIPT), ("python", "py", "python3", PYTHON)] {
        let [code] = <[String; 1]>::try_from(blocks("attach.md", language)).expect("there is one block");
        let set = |quote: char| format!("BASE_PATH = {quote}{base_path}{quote}");
        assert_eq!(code.matches("BASE_PATH = ''").count() + code.matches("BASE_PATH = \"\"").count(), 1);
        let code = code.replace("BASE_PATH = ''", &set('\'')).replace("BASE_PATH = \"\"", &set('"'));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("verified.{end}")), code).unwrap();
        fs::write(folder.path().join(format!("main.{end}")), main).unwrap();
        let mut child = Command::new(program)
            .arg(folder.path().join(format!("main.{end}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} starts: {error}"));
        child.stdin.take().unwrap().write_all(events.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{language}: {}", output.status);
        let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answers.len(), rows.len());
        for (answer, (name, _, expected)) in answers.iter().zip(rows) {
            assert_eq!(answer, expected, "{language}: {name}");
        }
    }
}

/// `{}` as it is signed.
const DIGEST: &str = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";

/// One object with the members of all.
fn with(all: &[Value]) -> Value {
    let members = all.iter().flat_map(|object| object.as_object().unwrap().clone());
    Value::Object(members.collect())
}

fn verified(path: &str, target: &str) -> Value {
    json!({"countersign": "verified", "countersignPath": path, "countersignTarget": target, "countersignKeyId": "k1",
        "countersignViewerIp": "203.0.113.7", "viewerIp": "203.0.113.7"})
}

/// A function behind a REST API gets what was signed, and refuses all else.
#[test]
fn a_function_behind_a_rest_api_compares_what_was_verified() {
    // `more` is what the caller has made of it; the context is what the authorizer has verified.
    let event = |path: &str, context: Value, more: Value| {
        let context = with(&[context, json!({"principalId": "countersign", "integrationLatency": 4})]);
        let event = json!({"resource": "/{proxy+}", "path": path, "httpMethod": "POST", "body": null, "isBase64Encoded": false,
            "queryStringParameters": {"id": "7"}, "requestContext": {"stage": "prod", "authorizer": context}});
        with(&[event, more])
    };
    let plain = json!({});
    let pets = verified("/pets", "/prod/pets?id=7;view=full");
    let signed = |digest: &str| with(&[pets.clone(), json!({"countersignBodyDigest": digest})]);
    let omitted = |names: &str| with(&[pets.clone(), json!({"countersignOmitted": names})]);
    let no_target =
        json!({"countersign": "verified", "countersignPath": "/pets", "countersignOmitted": "countersignTarget"});
    let odd = verified("/p'ets", "/prod/p'ets?x=\"\\&y=?a");
    check(
        "",
        &[
            (
                "a query as it was signed",
                event("/pets", pets.clone(), plain.clone()),
                json!(["/pets", "id=7;view=full", ""]),
            ),
            ("no query", event("/pets", verified("/pets", "/prod/pets"), plain.clone()), json!(["/pets", "", ""])),
            ("quotes", event("/p'ets", odd, plain.clone()), json!(["/p'ets", "x=\"\\&y=?a", ""])),
            ("an escape", event("/a%2Fb", verified("/a%2Fb", "/prod/a%2Fb"), plain.clone()), json!(["/a%2Fb", "", ""])),
            ("another path", event("/admin", pets.clone(), plain.clone()), json!("another path")),
            ("a slash more", event("/pets/", pets.clone(), plain.clone()), json!("another path")),
            (
                "its body",
                event("/pets", signed(DIGEST), json!({"body": "{}"})),
                json!(["/pets", "id=7;view=full", "e30="]),
            ),
            ("another body", event("/pets", signed(DIGEST), json!({"body": "[]"})), json!("another body")),
            ("its body is gone", event("/pets", signed(DIGEST), plain.clone()), json!("another body")),
            ("a body that nobody signed", event("/pets", pets.clone(), json!({"body": "{}"})), json!("another body")),
            ("a long target", event("/pets", no_target, plain.clone()), json!("too long: countersignTarget")),
            (
                "a long target and digest",
                event("/pets", omitted("countersignTarget,countersignBodyDigest"), plain.clone()),
                json!("too long: countersignTarget,countersignBodyDigest"),
            ),
            (
                "monitor mode",
                event("/pets", json!({"countersign": "would-refuse"}), plain.clone()),
                json!("not verified"),
            ),
            ("no context", event("/pets", plain.clone(), plain.clone()), json!("not verified")),
            ("no authorizer", json!({"path": "/pets", "requestContext": {"stage": "prod"}}), json!("not verified")),
        ],
    );
    check(
        "/v1",
        &[
            ("a base path", event("/v1/pets", pets.clone(), plain.clone()), json!(["/pets", "id=7;view=full", ""])),
            ("another base path", event("/v2/pets", pets.clone(), plain.clone()), json!("another path")),
            ("none", event("/pets", pets.clone(), plain.clone()), json!("another path")),
        ],
    );
}

/// A function behind an HTTP API likewise: what it sees is decoded, and has a named stage in front.
#[test]
fn a_function_behind_an_http_api_compares_what_was_verified() {
    let event = |stage: &str, path: &str, context: Value, more: Value| {
        let event = json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "id=7",
            "isBase64Encoded": false, "requestContext": {"stage": stage, "authorizer": {"lambda": context}}});
        with(&[event, more])
    };
    let plain = json!({});
    let pets = verified("/pets", "/pets?id=7");
    let signed = |digest: &str| with(&[pets.clone(), json!({"countersignBodyDigest": digest})]);
    let omitted =
        |names: &str| json!({"countersign": "verified", "countersignPath": "/pets", "countersignOmitted": names});
    let all = json!(["/pets", "id=7", ""]);
    let bytes = "sha-256=:qBAK5qoZQNC2Y7sxzUZhQuu9vVGHExuS2TgYmHgy64k=:";
    check(
        "",
        &[
            ("the stage $default", event("$default", "/pets", pets.clone(), plain.clone()), all.clone()),
            ("a named stage", event("prod", "/prod/pets", pets.clone(), plain.clone()), all.clone()),
            (
                "a named stage that is missing",
                event("prod", "/pets", pets.clone(), plain.clone()),
                json!("another path"),
            ),
            (
                "escapes",
                event("$default", "/a b/é", verified("/a%20b/%C3%A9", "/a"), plain.clone()),
                json!(["/a%20b/%C3%A9", "id=7", ""]),
            ),
            ("a plus", event("$default", "/a+b", verified("/a+b", "/a+b"), plain.clone()), json!(["/a+b", "id=7", ""])),
            ("not UTF-8", event("$default", "/\u{fffd}", verified("/%E9", "/%E9"), plain.clone()), json!("URIError")),
            ("another path", event("$default", "/pets/../admin", pets.clone(), plain.clone()), json!("another path")),
            (
                "its body",
                event("$default", "/pets", signed(DIGEST), json!({"body": "{}"})),
                json!(["/pets", "id=7", "e30="]),
            ),
            (
                "a body of bytes",
                event("$default", "/pets", signed(bytes), json!({"body": "/w==", "isBase64Encoded": true})),
                json!(["/pets", "id=7", "/w=="]),
            ),
            ("another body", event("$default", "/pets", signed(bytes), json!({"body": "{}"})), json!("another body")),
            ("its body is gone", event("$default", "/pets", signed(DIGEST), plain.clone()), json!("another body")),
            (
                "a body that nobody signed",
                event("$default", "/pets", pets.clone(), json!({"body": "{}"})),
                json!("another body"),
            ),
            ("a long target", event("$default", "/pets", omitted("countersignTarget"), plain.clone()), all),
            (
                "a long digest",
                event("$default", "/pets", omitted("countersignTarget,countersignBodyDigest"), plain.clone()),
                json!("too long: countersignBodyDigest"),
            ),
            (
                "monitor mode",
                event("$default", "/pets", json!({"countersign": "would-refuse"}), plain.clone()),
                json!("not verified"),
            ),
            (
                "another authorizer",
                json!({"version": "2.0", "rawPath": "/pets", "requestContext": {"stage": "$default", "authorizer": {"jwt": {}}}}),
                json!("not verified"),
            ),
        ],
    );
}
