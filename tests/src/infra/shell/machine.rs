//! A user's machine: a checkout, a shell, the AWS command line, and an account of its own at the emulators.

use crate::{
    infra::{
        shell::{
            blocks::Block,
            terminal::{Ran, Shell, Terminal},
        },
        support::{localstack::LocalStack, template::template},
    },
    support::{
        artifacts::{aws_cli_2, dist, localstack_python},
        moto::Moto,
    },
};
use serde_json::{Map, Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// Each block runs in both.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    BashAndCli1,
    ZshAndCli2,
}

pub(crate) struct Machine {
    kind: Kind,
    folder: TempDir,
    variables: Vec<(String, String)>,
    terminal: Terminal,
    succeeded: Vec<Block>,
}

impl Machine {
    /// LocalStack takes an access key of twelve digits for the account.
    pub(crate) fn new(kind: Kind, account: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for part in ["bin", "dist", "infra"] {
            fs::create_dir(root.join(part)).unwrap();
        }
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            // LocalStack knows no Node newer than 22.
            fs::write(root.join("infra").join(&name), template(&name).replace("nodejs24.x", "nodejs22.x")).unwrap();
        }
        let real = match kind {
            // For SQS version 1 does not read AWS_ENDPOINT_URL.
            Kind::BashAndCli1 => script(
                root,
                "aws-1",
                &format!(
                    "if [ \"$1\" = sqs ]; then set -- --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"; fi\nexec '{}' -I -m awscli \"$@\"",
                    localstack_python().display()
                ),
            ),
            Kind::ZshAndCli2 => aws_cli_2().display().to_string(),
        };
        let recorder = format!(
            "'{}' -I '{}/shell/recorder.py' '{}'",
            localstack_python().display(),
            env!("CARGO_MANIFEST_DIR"),
            root.display()
        );
        let asked = format!(
            "if grep -qs '\"aws\"' '{}/answers.json'; then exec {recorder} aws '{real}' \"$@\"; fi",
            root.display()
        );
        script(root, "bin/aws", &format!("{asked}\nexec '{real}' \"$@\""));
        for program in ["cargo", "curl"] {
            script(root, &format!("bin/{program}"), &format!("exec {recorder} {program} '' \"$@\""));
        }
        let moto = Moto::shared().endpoint();
        let path = format!("{}/bin:{}", root.display(), std::env::var("PATH").unwrap());
        let variables = [
            ("PATH", path.as_str()),
            ("HOME", &root.display().to_string()),
            ("TMPDIR", &root.display().to_string()),
            ("TERM", "dumb"),
            ("LC_ALL", "C.UTF-8"),
            ("AWS_ACCESS_KEY_ID", account),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", LocalStack::shared().endpoint()),
            // LocalStack has these two only for those who pay.
            ("AWS_ENDPOINT_URL_APIGATEWAYV2", moto),
            ("AWS_ENDPOINT_URL_CLOUDFRONT", moto),
            // LocalStack does not know the protocol in which version 2 asks this one.
            ("AWS_ENDPOINT_URL_CLOUDWATCH", moto),
            // A user may have these: no block may depend on them.
            ("AWS_REGION", "ap-south-1"),
            ("AWS_DEFAULT_OUTPUT", "table"),
        ];
        let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let terminal = Terminal::open(kind.shell(), root, &variables);
        let machine = Self { kind, folder, variables, terminal, succeeded: Vec::new() };
        machine.answer(&json!([]));
        machine
    }

    /// Puts the packages into the checkout, as `cargo xtask package` does.
    pub(crate) fn package(&self) {
        for file in fs::read_dir(dist()).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
            fs::copy(file.path(), self.folder.path().join("dist").join(file.file_name())).unwrap();
        }
    }

    /// A block that must do its work. Returns what it printed.
    #[track_caller]
    pub(crate) fn succeeds(&mut self, block: &Block) -> String {
        let ran = self.paste(block, &block.text.clone());
        assert_eq!(
            ran.status,
            0,
            "{:?}, {}\n{}\nstdout: {}\nstderr: {}",
            self.kind,
            block.place(),
            block.text,
            ran.stdout,
            ran.stderr
        );
        self.succeeded.push(block.clone());
        ran.stdout
    }

    /// A block with values of the reader's in the place of the printed ones.
    #[track_caller]
    pub(crate) fn succeeds_with(&mut self, block: &Block, values: &[(&str, &str)]) -> String {
        let printed = self.succeeds(&filled(block, values));
        self.succeeded.push(block.clone());
        printed
    }

    /// A block that must fail, and say this. Returns what it printed before.
    #[track_caller]
    pub(crate) fn fails(&mut self, block: &Block, saying: &str) -> String {
        let ran = self.paste(block, &block.text.clone());
        assert_ne!(
            ran.status,
            0,
            "{:?}, {} does not fail\nstdout: {}\nstderr: {}",
            self.kind,
            block.place(),
            ran.stdout,
            ran.stderr
        );
        assert!(
            ran.stderr.contains(saying),
            "{:?}, {} does not say {saying:?}\nstdout: {}\nstderr: {}",
            self.kind,
            block.place(),
            ran.stdout,
            ran.stderr
        );
        ran.stdout
    }

    /// What the reader types between two blocks.
    #[track_caller]
    pub(crate) fn types(&mut self, text: &str) -> String {
        let ran = self.terminal.paste(text);
        assert_eq!(ran.status, 0, "{:?}: {text}\nstdout: {}\nstderr: {}", self.kind, ran.stdout, ran.stderr);
        ran.stdout
    }

    #[track_caller]
    fn paste(&mut self, block: &Block, text: &str) -> Ran {
        let begun = std::time::Instant::now();
        let ran = self.terminal.paste(text);
        println!("{:?}: {}: status {}, {:.1} s", self.kind, block.place(), ran.status, begun.elapsed().as_secs_f32());
        ran
    }

    /// How the recorder answers from now on: see `tests/shell/recorder.py`.
    pub(crate) fn answer(&self, answers: &Value) {
        fs::write(self.folder.path().join("answers.json"), answers.to_string()).unwrap();
    }

    /// The calls that the recorder has answered since the last time.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let path = self.folder.path().join("calls.jsonl");
        let calls = fs::read_to_string(&path).unwrap_or_default();
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
        calls.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the AWS command line says, which is not part of a block.
    #[track_caller]
    pub(crate) fn aws(&self, region: &str, arguments: &[&str]) -> Value {
        let output = Command::new(self.folder.path().join("bin/aws"))
            .args(arguments)
            .args(["--output", "json", "--region", region])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("aws starts");
        assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Every block that is more than parsed has done its work.
    #[track_caller]
    pub(crate) fn has_done<'a>(&self, blocks: impl IntoIterator<Item = &'a Block>) {
        let left = blocks.into_iter().filter(|block| block.class() != "parsed" && !self.has_run(block));
        let left: Vec<_> = left.map(Block::place).collect();
        assert!(left.is_empty(), "no test runs {left:?}");
    }

    pub(crate) fn has_run(&self, block: &Block) -> bool {
        self.succeeded.contains(block)
    }

    /// Puts lines into a log group, with the present time.
    pub(crate) fn writes_log(&self, region: &str, group: &str, lines: &[&str]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let name = now.as_nanos().to_string();
        let stream = ["--log-group-name", group, "--log-stream-name", &name];
        self.aws(region, &[&["logs", "create-log-stream"], &stream[..]].concat());
        let event = |line: &&str| json!({"timestamp": now.as_millis(), "message": line});
        let events = Value::from_iter(lines.iter().map(event)).to_string();
        self.aws(region, &[&["logs", "put-log-events", "--log-events", &events], &stream[..]].concat());
    }

    /// A distribution of moto's that signs nothing yet, with an API as its only origin. Returns its id.
    pub(crate) fn makes_a_distribution(&self) -> String {
        let config = json!({
            "CallerReference": self.folder.path(), "Comment": "", "Enabled": true,
            "Origins": {"Quantity": 1, "Items": [{"Id": "api", "DomainName": "abc123.execute-api.eu-west-1.amazonaws.com",
                "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "match-viewer"}}]},
            "DefaultCacheBehavior": {"TargetOriginId": "api", "ViewerProtocolPolicy": "redirect-to-https",
                "ForwardedValues": {"QueryString": true, "Cookies": {"Forward": "all"}}, "MinTTL": 0},
        });
        let made =
            self.aws("us-east-1", &["cloudfront", "create-distribution", "--distribution-config", &config.to_string()]);
        made["Distribution"]["Id"].as_str().unwrap().to_owned()
    }

    /// Makes a stack that has nothing but these outputs, in the place of one that LocalStack cannot make.
    pub(crate) fn stub(&self, name: &str, outputs: &Value) {
        let outputs: Map<_, _> =
            outputs.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!({"Value": value}))).collect();
        let template = json!({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}).to_string();
        let stack = ["--stack-name", name, "--template-body", &template];
        self.aws("eu-west-1", &[&["cloudformation", "create-stack"], &stack[..]].concat());
    }
}

