//! The secret in Secrets Manager: the content of its versions, and the four calls that change them.

use crate::{
    error::RotateError,
    rehearsal::Rehearsed,
    secret_value::{SecretValue, VersionId},
    version::{Pending, Replica, Snapshot, Version},
};
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::GetSecretValueOutput,
    types::StatusType,
};
use key_store::{
    SecretArn, SecretLocation,
    aws::{Call, SdkConfig, explain},
    client,
};
use signing::UnixSeconds;
use std::{collections::HashMap, error::Error, fmt::Debug};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The message about a version that Secrets Manager has labelled, but that has no value.
pub(crate) const EMPTY: &str = "it has no value yet";

/// The secret, read in the Region of its primary.
#[derive(Debug)]
pub(crate) struct SecretVersions {
    secret: SecretLocation,
    aws: SdkConfig,
    primary: Client,
}

/// The labels and replicas of the secret, before any version is read.
pub(crate) struct Described {
    /// The labels of each labelled version.
    pub(crate) labels: HashMap<VersionId, Vec<String>>,
    replicas: Vec<Replica>,
}

impl Described {
    /// The version that has this label.
    pub(crate) fn holder(&self, label: &str) -> Option<&VersionId> {
        self.labels.keys().find(|id| self.has(id, label))
    }

    /// The version that edges and authorizers read.
    pub(crate) fn current(&self) -> Option<&VersionId> {
        self.holder(CURRENT)
    }

    fn has(&self, id: &str, label: &str) -> bool {
        self.labels.get(id).is_some_and(|labels| labels.iter().any(|other| other == label))
    }
}

/// The outcome of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Done,
    /// The version id already has another value.
    Taken,
}

impl SecretVersions {
    pub(crate) fn new(secret: SecretLocation, aws: SdkConfig) -> Self {
        let primary = client(&aws, secret.arn.region());
        Self { secret, aws, primary }
    }

    pub(crate) fn arn(&self) -> &SecretArn {
        &self.secret.arn
    }

    /// The Regions in which functions are configured to read, besides the primary.
    pub(crate) fn configured_replicas(&self) -> &[String] {
        &self.secret.replicas
    }

