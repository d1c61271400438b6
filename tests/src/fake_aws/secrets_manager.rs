//! Secrets Manager in memory: versions, their labels, replicas that may lag, and the history of AWSCURRENT.
//!
//! The refusals and their texts are those that AWS documents or that recordings of AWS show. If neither has them, a
//! comment says so.

use crate::fake_aws::call::{ACCOUNT, Answer, Refusal};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{SystemTime, UNIX_EPOCH},
};

/// Each version that has labels, with these: what DescribeSecret shows.
pub(crate) type Labels = BTreeMap<String, BTreeSet<String>>;

/// AWSCURRENT came to another version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Promotion {
    pub(crate) at: SystemTime,
    pub(crate) version: String,
    /// `None` if the version had no value yet: then the secret could not be read.
    pub(crate) value: Option<String>,
}

/// A version as it is stored, with labels or without.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) version: String,
    pub(crate) created: SystemTime,
    pub(crate) value: Option<String>,
}

/// What DescribeSecret says of a replica; that it says so does not make it lag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Replication {
    InSync,
    InProgress,
    Failed,
}

/// Until when a replica shows the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lag {
    /// So many reads see it; the next one sees the present.
    Reads(usize),
    UntilTold,
}

#[derive(Default)]
pub(crate) struct SecretsManager {
    secrets: Vec<Secret>,
}

pub(crate) struct Secret {
    name: String,
    suffix: String,
    primary: String,
    replicas: BTreeMap<String, Replica>,
    versions: Versions,
    created: SystemTime,
    changed: SystemTime,
    pub(crate) history: Vec<Promotion>,
    /// The labels after each call.
    pub(crate) moments: Vec<Labels>,
}

struct Replica {
    status: Replication,
    behind: Option<(Lag, Versions)>,
}

type Versions = BTreeMap<String, Version>;

#[derive(Clone, PartialEq)]
struct Version {
    value: Option<String>,
    labels: BTreeSet<String>,
    created: SystemTime,
}

impl SecretsManager {
    /// Does what a call asks for.
    pub(crate) fn answer(
        &mut self,
        operation: &str,
        region: &str,
        input: &Value,
        now: SystemTime,
    ) -> Result<Answer, Refusal> {
        if operation == "CreateSecret" {
            return self.create(region, input, now);
        }
        let id = input["SecretId"].as_str().unwrap_or_default();
        let secret = self.secrets.iter_mut().find(|secret| secret.is_at(region) && secret.is_called(id, region));
        let secret = secret.ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))?;
        let writes = match operation {
            "DescribeSecret" => return Ok(Answer::unchanged(secret.describe(region).to_string())),
            "GetSecretValue" => return Ok(Answer::unchanged(secret.get(region, input)?.to_string())),
            "PutSecretValue" => Secret::put,
            "UpdateSecretVersionStage" => Secret::update_stage,
            _ => return Err(Refusal::new(400, "UnknownOperationException", operation)),
        };
        if region != secret.primary {
            let why = "Operation not permitted on a replica secret. Call must be made in primary secret's region.";
            return Err(invalid_parameter(why));
        }
        let before = secret.versions.clone();
        let mut body = writes(secret, input, now)?;
        body["ARN"] = json!(secret.arn(region));
        body["Name"] = json!(secret.name);
        let effect = secret.versions != before;
        if effect {
            secret.changed = now;
        }
        Ok(Answer { body: body.to_string(), effect })
    }

    fn create(&mut self, region: &str, input: &Value, now: SystemTime) -> Result<Answer, Refusal> {
        let name = input["Name"].as_str().unwrap_or_default();
        if self.secrets.iter().any(|secret| secret.name == name && secret.is_at(region)) {
            let why = format!("The operation failed because the secret {name} already exists.");
            return Err(Refusal::new(400, "ResourceExistsException", &why));
        }
        let mut secret = Secret {
            name: name.to_owned(),
            suffix: format!("AbCd{:02}", self.secrets.len()),
            primary: region.to_owned(),
            replicas: BTreeMap::new(),
            versions: BTreeMap::new(),
            created: now,
            changed: now,
            history: Vec::new(),
            moments: Vec::new(),
        };
        for replica in input["AddReplicaRegions"].as_array().into_iter().flatten() {
            let region = replica["Region"].as_str().unwrap_or_default();
            secret.replicas.insert(region.to_owned(), Replica { status: Replication::InSync, behind: None });
        }
        let mut body = json!({"ARN": secret.arn(region), "Name": name});
        // A version without a value cannot be read.
        if input.get("SecretString").is_some() {
            body["VersionId"] = secret.put(input, now)?["VersionId"].take();
        }
        self.secrets.push(secret);
        Ok(Answer { body: body.to_string(), effect: true })
    }

    /// Records the state after a call.
    pub(crate) fn witness(&mut self, now: SystemTime) {
        for secret in &mut self.secrets {
            let current = secret.holder("AWSCURRENT");
            if let Some(version) =
                current.filter(|version| secret.history.last().map(|last| &last.version) != Some(version))
            {
                let value = secret.versions[&version].value.clone();
                secret.history.push(Promotion { at: now, version, value });
            }
            secret.moments.push(labels(&secret.versions));
        }
    }

    /// The secret of this name.
    #[track_caller]
    pub(crate) fn named(&mut self, name: &str) -> &mut Secret {
        let mut named = self.secrets.iter_mut().filter(|secret| secret.name == name);
        named.next().unwrap_or_else(|| panic!("no secret {name}"))
    }
}

