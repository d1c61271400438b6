//! The files with events, and where they are.

use cargo_metadata::MetadataCommand;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The fixtures of the crate `aws_lambda_events`. Most are examples of AWS's documentation.
    LambdaEvents,
    /// `tests/fixtures/api-gateway`
    Ours,
}

/// A file with an event.
pub(super) struct File {
    pub(super) name: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn event(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// All files of API Gateway, by source and name without `.json`.
pub(super) fn of_api_gateway() -> BTreeMap<(Source, String), File> {
    let of = |source, prefix: &str| {
        let files = files(&folder(source)).into_iter().filter_map(move |file| {
            let name = file.name.strip_prefix(prefix)?.to_owned();
            Some(((source, name.clone()), File { name, text: file.text }))
        });
        files.collect::<Vec<_>>()
    };
    of(Source::LambdaEvents, "example-apigw-").into_iter().chain(of(Source::Ours, "")).collect()
}

/// The files of the crate `aws_lambda_events` that are not from API Gateway.
pub(super) fn of_other_services() -> Vec<File> {
    let mut all = files(&folder(Source::LambdaEvents));
    all.retain(|file| !file.name.starts_with("example-apigw-"));
    all
}

fn files(folder: &Path) -> Vec<File> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut files: Vec<_> = json
        .map(|path| File {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn folder(source: Source) -> PathBuf {
    let tests = env!("CARGO_MANIFEST_DIR");
    match source {
        Source::Ours => Path::new(tests).join("fixtures/api-gateway"),
        Source::LambdaEvents => {
            let manifest = Path::new(tests).join("../Cargo.toml");
            let locked = vec!["--locked".to_owned()];
            let metadata = MetadataCommand::new().manifest_path(manifest).other_options(locked).exec().unwrap();
            let package = metadata.packages.iter().find(|package| *package.name == "aws_lambda_events").unwrap();
            package.manifest_path.parent().unwrap().join("src/fixtures").into()
        }
    }
}