    /// Reads the labels, and the content of the current and of the pending version.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, RotateError> {
        let described = self.describe().await?;
        let current = described.current().cloned().ok_or_else(|| self.no_current(&described, false))?;
        let holder = described.holder(PENDING).cloned();
        let pending_on_current = holder.as_ref() == Some(&current);
        let pending = match holder {
            Some(id) if id != current => {
                let put_aside = described.has(&id, PREVIOUS);
                Some(Pending { content: self.content(&id).await?, id, put_aside })
            }
            _ => None,
        };
        let current = self.version(&current).await?;
        Ok(Snapshot { current, pending, pending_on_current, replicas: described.replicas })
    }

    /// Reads the labels and the states of the replicas.
    pub(crate) async fn describe(&self) -> Result<Described, RotateError> {
        let answer = self.primary.describe_secret().secret_id(self.arn().as_str()).send().await;
        let answer = answer.map_err(|error| self.failed("secretsmanager:DescribeSecret", &error))?;
        if answer.deleted_date.is_some() {
            return Err(RotateError::Secret(format!("{} is scheduled for deletion: restore it first", self.arn())));
        }
        let own = self.arn().region();
        if let Some(primary) = answer.primary_region.filter(|primary| primary != own) {
            let arn = self.arn();
            return Err(RotateError::Secret(format!(
                "{arn} is a replica: use the ARN of the primary, which is in {primary}"
            )));
        }
        let replicas = answer.replication_status.unwrap_or_default().into_iter().filter_map(|replica| {
            let status = replica.status.as_ref().map_or("unknown", StatusType::as_str);
            let words = replica.status_message.map(|words| format!(" ({words})")).unwrap_or_default();
            Some(Replica {
                region: replica.region?,
                in_sync: replica.status == Some(StatusType::InSync),
                in_progress: replica.status == Some(StatusType::InProgress),
                status: format!("{status}{words}"),
            })
        });
        let replicas = replicas.collect();
        Ok(Described { labels: answer.version_ids_to_stages.unwrap_or_default(), replicas })
    }

    /// Why the secret cannot be rotated, and the command that helps. `filled` says whether a version is known to have a
    /// value.
    pub(crate) fn no_current(&self, described: &Described, filled: bool) -> RotateError {
        let arn = self.arn();
        let labelled = described.labels.iter().map(|(id, labels)| format!("{id} ({})", labels.join(", ")));
        let mut labelled: Vec<_> = labelled.collect();
        labelled.sort();
        // A version that is only pending was never current: Secrets Manager labels a version before it has a value.
        let empty = !filled && described.labels.values().all(|labels| labels.iter().all(|label| label == PENDING));
        let advice = if empty {
            format!("make the first key with `countersign keys init --secret {arn}`")
        } else {
            format!(
                "make a version current with `aws secretsmanager update-secret-version-stage --region {} --secret-id {arn} \
                --version-stage {CURRENT} --move-to-version-id VERSION`. The labelled versions are {}",
                arn.region(),
                labelled.join(", ")
            )
        };
        RotateError::Secret(format!("{arn} has no version {CURRENT}: {advice}"))
    }

    /// Reads one version back.
    pub(crate) async fn version(&self, id: &str) -> Result<Version, RotateError> {
        let answer = self.primary.get_secret_value().secret_id(self.arn().as_str()).version_id(id).send().await;
        let answer = answer.map_err(|error| self.failed("secretsmanager:GetSecretValue", &error))?;
        let unusable = |problem| {
            RotateError::Secret(format!(
                "version {id} of {} cannot be used: {problem}. Put a key set into the secret with \
                `aws secretsmanager put-secret-value`",
                self.arn()
            ))
        };
        version(id, answer).map_err(unusable)
    }

    /// Reads a version that is or was pending. It may hold anything: a version that Secrets Manager has labelled has no
    /// value before `createSecret`.
    pub(crate) async fn content(&self, id: &str) -> Result<Result<Version, String>, RotateError> {
        let answer = self.primary.get_secret_value().secret_id(self.arn().as_str()).version_id(id).send().await;
        match answer {
            Ok(answer) => Ok(version(id, answer)),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(Err(EMPTY.to_owned())),
            Err(error) => Err(self.failed("secretsmanager:GetSecretValue", &error)),
        }
    }

    /// Puts a set under a new version id and labels it AWSPENDING. Any other version loses that label.
    pub(crate) async fn put_pending(&self, token: &str, set: &Zeroizing<String>) -> Result<Put, RotateError> {
        let put = self.primary.put_secret_value().secret_id(self.arn().as_str());
        let put = put.client_request_token(token).secret_string(set.as_str()).version_stages(PENDING);
        match put.send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) if code(&error) == Some("ResourceExistsException") => Ok(Put::Taken),
            Err(error) => Err(self.failed_write("secretsmanager:PutSecretValue", &error)),
        }
    }

    /// Puts the first version, which Secrets Manager makes current. Returns whether it did: if another process was
    /// first, the version of that stays current.
    pub(crate) async fn put_first(&self, token: &str, set: &Zeroizing<String>) -> Result<bool, RotateError> {
        let put = self.primary.put_secret_value().secret_id(self.arn().as_str());
        let put = put.client_request_token(token).secret_string(set.as_str()).version_stages(PENDING);
        let answer = put.send().await.map_err(|error| self.failed_write("secretsmanager:PutSecretValue", &error))?;
        if answer.version_stages().iter().any(|label| label == CURRENT) {
            return Ok(true);
        }
        // Without the version to remove the label from, only the first version can get the label.
        let promote = self.primary.update_secret_version_stage().secret_id(self.arn().as_str());
        let answer = promote.version_stage(CURRENT).move_to_version_id(token).send().await;
        self.moved(answer.map(|_| ()))
    }

    /// Makes a rehearsed version current. It replaces only the version that it was planned from. Returns whether
    /// Secrets Manager did it.
    pub(crate) async fn promote(&self, rehearsed: &Rehearsed) -> Result<bool, RotateError> {
        let promote = self.primary.update_secret_version_stage().secret_id(self.arn().as_str());
        let promote = promote.version_stage(CURRENT).move_to_version_id(rehearsed.id());
        let answer = promote.remove_from_version_id(&rehearsed.plan().planned_from).send().await;
        self.moved(answer.map(|_| ()))
    }

    /// Removes the label AWSPENDING from a version.
    pub(crate) async fn take_off_pending(&self, id: &str) -> Result<(), RotateError> {
        let take_off = self.primary.update_secret_version_stage().secret_id(self.arn().as_str());
        let answer = take_off.version_stage(PENDING).remove_from_version_id(id).send().await;
        // If the label is no longer there, somebody else has moved it.
        self.moved(answer.map(|_| ())).map(|_| ())
    }

    /// The secret as it is read in each Region, the primary first.
    pub(crate) fn in_each_region(&self, replicas: &[Replica]) -> Vec<SecretInRegion> {
        let regions = [self.arn().region()].into_iter().chain(replicas.iter().map(|replica| replica.region.as_str()));
        let in_region = |region: &str| SecretInRegion {
            region: region.to_owned(),
            arn: self.arn().in_region(region),
            client: client(&self.aws, region),
        };
        regions.map(in_region).collect()
    }

    /// Whether a label has moved. It has not if it was not on the expected version.
    fn moved<E, R>(&self, answer: Result<(), SdkError<E, R>>) -> Result<bool, RotateError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: Debug + 'static,
    {
        const ELSEWHERE: [&str; 3] =
            ["InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException"];
        match answer {
            Ok(()) => Ok(true),
            Err(error) if code(&error).is_some_and(|code| ELSEWHERE.contains(&code)) => Ok(false),
            Err(error) => Err(self.failed_write("secretsmanager:UpdateSecretVersionStage", &error)),
        }
    }

    /// Why a call failed. It may have had its effect if there was no answer, or no answer of AWS.
    fn failed_write<E, R>(&self, action: &str, error: &SdkError<E, R>) -> RotateError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: Debug + 'static,
    {
        const WITHOUT_EFFECT: [&str; 8] = [
            "AccessDeniedException",
            "DecryptionFailure",
            "EncryptionFailure",
            "ExpiredTokenException",
            "InvalidParameterException",
            "InvalidRequestException",
            "LimitExceededException",
            "ResourceNotFoundException",
        ];
        match (code(error), self.failed(action, error)) {
            (code, RotateError::Aws(words)) if !code.is_some_and(|code| WITHOUT_EFFECT.contains(&code)) => {
                RotateError::Unanswered(words)
            }
            (_, error) => error,
        }
    }

    fn failed<E, R>(&self, action: &str, error: &SdkError<E, R>) -> RotateError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: Debug + 'static,
    {
        let (resource, region) = (self.arn().as_str(), self.arn().region());
        RotateError::Aws(explain(error, Call { action, resource, region }))
    }
}