impl Secret {
    /// As RotateSecret does before it has the function called: the version is there and labelled, and has no value.
    pub(crate) fn stage_pending(&mut self, token: &str, now: SystemTime) {
        let empty = Version { value: None, labels: BTreeSet::new(), created: now };
        self.versions.insert(token.to_owned(), empty);
        self.attach("AWSPENDING", token);
    }

    #[track_caller]
    pub(crate) fn hold_back(&mut self, region: &str, lag: Lag) {
        let past = self.versions.clone();
        self.replica(region).behind = Some((lag, past));
    }

    #[track_caller]
    pub(crate) fn catch_up(&mut self, region: &str) {
        self.replica(region).behind = None;
    }

    #[track_caller]
    pub(crate) fn set_replication(&mut self, region: &str, status: Replication) {
        self.replica(region).status = status;
    }

    pub(crate) fn labels(&self) -> Labels {
        labels(&self.versions)
    }

    pub(crate) fn stored(&self) -> Vec<Stored> {
        let stored = |(id, version): (&String, &Version)| Stored {
            version: id.clone(),
            created: version.created,
            value: version.value.clone(),
        };
        self.versions.iter().map(stored).collect()
    }

    fn replica(&mut self, region: &str) -> &mut Replica {
        self.replicas.get_mut(region).unwrap_or_else(|| panic!("no replica in {region}"))
    }

    fn describe(&mut self, region: &str) -> Value {
        let labels = labels(&self.seen_from(region));
        let mut body = json!({
            "ARN": self.arn(region), "Name": self.name, "VersionIdsToStages": labels,
            "CreatedDate": seconds(self.created), "LastChangedDate": seconds(self.changed),
        });
        if !self.replicas.is_empty() {
            let status = |(region, replica): (&String, &Replica)| {
                let (status, message) = match replica.status {
                    Replication::InSync => ("InSync", "Replication succeeded"),
                    Replication::InProgress => ("InProgress", "Replication in progress"),
                    Replication::Failed => ("Failed", "Secret with this name already exists in this region"),
                };
                let key = "alias/aws/secretsmanager";
                json!({"Region": region, "KmsKeyId": key, "Status": status, "StatusMessage": message})
            };
            body["ReplicationStatus"] = self.replicas.iter().map(status).collect();
            // In the primary too: so the example in the AWS CLI's reference shows.
            body["PrimaryRegion"] = json!(self.primary);
        }
        body
    }

    fn get(&mut self, region: &str, input: &Value) -> Result<Value, Refusal> {
        let versions = self.seen_from(region);
        let id = input["VersionId"].as_str();
        let label = input["VersionStage"].as_str().or(if id.is_none() { Some("AWSCURRENT") } else { None });
        let missing = || {
            let sought = match (label, id) {
                (None, Some(id)) => format!("VersionId: {id}"),
                (label, _) => format!("staging label: {}", label.unwrap_or_default()),
            };
            not_found(&format!("Secrets Manager can't find the specified secret value for {sought}"))
        };
        let held = label.and_then(|label| holder(&versions, label));
        let id = id.map(str::to_owned).or_else(|| held.clone()).ok_or_else(missing)?;
        let version = versions.get(&id).ok_or_else(missing)?;
        if label.is_some() && held.as_deref() != Some(id.as_str()) {
            let why = "You provided a VersionStage that is not associated to the provided VersionId.";
            return Err(Refusal::new(400, "InvalidRequestException", why));
        }
        let value = version.value.as_ref().ok_or_else(missing)?;
        Ok(json!({
            "ARN": self.arn(region), "Name": self.name, "VersionId": id, "VersionStages": version.labels,
            "SecretString": value, "CreatedDate": seconds(version.created),
        }))
    }

