//! The arrows of ARCHITECTURE.md: who may know whom, held by what cargo says.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeSet;

/// Each crate and the crates of ours that it may use in its own code. Shells do not know each other.
const ARROWS: [(&str, &[&str]); 17] = [
    ("signing", &[]),
    ("key-store", &["signing"]),
    ("settings", &["signing"]),
    ("telemetry", &[]),
    ("edge-signer", &["key-store", "settings", "signing", "telemetry"]),
    ("edge-signer-addon", &["edge-signer", "key-store", "signing", "telemetry"]),
    ("authorizer", &["key-store", "settings", "signing", "telemetry"]),
    ("rotator", &["key-store", "settings", "signing", "telemetry"]),
    ("local", &["authorizer", "edge-signer", "signing", "telemetry"]),
    ("cli", &["authorizer", "edge-signer", "key-store", "local", "rotator", "settings", "signing", "telemetry"]),
    ("tests", &[]),
    ("simulation", &["key-store", "settings", "signing"]),
    ("speed", &["key-store", "local", "signing", "speed-common", "telemetry"]),
    ("speed-common", &["signing"]),
    ("speed-ours", &["authorizer", "edge-signer", "key-store", "signing", "speed-common", "telemetry"]),
    ("speed-peers", &["signing", "speed-common"]),
    ("xtask", &[]),
];

#[test]
fn arrows_point_down_only() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let members: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let known: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(members, known, "a new crate needs its place in ARROWS");
    for package in metadata.workspace_packages() {
        let (_, may) = ARROWS.iter().find(|(name, _)| *package.name == *name).unwrap();
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        let ours: BTreeSet<_> =
            normal.map(|dependency| dependency.name.as_str()).filter(|name| members.contains(*name)).collect();
        assert_eq!(ours, may.iter().copied().collect(), "what {} uses", package.name);
    }
}

/// Beside a `cdylib` an `rlib` turns link-time optimisation off.
#[test]
fn the_addon_is_only_a_cdylib() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let packages = metadata.workspace_packages();
    let addon = packages.iter().find(|package| *package.name == "edge-signer-addon").unwrap();
    let library = addon.targets.iter().find(|target| !target.is_custom_build()).unwrap();
    assert_eq!(library.crate_types.iter().map(ToString::to_string).collect::<Vec<_>>(), ["cdylib"]);
}