/// The secret as functions read it in one Region.
#[derive(Debug)]
pub(crate) struct SecretInRegion {
    pub(crate) region: String,
    arn: String,
    client: Client,
}

impl SecretInRegion {
    /// The version that is returned there, if there is an answer by `end`.
    pub(crate) async fn current(&self, end: Instant) -> Result<Option<VersionId>, String> {
        let read = self.client.get_secret_value().secret_id(&self.arn).version_stage(CURRENT);
        match timeout_at(end, read.send()).await {
            Ok(Ok(answer)) => Ok(answer.version_id),
            Ok(Err(error)) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Ok(Err(error)) => {
                let (resource, region) = (self.arn.as_str(), self.region.as_str());
                Err(explain(&error, Call { action: "secretsmanager:GetSecretValue", resource, region }))
            }
            Err(_) => Err(format!("secretsmanager in {} did not answer in time", self.region)),
        }
    }
}

fn version(id: &str, answer: GetSecretValueOutput) -> Result<Version, String> {
    let created = answer.created_date.and_then(|date| u64::try_from(date.secs()).ok()).unwrap_or_default();
    let text = answer.secret_string.map(Zeroizing::new).ok_or("it is binary, and must be a JWK Set as text")?;
    let SecretValue { keys, planned } = SecretValue::read(&text).map_err(|error| error.to_string())?;
    Ok(Version { id: id.to_owned(), created: UnixSeconds::new(created), keys, planned })
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
