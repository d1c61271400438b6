//! CloudFormation in memory, only for the parameters of stacks: a stack here does not have resources.
//!
//! A parameter that an update leaves out falls back to its default, as AWS documents; an update that forgets one
//! damages the stack, and [`CloudFormation::parameters`] shows it.

use crate::fake_aws::call::{ACCOUNT, Answer, Refusal};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One parameter of a stack.
#[derive(Clone)]
pub(crate) struct Parameter {
    key: String,
    value: String,
    default: Option<String>,
    no_echo: bool,
}

/// How an update ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum UpdateEnd {
    Complete,
    /// The parameters have their old values again.
    RolledBack,
}

#[derive(Default)]
pub(crate) struct CloudFormation {
    stacks: Vec<Stack>,
    /// Whether an update has ended before it is answered.
    pub(crate) at_once: bool,
}

struct Stack {
    name: String,
    id: String,
    region: String,
    status: String,
    reason: Option<&'static str>,
    parameters: Vec<Parameter>,
    capabilities: BTreeSet<String>,
    update: Option<Update>,
    spent_tokens: BTreeSet<String>,
    /// Elements of the description that say whose the stack is: `RoleARN`, `ParentId`, `RootId`.
    owners: Vec<(&'static str, String)>,
}

/// An update that has not ended.
struct Update {
    before: Vec<Parameter>,
    token: Option<String>,
}

impl Parameter {
    pub(crate) fn new(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), default: None, no_echo: false }
    }

    pub(crate) fn default(self, default: &str) -> Self {
        Self { default: Some(default.to_owned()), ..self }
    }

    pub(crate) fn no_echo(self) -> Self {
        Self { no_echo: true, ..self }
    }
}

impl CloudFormation {
    /// Does what a call asks for.
    pub(crate) fn answer(&mut self, operation: &str, region: &str, input: &Value) -> Result<Answer, Refusal> {
        let name = input["StackName"].as_str().unwrap_or_default();
        let mut stacks = self.stacks.iter_mut().filter(|stack| stack.region == region);
        let stack = stacks.find(|stack| stack.name == name || stack.id == name);
        let stack = stack.ok_or_else(|| validation_error(&format!("Stack with id {name} does not exist")))?;
        match operation {
            "DescribeStacks" => Ok(Answer::unchanged(stack.describe())),
            "UpdateStack" => {
                let effect = stack.update(input)?;
                if effect && self.at_once {
                    stack.finish(UpdateEnd::Complete);
                }
                Ok(Answer { body: element("StackId", &stack.id), effect })
            }
            _ => Err(Refusal::new(400, "InvalidAction", &format!("Could not find operation {operation}"))),
        }
    }

    /// Makes a stack that is complete, and returns its ARN.
    pub(crate) fn create(
        &mut self,
        region: &str,
        name: &str,
        parameters: &[Parameter],
        capabilities: &[&str],
    ) -> String {
        let number = self.stacks.len();
        let id = format!("arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/00000000-0000-0000-0000-{number:012}");
        self.stacks.push(Stack {
            name: name.to_owned(),
            id: id.clone(),
            region: region.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            reason: None,
            parameters: parameters.to_vec(),
            capabilities: capabilities.iter().map(|name| (*name).to_owned()).collect(),
            update: None,
            spent_tokens: BTreeSet::new(),
            owners: Vec::new(),
        });
        id
    }

    /// The present values, also those that DescribeStacks hides.
    #[track_caller]
    pub(crate) fn parameters(&mut self, name: &str) -> BTreeMap<String, String> {
        let parameters = self.named(name).parameters.iter();
        parameters.map(|parameter| (parameter.key.clone(), parameter.value.clone())).collect()
    }

    /// Ends the update that is under way.
    #[track_caller]
    pub(crate) fn finish(&mut self, name: &str, end: UpdateEnd) {
        self.named(name).finish(end);
    }

    /// Gives a stack any status, like an operation of somebody else.
    #[track_caller]
    pub(crate) fn set_status(&mut self, name: &str, status: &str) {
        self.named(name).status = status.to_owned();
    }

    /// Gives it a service role (`RoleARN`) or a parent (`ParentId`, `RootId`), by the element that shows it.
    #[track_caller]
    pub(crate) fn set_owner(&mut self, name: &str, element: &'static str, value: &str) {
        self.named(name).owners.push((element, value.to_owned()));
    }

    #[track_caller]
    fn named(&mut self, name: &str) -> &mut Stack {
        let mut named = self.stacks.iter_mut().filter(|stack| stack.name == name);
        named.next().unwrap_or_else(|| panic!("no stack {name}"))
    }
}