impl Kind {
    fn shell(self) -> Shell {
        match self {
            Self::BashAndCli1 => Shell::Bash,
            Self::ZshAndCli2 => Shell::Zsh,
        }
    }
}

#[track_caller]
pub(crate) fn has_lines(text: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(text.lines().any(|of| of == *line), "{line:?} is not in:\n{text}");
    }
}

/// The call that the function `expect` makes.
pub(crate) fn curl(arguments: &[&str]) -> Vec<String> {
    let all = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "60"];
    all.iter().chain(arguments).map(|&word| word.to_owned()).collect()
}

/// A block with these values in its assignments.
#[track_caller]
pub(crate) fn filled(block: &Block, values: &[(&str, &str)]) -> Block {
    let mut lines: Vec<_> = block.text.lines().map(str::to_owned).collect();
    for (name, value) in values {
        let mut assignments = lines.iter_mut().filter(|line| line.starts_with(&format!("{name}=")));
        let assignment = assignments.next().unwrap_or_else(|| panic!("{} does not set {name}", block.place()));
        *assignment = format!("{name}='{value}'");
    }
    Block { text: lines.join("\n"), ..block.clone() }
}

/// Writes a program of the machine.
fn script(root: &Path, name: &str, text: &str) -> String {
    let path = root.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}
