//! API Gateway: every method has the authorizer, and the stage has what was deployed.

use crate::{
    doctor::{
        check::Check,
        configuration::{
            Exception,
            answers::{
                gateway::{Authorizer, Deployment, Method, Snapshot, Stage},
                stack::Resource,
            },
            examined::{Examined, unread},
            finding::{Finding, listed},
            reading::Behind,
        },
    },
    status::answers::{At, Read},
    times::{rfc3339, show},
};

impl Examined<'_> {
    pub(super) fn gateway(&self, behind: &Behind) -> Vec<Check> {
        let mut checks = vec![self.methods(behind), self.authorizers(behind), self.api(behind)];
        checks.push(match &behind.stage {
            Ok(stage) => self.stage(stage),
            Err(error) => unread("stage", error),
        });
        for (id, read) in &behind.deployments {
            checks.push(match read {
                Ok(deployment) => self.deployment(id, deployment, behind),
                Err(error) => unread("deployment", error),
            });
        }
        checks
    }

    fn is_rest(&self) -> bool {
        self.output("ApiKind") == Some("REST")
    }

    fn requires_key(&self) -> bool {
        self.output("ApiKeyRequired") == Some("true")
    }

    /// Those that API Gateway asks the authorizer about: all of a REST or HTTP API, and `$connect` of a WebSocket API.
    fn methods(&self, behind: &Behind) -> Check {
        let what = if self.is_rest() { "methods" } else { "routes" };
        let all = match &behind.methods {
            Ok(all) => all,
            Err(error) => return unread(what, error),
        };
        let is_socket = self.output("ApiKind") == Some("WEBSOCKET");
        // An API without a method cannot be deployed: the list was not read.
        if all.is_empty() {
            return unread(what, "the answer of aws lists none");
        }
        let asked = || all.iter().filter(|method| !is_socket || method.name == "$connect");
        let mut findings = Vec::new();
        let names = self.exceptions.iter().map(Exception::name);
        let unknown: Vec<_> = names.filter(|name| !asked().any(|of| of.name == *name)).map(str::to_owned).collect();
        if !unknown.is_empty() {
            findings.push(Finding::ExceptionUnknown { names: unknown });
        }
        let (excepted, asked): (Vec<_>, Vec<_>) = asked().partition(|method| self.is_excepted(&method.name));
        if is_socket && asked.is_empty() && excepted.is_empty() {
            findings.push(Finding::ConnectMissing);
        }
        let some = |are: &dyn Fn(&Method) -> bool| -> Vec<Method> {
            asked.iter().filter(|method| are(method)).map(|method| (**method).clone()).collect()
        };
        let ours = |method: &Method| self.is_ours(method, &behind.authorizers);
        let attached = some(&ours);
        let open = some(&|of| of.is_open() && !of.is_mock_preflight());
        if !open.is_empty() {
            findings.push(Finding::MethodsOpen { methods: open });
        }
        let other = some(&|of| !of.is_open() && !ours(of));
        if !other.is_empty() {
            findings.push(Finding::OtherAuthorizer { methods: other });
        }
        let preflights = some(&|of| of.is_open() && of.is_mock_preflight());
        if !preflights.is_empty() {
            findings.push(Finding::PreflightsOpen { methods: preflights });
        }
        let keyless = some(&|of| !of.key && !of.is_mock_preflight());
        if self.requires_key() && !keyless.is_empty() {
            findings.push(Finding::KeyNotRequired { methods: keyless });
        }
        let excepted =
            if excepted.is_empty() { String::new() } else { format!(", {} besides are excepted", excepted.len()) };
        self.seen(what, format!("{} of {} have the authorizer{excepted}", attached.len(), asked.len()), &findings)
    }

    /// Whether its authorizer is the stack's, or one that calls the same function: some tools own all authorizers of an API.
    fn is_ours(&self, method: &Method, authorizers: &Read<Vec<Authorizer>>) -> bool {
        let Some(id) = method.authorizer.as_deref().filter(|_| method.authorization == "CUSTOM") else { return false };
        let known = authorizers.as_deref().unwrap_or_default();
        self.output("AuthorizerId") == Some(id) || known.iter().any(|of| of.id == id && self.calls_function(of))
    }

    fn calls_function(&self, authorizer: &Authorizer) -> bool {
        self.output("AuthorizerFunctionArn").is_some_and(|function| authorizer.calls(function))
    }

    fn authorizers(&self, behind: &Behind) -> Check {
        let all = match &behind.authorizers {
            Ok(all) => all,
            Err(error) => return unread("authorizers", error),
        };
        let of_stack = self.output("AuthorizerId").unwrap_or_default();
        let answer = self.function.map(|function| function.variables.answer.as_deref().unwrap_or("simple"));
        let mut findings = Vec::new();
        let mut names = Vec::new();
        for authorizer in all.iter().filter(|of| of.id == of_stack || self.calls_function(of)) {
            let id = || authorizer.id.clone();
            names.push(authorizer.id.as_str());
            if !self.calls_function(authorizer) {
                findings.push(Finding::AuthorizerCallsAnother { uri: authorizer.uri.clone() });
                continue;
            }
            if authorizer.kind != "REQUEST" {
                findings.push(Finding::AuthorizerNotRequest { id: id(), kind: authorizer.kind.clone() });
            }
            // That of the stack is part of what `status` reads.
            if let Some(seconds) = authorizer.ttl.filter(|ttl| *ttl > 0 && authorizer.id != of_stack) {
                findings.push(Finding::OwnAuthorizerCaches { id: id(), seconds });
            }
            match (authorizer.payload.as_deref(), authorizer.simple, answer) {
                (Some("2.0"), true, Some(answer)) if answer != "simple" => {
                    findings.push(differs(id(), "simple answers", answer));
                }
                (Some("2.0"), false, Some(answer)) if answer != "policy" => {
                    findings.push(differs(id(), "policies", answer));
                }
                (Some("1.0"), ..) => findings.push(Finding::PayloadOld { id: id() }),
                _ => {}
            }
        }
        let value = format!("{} call the function: {}", names.len(), listed(names.into_iter()));
        self.seen("authorizers", value, &findings)
    }

    fn api(&self, behind: &Behind) -> Check {
        let api = match &behind.api {
            Ok(api) => api,
            Err(error) => return unread("API", error),
        };
        let host = self.api_host();
        let is_default = host.contains(".execute-api.");
        let mut findings = Vec::new();
        if !is_default && !api.closed {
            findings.push(Finding::DefaultEndpointOpen { host });
        }
        let source = api.key_source.as_deref().unwrap_or("HEADER");
        if self.requires_key() && source == "AUTHORIZER" {
            findings.push(Finding::KeySourceAuthorizer);
        }
        let endpoint = if api.closed { "closed" } else { "open" };
        self.seen("API", format!("default endpoint {endpoint}"), &findings)
    }

    fn stage(&self, stage: &Stage) -> Check {
        let findings: &[_] = if stage.cache { &[Finding::StageCaches] } else { &[] };
        let of = self.output("ApiStage").unwrap_or_default();
        let how = if stage.auto { "deploys by itself" } else { "deploys when it is told to" };
        let cache = if stage.cache { "with a cache" } else { "no cache" };
        self.seen("stage", format!("{of}, {how}, {cache}"), findings)
    }

    /// A deployment of a REST API is a snapshot of its methods. That of another API shows only its age.
    fn deployment(&self, id: &str, deployment: &Deployment, behind: &Behind) -> Check {
        // API Gateway does not deploy a REST API without a method.
        if self.is_rest() && deployment.summary.is_empty() {
            return unread(
                "deployment",
                "aws apigateway get-deployment: its answer does not list the methods of the deployment",
            );
        }
        let mut findings = Vec::new();
        let is_mock_preflight = |name: &str| match &behind.methods {
            Ok(methods) => methods.iter().any(|of| of.name == name && of.is_mock_preflight()),
            Err(_) => name.starts_with("OPTIONS "),
        };
        let deployed: Vec<_> = deployment
            .summary
            .iter()
            .flat_map(|(path, methods)| {
                methods.iter().map(move |(method, of)| (format!("{method} {}", plain(path)), of))
            })
            .collect();
        let open: Vec<_> = deployed
            .iter()
            .filter(|(name, of)| of.is_open() && !is_mock_preflight(name) && !self.is_excepted(name))
            .map(|(name, _)| name.clone())
            .collect();
        // If they are open now too, another finding says how to mend it.
        let mended: Vec<_> = open.iter().filter(|name| !is_open_now(name, &behind.methods)).cloned().collect();
        if !mended.is_empty() {
            findings.push(Finding::DeployedOpen { deployment: id.to_owned(), methods: mended });
        }
        let is_auto = behind.stage.as_ref().is_ok_and(|stage| stage.auto);
        if let Some(why) = self.older_than(deployment.created, behind).filter(|_| !is_auto) {
            findings.push(Finding::DeploymentOld { deployment: id.to_owned(), why });
        } else if let Some(why) =
            self.types_differ(&deployed, behind).or_else(|| self.keys_differ(&deployed, &behind.methods))
        {
            findings.push(Finding::DeploymentOld { deployment: id.to_owned(), why });
        }
        let made = deployment.created.map_or_else(String::new, |made| format!(", made {}", show(made.0, self.now)));
        let methods =
            if self.is_rest() { format!(", {} methods, {} open", deployed.len(), open.len()) } else { String::new() };
        self.seen("deployment", format!("{id}{made}{methods}"), &findings)
    }

    /// The identity source of the authorizer changes with the mode of the stack.
    fn older_than(&self, created: Option<At>, behind: &Behind) -> Option<String> {
        let logical = match self.output("ApiKind")? {
            "REST" => "RestAuthorizer",
            "HTTP" => "HttpAuthorizer",
            _ => "WebSocketAuthorizer",
        };
        let resources = behind.resources.as_ref().ok()?;
        let changed = resources.iter().find(|Resource { logical: of, .. }| of == logical)?.at?;
        let created = created?;
        (created.0 < changed.0).then(|| {
            let (created, changed) = (rfc3339(created.0), show(changed.0, self.now));
            format!("it is of {created}, and the authorizer was changed at {changed}")
        })
    }

    /// A method that has the authorizer now had another authorization when it was deployed, which checks no signature.
    fn types_differ(&self, deployed: &[(String, &Snapshot)], behind: &Behind) -> Option<String> {
        let now = behind.methods.as_deref().ok()?;
        let is_attached =
            |name: &str| now.iter().any(|method| method.name == name && self.is_ours(method, &behind.authorizers));
        let others: Vec<_> = deployed
            .iter()
            .filter(|(name, of)| {
                !of.is_open() && of.authorization_type.as_deref() != Some("CUSTOM") && is_attached(name)
            })
            .map(|(name, _)| name.as_str())
            .collect();
        (!others.is_empty()).then(|| {
            format!("there these have an authorization that checks no signature: {}", listed(others.into_iter()))
        })
    }

    fn keys_differ(&self, deployed: &[(String, &Snapshot)], now: &Read<Vec<Method>>) -> Option<String> {
        let now = now.as_ref().ok().filter(|_| self.requires_key())?;
        let keyless: Vec<_> = deployed
            .iter()
            .filter(|(name, of)| !of.api_key_required && now.iter().any(|method| method.name == *name && method.key))
            .map(|(name, _)| name.as_str())
            .collect();
        (!keyless.is_empty())
            .then(|| format!("there these do not require the API key: {}", listed(keyless.into_iter())))
    }
}

/// In some answers API Gateway writes paths as in a JSON pointer, `~1pets`.
fn plain(path: &str) -> String {
    if path.starts_with("~1") { path.replace("~1", "/").replace("~0", "~") } else { path.to_owned() }
}

fn is_open_now(name: &str, methods: &Read<Vec<Method>>) -> bool {
    methods.as_deref().unwrap_or_default().iter().any(|method| method.name == name && method.is_open())
}

fn differs(id: String, expected: &'static str, answer: &str) -> Finding {
    Finding::AnswerFormDiffers { id, expected, answer: answer.to_owned() }
}