impl Stack {
    fn describe(&self) -> String {
        let shown = |parameter: &Parameter| {
            let value = if parameter.no_echo { "****" } else { &parameter.value };
            let key = element("ParameterKey", &parameter.key);
            format!("<member>{key}{}</member>", element("ParameterValue", value))
        };
        let parameters: String = self.parameters.iter().map(shown).collect();
        let capability = |name: &String| element("member", name);
        let capabilities: String = self.capabilities.iter().map(capability).collect();
        let reason = self.reason.map(|reason| element("StackStatusReason", reason)).unwrap_or_default();
        let owners: String = self.owners.iter().map(|(name, value)| element(name, value)).collect();
        format!(
            "<Stacks><member>{}{}{}{reason}{owners}<CreationTime>2026-01-01T00:00:00.000Z</CreationTime>\
             <DisableRollback>false</DisableRollback><Parameters>{parameters}</Parameters>\
             <Capabilities>{capabilities}</Capabilities></member></Stacks>",
            element("StackId", &self.id),
            element("StackName", &self.name),
            element("StackStatus", &self.status),
        )
    }

    /// Starts an update and returns whether one was started.
    fn update(&mut self, input: &Value) -> Result<bool, Refusal> {
        let token = input["ClientRequestToken"].as_str().map(str::to_owned);
        if token.as_ref().is_some_and(|token| self.spent_tokens.contains(token)) {
            return Err(Refusal::new(400, "TokenAlreadyExistsException", "A client request token already exists."));
        }
        // A request that is sent again while its update is under way: believed to be recognised, and not documented in words.
        if self.update.as_ref().is_some_and(|update| token.is_some() && update.token == token) {
            return Ok(false);
        }
        if input["UsePreviousTemplate"] != "true" {
            return Err(validation_error("At least one of [TemplateBody, TemplateURL] must be specified."));
        }
        let wanted = self.wanted(input)?;
        let given: BTreeSet<_> = members(input, "Capabilities.member.").map(|(_, name)| name.to_owned()).collect();
        let missing: Vec<_> = self.capabilities.difference(&given).cloned().collect();
        // The capability with named IAM resources includes the capability without names.
        let covered = |name: &String| name == "CAPABILITY_IAM" && given.contains("CAPABILITY_NAMED_IAM");
        if !missing.iter().all(covered) {
            let why = format!("Requires capabilities : [{}]", missing.join(", "));
            return Err(Refusal::new(400, "InsufficientCapabilitiesException", &why));
        }
        if !["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"].contains(&self.status.as_str()) {
            let Self { id, status, .. } = self;
            return Err(validation_error(&format!("Stack:{id} is in {status} state and can not be updated.")));
        }
        if wanted.iter().zip(&self.parameters).all(|(wanted, there)| wanted.value == there.value) {
            return Err(validation_error("No updates are to be performed."));
        }
        let before = std::mem::replace(&mut self.parameters, wanted);
        self.update = Some(Update { before, token });
        self.status = "UPDATE_IN_PROGRESS".to_owned();
        self.reason = Some("User Initiated");
        Ok(true)
    }

    /// The parameters as the call wants them.
    fn wanted(&self, input: &Value) -> Result<Vec<Parameter>, Refusal> {
        let mut given = BTreeMap::new();
        let keys = members(input, "Parameters.member.")
            .filter_map(|(at, key)| at.strip_suffix(".ParameterKey").map(|at| (at, key)));
        for (at, key) in keys {
            let field = |name: &str| input[format!("Parameters.member.{at}.{name}")].as_str();
            given.insert(key, (field("ParameterValue"), field("UsePreviousValue") == Some("true")));
        }
        if let Some(unknown) = given.keys().find(|key| self.parameters.iter().all(|parameter| parameter.key != **key)) {
            return Err(validation_error(&format!("Parameters: [{unknown}] do not exist in the template")));
        }
        let wanted = |there: &Parameter| {
            let value = match given.get(there.key.as_str()) {
                Some((Some(_), true)) => {
                    return Err(validation_error(&format!(
                        "Invalid input for parameter key {}. Cannot specify usePreviousValue as true and non empty value for a parameter",
                        there.key
                    )));
                }
                Some((None, true)) => Some(there.value.clone()),
                Some((Some(value), false)) => Some((*value).to_owned()),
                Some((None, false)) | None => there.default.clone(),
            };
            let missing = || validation_error(&format!("Parameters: [{}] must have values", there.key));
            Ok(Parameter { value: value.ok_or_else(missing)?, ..there.clone() })
        };
        self.parameters.iter().map(wanted).collect()
    }

    #[track_caller]
    fn finish(&mut self, end: UpdateEnd) {
        let update = self.update.take().expect("an update is under way");
        self.spent_tokens.extend(update.token);
        self.reason = None;
        self.status = match end {
            UpdateEnd::Complete => "UPDATE_COMPLETE".to_owned(),
            UpdateEnd::RolledBack => {
                self.parameters = update.before;
                "UPDATE_ROLLBACK_COMPLETE".to_owned()
            }
        };
    }
}

/// A list as the query protocol writes it: what follows the prefix in each name, and the value.
fn members<'a>(input: &'a Value, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fields = input.as_object().into_iter().flatten();
    fields.filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str()?)))
}

/// An element of XML with this text.
pub(crate) fn element(name: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<{name}>{text}</{name}>")
}

fn validation_error(why: &str) -> Refusal {
    Refusal::new(400, "ValidationError", why)
}
