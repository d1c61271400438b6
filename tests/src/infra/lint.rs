//! What cfn-lint, which knows AWS's own schemas of each resource type and Region, says of the templates.

use crate::{infra::support::template::template, support::artifacts::templates_python};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where Lambda@Edge is, some far from there, and one that an account has to opt into: not each has every type and property.
const API_REGIONS: [&str; 5] = ["us-east-1", "eu-central-1", "ap-southeast-2", "sa-east-1", "af-south-1"];

#[test]
fn cfn_lint_finds_nothing() {
    for name in ["api.yaml", "example.yaml", "learn.yaml", "monitoring.yaml"] {
        assert_eq!(found(&infra(name), &API_REGIONS), "", "{name}");
    }
    for name in ["edge.yaml", "front.yaml"] {
        assert_eq!(found(&infra(name), &["us-east-1"]), "", "{name}");
    }
}

/// That it would: without its schemas, say, it would find nothing anywhere.
#[test]
fn cfn_lint_finds_faults() {
    let faults = [
        ("MemorySize: !Ref SignerMemory", "MemorySise: !Ref SignerMemory", "E3002"),
        ("!GetAtt EdgeSignerRole.Arn", "!GetAtt EdgeSignerRole.Art", "E1010"),
        ("ComparisonOperator: GreaterThanThreshold", "ComparisonOperator: GreaterThanEverything", "E3030"),
        ("!If [HasAlarmTopic", "!If [HasAlarmTropic", "E1028"),
    ];
    let mut text = template("edge.yaml");
    for (right, wrong, _) in faults {
        assert!(text.contains(right), "edge.yaml has no {right}");
        text = text.replacen(right, wrong, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("edge.yaml");
    fs::write(&copy, text).unwrap();
    let found = found(&copy, &["us-east-1"]);
    for (_, wrong, rule) in faults {
        assert!(found.contains(rule), "{rule} for {wrong}: {found}");
    }
}

fn infra(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra").join(name)
}

/// Its errors and warnings; empty if there are none.
fn found(template: &Path, regions: &[&str]) -> String {
    let output = Command::new(templates_python())
        .args(["-I", "-c", "from cfnlint.runner import main; main()"])
        .args(["--format", "parseable", "--non-zero-exit-code", "warning"])
        // A path on this machine in the place of a bucket: `aws cloudformation package` puts the bucket there.
        .args(["--ignore-checks", "W3002"])
        .arg("--regions")
        .args(regions)
        .arg("--template")
        .arg(template)
        .output()
        .expect("cfn-lint starts");
    let found = String::from_utf8(output.stdout).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "", "cfn-lint has something to say of itself");
    assert_eq!(output.status.success(), found.is_empty(), "{}: {found}", output.status);
    found
}
