//! An account for one test: a program `aws`, which says what its files hold, and four gateways on this machine.

use crate::{
    cli::support::countersign::countersign,
    support::{
        artifacts::{aws_cli_2, localstack_python},
        aws_clients::aws_variables,
        moto::Moto,
        patience::PATIENCE,
    },
};
use edge_signer::{Action, Decision, Edits, OriginRequest};
use local::{
    Answer, ApiKind, AuthorizerFunction, Backend, EdgeFunction, FunctionProcess, IdentitySources, Options, Running,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};
use telemetry::Log;
use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// It writes down each call. After a deletion it shows the stack that is in `after`, or none.
const AWS: &str = r#"#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$*" >> "$here/calls"
if [ -e "$here/refused-$2" ]; then
    echo "An error occurred ($(cat "$here/refused-$2")) when calling the operation: refused" >&2; exit 254
fi
case "$2" in
create-stack)
    for word; do case "$word" in file://*) cp "${word#file://}" "$here/template" ;; esac; done
    if [ -e "$here/waits" ]; then exec sleep 60; fi
    cat "$here/created" ;;
describe-stacks)
    case "$*" in *--query*) cat "$here/list"; exit ;; esac
    if [ ! -e "$here/deleted" ]; then cat "$here/stack"
    elif [ -e "$here/after" ]; then cat "$here/after"
    else echo 'An error occurred (ValidationError): Stack with id x does not exist' >&2; exit 254; fi ;;
delete-stack)
    if [ -e "$here/kept" ] && expr "$4" : "$(cat "$here/kept")" > /dev/null; then echo kept >&2; exit 254; fi
    touch "$here/deleted"
    if [ -e "$here/in-the-way" ]; then cp "$here/in-the-way" "$here/learned.json"; fi ;;
describe-stack-events) echo '["Observer", "not authorized"]' ;;
*) exit 252 ;;
esac
"#;

/// The real command line, and moto. moto makes neither a distribution nor most of an HTTP API, silently, and so cannot work out the
/// outputs: here they are the URLs of the gateways.
const REAL: &str = r#"#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$*" >> "$here/calls"
for word; do
    shift
    case "$word" in
    file://*)
        sed '/^Outputs:/,$d' "${word#file://}" | cat - "$here/outputs" > "$here/template"
        word="file://$here/template" ;;
    esac
    set -- "$@" "$word"
done
exec PROGRAM "$@"
"#;

const ID: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/countersign-learn-0a1b2c3d/5f0c";

const KINDS: [(ApiKind, &str, &str); 4] = [
    (ApiKind::Rest, "rest", "Rest"),
    (ApiKind::Http, "http", "Http"),
    (ApiKind::HttpV1, "http-v1", "HttpV1"),
    (ApiKind::WebSocket, "websocket", "WebSocket"),
];