    fn put(&mut self, input: &Value, now: SystemTime) -> Result<Value, Refusal> {
        let Some(token) = input["ClientRequestToken"].as_str() else {
            let why = "You must provide a ClientRequestToken value. We recommend a UUID-type value.";
            return Err(Refusal::new(400, "InvalidRequestException", why));
        };
        if !(32..=64).contains(&token.len()) {
            return Err(invalid_parameter("ClientRequestToken must be 32-64 characters long."));
        }
        let Some(value) = input["SecretString"].as_str() else {
            let why = "You must provide either SecretString or SecretBinary.";
            return Err(Refusal::new(400, "InvalidRequestException", why));
        };
        match self.versions.get(token).and_then(|version| version.value.as_deref()) {
            // Nothing is done, not even to the labels.
            Some(there) if there == value => {}
            Some(_) => {
                let arn = self.arn(&self.primary);
                let why = format!(
                    "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
                );
                return Err(Refusal::new(400, "ResourceExistsException", &why));
            }
            None => {
                let new = Version { value: None, labels: BTreeSet::new(), created: now };
                let version = self.versions.entry(token.to_owned()).or_insert(new);
                version.value = Some(value.to_owned());
                let before = self.holder("AWSCURRENT");
                let given = input["VersionStages"].as_array().filter(|given| !given.is_empty());
                let given = given.map(|given| given.iter().filter_map(Value::as_str).collect());
                for label in given.unwrap_or_else(|| vec!["AWSCURRENT"]) {
                    self.attach(label, token);
                }
                match before {
                    // The first version is always the current one.
                    None => self.attach("AWSCURRENT", token),
                    // A put that takes AWSCURRENT from a version takes its AWSPENDING too, as a recording of AWS shows.
                    Some(before) if self.holder("AWSCURRENT").as_ref() != Some(&before) => {
                        self.detach("AWSPENDING", &before);
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(json!({"VersionId": token, "VersionStages": self.versions[token].labels}))
    }

    fn update_stage(&mut self, input: &Value, _: SystemTime) -> Result<Value, Refusal> {
        let label = input["VersionStage"].as_str().unwrap_or_default();
        let (to, from) = (input["MoveToVersionId"].as_str(), input["RemoveFromVersionId"].as_str());
        let holder = self.holder(label);
        // In which words AWS refuses an unknown version, or one that does not have the label, is not documented.
        if let Some(unknown) = from.into_iter().chain(to).find(|version| !self.versions.contains_key(*version)) {
            return Err(invalid_parameter(&format!("Not a valid version: {unknown}")));
        }
        match (from, &holder) {
            (Some(from), holder) if holder.as_deref() != Some(from) => {
                return Err(invalid_parameter(&format!("Version stage {label} not found in version {from}")));
            }
            (None, Some(holder)) if to != Some(holder) => {
                return Err(invalid_parameter(&format!(
                    "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to \
                     version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
                )));
            }
            _ => {}
        }
        match (to, from) {
            (Some(to), _) => self.attach(label, to),
            (None, Some(_)) if label == "AWSCURRENT" => {
                return Err(invalid_parameter(
                    "You can only move staging label AWSCURRENT to a different secret version. It can\u{2019}t be completely removed.",
                ));
            }
            (None, Some(from)) => self.detach(label, from),
            (None, None) => return Err(invalid_parameter("MoveToVersionId or RemoveFromVersionId is needed.")),
        }
        Ok(json!({}))
    }

    /// Moves a label from the version that has it. AWSPREVIOUS follows AWSCURRENT.
    fn attach(&mut self, label: &str, to: &str) {
        let from = self.holder(label).filter(|from| from != to);
        if let Some(from) = &from {
            self.detach(label, from);
        }
        self.versions.get_mut(to).unwrap().labels.insert(label.to_owned());
        if let Some(from) = from.filter(|_| label == "AWSCURRENT") {
            self.attach("AWSPREVIOUS", &from);
        }
    }

    fn detach(&mut self, label: &str, from: &str) {
        self.versions.get_mut(from).unwrap().labels.remove(label);
    }

    fn holder(&self, label: &str) -> Option<String> {
        holder(&self.versions, label)
    }

    /// What a read in a Region sees; a replica may still show the past.
    fn seen_from(&mut self, region: &str) -> Versions {
        let Some(Replica { behind: behind @ Some(_), .. }) = self.replicas.get_mut(region) else {
            return self.versions.clone();
        };
        match behind {
            Some((Lag::Reads(left @ 1..), past)) => {
                *left -= 1;
                past.clone()
            }
            Some((Lag::UntilTold, past)) => past.clone(),
            _ => {
                *behind = None;
                self.versions.clone()
            }
        }
    }

    fn arn(&self, region: &str) -> String {
        format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{}-{}", self.name, self.suffix)
    }

    fn is_at(&self, region: &str) -> bool {
        self.primary == region || self.replicas.contains_key(region)
    }

    /// By its name or its whole ARN. AWS takes an ARN without its suffix too, and warns against it.
    fn is_called(&self, id: &str, region: &str) -> bool {
        self.name == id || self.arn(region) == id
    }
}

fn labels(versions: &Versions) -> Labels {
    let labelled = versions.iter().filter(|(_, version)| !version.labels.is_empty());
    labelled.map(|(id, version)| (id.clone(), version.labels.clone())).collect()
}

fn holder(versions: &Versions, label: &str) -> Option<String> {
    let mut holders = versions.iter().filter(|(_, version)| version.labels.contains(label));
    holders.next().map(|(id, _)| id.clone())
}

fn not_found(why: &str) -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", why)
}

fn invalid_parameter(why: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterException", why)
}

/// Seconds since the epoch with milliseconds, as AWS writes times in JSON.
fn seconds(time: SystemTime) -> Value {
    let milliseconds = time.duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000).parse::<f64>().unwrap().into()
}