pub(super) struct Account {
    folder: TempDir,
    outputs: Vec<Value>,
    region: &'static str,
    /// The environment of the command line.
    variables: Vec<(&'static str, String)>,
    _gateways: Vec<Running>,
}

impl Account {
    /// In which a stack is made and deleted at once.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("aws");
        fs::write(&program, AWS).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("created"), json!({ "StackId": ID }).to_string()).unwrap();
        let module = folder.path().join("index.js");
        fs::write(&module, observer()).unwrap();
        let limit = Duration::from_secs(10);
        let function = FunctionProcess::node("observer", &module, &[], limit, Log::none()).await.unwrap();
        let function = Arc::new(function);
        let (mut gateways, mut all) = (Vec::new(), Vec::new());
        for (kind, stage, name) in KINDS {
            let observer = Observer(Arc::clone(&function));
            let gateway = local::start(options(kind, stage), PassOn, observer).await.unwrap();
            all.extend(outputs(name, stage, [gateway.gateway, gateway.edge]));
            gateways.push(gateway);
        }
        let account = Self { folder, outputs: all, region: "eu-west-1", variables: Vec::new(), _gateways: gateways };
        account.set_stack("CREATE_COMPLETE");
        account
    }

    /// With the real command line of a version, and moto.
    pub(super) async fn with_moto(version: u8) -> Self {
        let mut account = Self::new().await;
        // Each test has a Region of its own: one of them deletes what it finds.
        account.region = if version == 1 { "eu-west-1" } else { "eu-west-2" };
        let program = match version {
            1 => format!("'{}' -I -m awscli", localstack_python().display()),
            _ => format!("'{}'", aws_cli_2().display()),
        };
        fs::write(account.path("aws"), REAL.replace("PROGRAM", &program)).unwrap();
        let outputs = account.outputs.iter().map(|output| {
            let [name, url] = ["OutputKey", "OutputValue"].map(|member| output[member].as_str().unwrap());
            format!("  {name}: {{Value: \"{url}\"}}\n")
        });
        fs::write(account.path("outputs"), format!("Outputs:\n{}", outputs.collect::<String>())).unwrap();
        account.variables = aws_variables(Moto::shared().endpoint(), account.region)
            .map(|(name, value)| (name, value.to_owned()))
            .into();
        for (name, file) in [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
            account.variables.push((name, account.path(file).display().to_string()));
        }
        account
    }

    /// What the program `aws` answers.
    pub(super) async fn aws(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(self.path("aws"));
        let command = command.args(arguments).args(["--region", self.region, "--output", "json"]);
        let output = command.envs(self.variables.clone()).kill_on_drop(true).output();
        let output = timeout(PATIENCE * 2, output).await.expect("it ends").unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub(super) fn set_stack(&self, status: &str) {
        self.write("stack", &self.stack(status));
    }

    /// The stack after its deletion.
    pub(super) fn set_deleted(&self, status: &str) {
        self.write("after", &self.stack(status));
    }

    /// The stacks of the account, as the command line's query shows them.
    pub(super) fn set_list(&self, list: &Value) {
        self.write("list", list);
    }

    /// This operation fails.
    /// With this code of AWS.
    pub(super) fn refuse(&self, operation: &str, code: &str) {
        fs::write(self.path(&format!("refused-{operation}")), code).unwrap();
    }

    /// Stacks whose id begins so cannot be deleted.
    pub(super) fn keep(&self, id: &str) {
        fs::write(self.path("kept"), id).unwrap();
    }

    /// Somebody makes the file with the answers during the run.
    pub(super) fn be_in_the_way(&self) {
        fs::write(self.path("in-the-way"), "other").unwrap();
    }

    /// The call that makes the stack does not answer.
    pub(super) fn let_creation_wait(&self) {
        fs::write(self.path("waits"), "").unwrap();
    }

    /// The call that makes the stack answers with this.
    pub(super) fn set_created(&self, answer: &str) {
        fs::write(self.path("created"), answer).unwrap();
    }

    pub(super) fn stack_id(&self) -> String {
        ID.to_owned()
    }

    pub(super) fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.path("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// What CloudFormation got.
    pub(super) fn template(&self) -> String {
        fs::read_to_string(self.path("template")).unwrap()
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.path("deleted").exists()
    }

    /// The stack that the run wanted to make is the one that it has deleted.
    #[track_caller]
    pub(super) fn assert_deleted_by_name(&self) {
        let calls = self.calls();
        let name = |operation: &str| {
            let call = calls.iter().find(|call| call.contains(operation)).unwrap_or_else(|| panic!("{calls:#?}"));
            call.split(' ').nth(3).unwrap().to_owned()
        };
        assert_eq!(name("delete-stack"), name("create-stack"));
    }

    pub(super) fn has_learned(&self) -> bool {
        self.path("learned.json").exists()
    }

    pub(super) fn learned(&self) -> String {
        fs::read_to_string(self.path("learned.json")).unwrap()
    }

    pub(super) async fn learn(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let output = self.path("learned.json");
        self.run(&[&["--output", output.to_str().unwrap()], more].concat()).await
    }

    pub(super) async fn run(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let arguments = ["doctor", "--learn", "--region", self.region];
        ended(self.command(&[&arguments[..], more].concat()).output().await.unwrap())
    }

    pub(super) async fn clean(&self) -> (Option<i32>, String, String) {
        self.run(&["--clean"]).await
    }

    /// A run that gets this signal during this call, with all that it has started: a terminal sends it to the whole process group.
    pub(super) async fn interrupted(&self, signal: &str, operation: &str) -> (Option<i32>, String, String) {
        let arguments = ["doctor", "--learn", "--region", self.region];
        let mut command = self.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().unwrap();
        let waits = async {
            while !self.calls().iter().any(|call| call.contains(operation)) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, waits).await.expect("it makes the call");
        let group = format!("-{}", child.id().unwrap());
        Command::new("kill").args(["-s", signal, "--", &group]).status().await.unwrap();
        ended(timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap())
    }

    /// The program is killed if the test ends.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = countersign(arguments);
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).envs(self.variables.clone()).current_dir(self.folder.path());
        command
    }

    fn stack(&self, status: &str) -> Value {
        json!({ "Stacks": [{
            "StackName": "countersign-learn-0a1b2c3d", "StackId": ID, "StackStatus": status,
            "CreationTime": "2026-11-27T10:00:00Z", "Outputs": self.outputs,
        }] })
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn ended(output: Output) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Through CloudFront the stage is not in the path here: `local` has a distribution for each API.
fn outputs(name: &str, stage: &str, [direct, cloudfront]: [SocketAddr; 2]) -> [Value; 2] {
    [
        json!({ "OutputKey": format!("{name}Direct"), "OutputValue": format!("http://{direct}/{stage}") }),
        json!({ "OutputKey": format!("{name}CloudFront"), "OutputValue": format!("http://{cloudfront}") }),
    ]
}

/// The code in the template.
pub(crate) fn observer() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/learn.yaml");
    let text = fs::read_to_string(path).unwrap();
    let (_, code) = text.split_once("ZipFile: |\n").unwrap();
    let indentation = " ".repeat(code.len() - code.trim_start().len());
    let of_code = code.lines().take_while(|line| line.is_empty() || line.starts_with(&indentation));
    of_code.map(|line| line.strip_prefix(&indentation).unwrap_or_default().to_owned() + "\n").collect()
}

fn options(api: ApiKind, stage: &str) -> Options {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Options {
        edge: loopback,
        gateway: loopback,
        api,
        stage: stage.to_owned(),
        domain: None,
        api_id: "local12345".to_owned(),
        custom_headers: Vec::new(),
        api_keys: None,
        identity_sources: IdentitySources::None,
        backend: Backend::BuiltIn,
        overwrite_path: None,
        answer: Answer::Simple,
        keeps_base_path: false,
        routing_rule: None,
        log: Log::none(),
    }
}

struct PassOn;

impl EdgeFunction for PassOn {
    async fn handle(&self, _: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
        Ok(Decision { action: Action::Forward(Edits::default()), log: Vec::new() })
    }
}

struct Observer(Arc<FunctionProcess>);

impl AuthorizerFunction for Observer {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        self.0.authorize(event, now).await
    }
}
