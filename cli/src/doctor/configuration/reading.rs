//! The calls. One that fails leaves the others, and its error is part of what was read.

use crate::{
    aws::Aws,
    doctor::configuration::answers::{
        distribution::{self, CACHE_POLICY, CachePolicy, Distribution, REQUEST_POLICY, RequestPolicy, WEB_ACL, WebAcl},
        gateway::{
            Api, Authorizer, Deployment, Method, RESOURCES, REST_API, REST_AUTHORIZERS, REST_DEPLOYMENT, REST_STAGE,
            ROUTES, Stage, V2_API, V2_AUTHORIZERS, V2_DEPLOYMENT, V2_STAGE,
        },
        stack::{
            self, CONCURRENCY, Concurrency, MAPPINGS, MESSAGES, Mapping, Messages, POLICY, Policy, RULE, Resource,
            Rule, SIGNER, Signer,
        },
    },
    status::{Deployed, answers::Read, ask},
};
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// The Region of what belongs to CloudFront.
const GLOBAL: &str = "us-east-1";

/// All that was read.
pub(crate) struct Answers {
    /// Absent if the id of the distribution is not known.
    pub(crate) edge: Option<Edge>,
    /// Absent without a stack.
    pub(crate) behind: Option<Behind>,
}

/// The distribution, and what it names.
pub(crate) struct Edge {
    pub(crate) distribution: Read<Distribution>,
    /// By id. That which is recommended is not read.
    pub(crate) request_policies: BTreeMap<String, Read<RequestPolicy>>,
    pub(crate) cache_policies: BTreeMap<String, Read<CachePolicy>>,
    /// Absent without a web ACL of AWS WAF.
    pub(crate) web_acl: Option<Read<WebAcl>>,
}

/// The API and the stack.
pub(crate) struct Behind {
    pub(crate) methods: Read<Vec<Method>>,
    pub(crate) authorizers: Read<Vec<Authorizer>>,
    pub(crate) api: Read<Api>,
    pub(crate) stage: Read<Stage>,
    /// That of the stage, and that of its canary.
    pub(crate) deployments: Vec<(String, Read<Deployment>)>,
    pub(crate) resources: Read<Vec<Resource>>,
    pub(crate) signer: Option<Read<Signer>>,
    pub(crate) concurrency: Read<Concurrency>,
    /// Without a policy nobody else may call the function.
    pub(crate) policy: Read<Policy>,
    /// With the name of the rule.
    pub(crate) rule: Option<(String, Read<Rule>)>,
    pub(crate) mappings: Option<Read<Vec<Mapping>>>,
    pub(crate) dead_letters: Option<Read<Messages>>,
}

/// All calls, some at the same time.
pub(crate) async fn read(aws: &Aws<'_>, deployed: Option<&Deployed<'_>>, distribution: Option<&str>) -> Answers {
    let (edge, behind) = tokio::join!(
        async {
            match distribution {
                Some(id) => Some(edge(aws, id).await),
                None => None,
            }
        },
        async {
            match deployed {
                Some(deployed) => Some(behind(aws, deployed).await),
                None => None,
            }
        },
    );
    Answers { edge, behind }
}

async fn edge(aws: &Aws<'_>, id: &str) -> Edge {
    let query = distribution::query();
    let distribution = ask(aws, &["cloudfront", "get-distribution-config", "--id", id, "--query", &query]).await;
    let edge = Edge { distribution, request_policies: BTreeMap::new(), cache_policies: BTreeMap::new(), web_acl: None };
    let Ok(distribution) = &edge.distribution else { return edge };
    let behaviors = || std::iter::once(&distribution.default).chain(&distribution.others);
    let request_policies = behaviors().filter_map(|of| of.request.as_deref()).filter(|id| *id != ALL_EXCEPT_HOST);
    let cache_policies = behaviors().filter_map(|of| of.cache.as_deref()).filter(|id| *id != NOT_CACHED);
    let (request_policies, cache_policies, web_acl) = tokio::join!(
        each(aws, "get-origin-request-policy", REQUEST_POLICY, request_policies.collect()),
        each(aws, "get-cache-policy", CACHE_POLICY, cache_policies.collect()),
        async {
            match distribution.web_acl.as_deref().and_then(name_and_id) {
                Some((name, id)) => {
                    let of = ["--scope", "CLOUDFRONT", "--region", GLOBAL, "--name", name, "--id", id];
                    Some(ask(aws, &[&["wafv2", "get-web-acl", "--query", WEB_ACL], &of[..]].concat()).await)
                }
                None => None,
            }
        },
    );
    Edge { request_policies, cache_policies, web_acl, ..edge }
}

/// AllViewerExceptHostHeader, which AWS manages: it forwards the whole query, and all headers but `Host`.
pub(crate) const ALL_EXCEPT_HOST: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";

/// CachingDisabled, which AWS manages: it forwards nothing, and keeps nothing.
pub(crate) const NOT_CACHED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/// Each policy once.
async fn each<T: DeserializeOwned>(
    aws: &Aws<'_>,
    call: &str,
    query: &str,
    ids: BTreeSet<&str>,
) -> BTreeMap<String, Read<T>> {
    let calls = ids.into_iter().map(async |id| {
        let read = ask(aws, &["cloudfront", call, "--id", id, "--query", query]).await;
        (id.to_owned(), read)
    });
    join_all(calls).await.into_iter().collect()
}

/// Those of `arn:aws:wafv2:us-east-1:ACCOUNT:global/webacl/NAME/ID`. A web ACL of WAF Classic has only an id.
fn name_and_id(arn: &str) -> Option<(&str, &str)> {
    let (_, of) = arn.split_once(":global/webacl/")?;
    of.split_once('/')
}

async fn behind(aws: &Aws<'_>, deployed: &Deployed<'_>) -> Behind {
    let stack = deployed.stack;
    let gateway = Gateway::of(deployed);
    let signer = stack.parameter("SignerVersionArn");
    let rotator = stack.output("RotateApiKeysFunction");
    let function = &*deployed.authorizer;
    let configuration = ["lambda", "get-function-configuration", "--region", GLOBAL, "--query", SIGNER];
    let mappings = ["lambda", "list-event-source-mappings", "--query", MAPPINGS];
    let concurrency = ["lambda", "get-function-concurrency", "--query", CONCURRENCY, "--function-name", function];
    let (methods, authorizers, api, deployed_as, of_stack, signer, concurrency, policy, mappings) = tokio::join!(
        gateway.methods(aws),
        gateway.authorizers(aws),
        gateway.api(aws),
        gateway.stage_and_deployments(aws),
        resources_and_theirs(aws, &stack.stack_name),
        async {
            match signer {
                Some(signer) => Some(ask(aws, &[&configuration[..], &["--function-name", signer]].concat()).await),
                None => None,
            }
        },
        ask(aws, &concurrency),
        policy(aws, function),
        async {
            match rotator {
                Some(rotator) => Some(list(aws, &[&mappings[..], &["--function-name", rotator]].concat()).await),
                None => None,
            }
        },
    );
    let (stage, deployments) = deployed_as;
    let (resources, rule, dead_letters) = of_stack;
    Behind {
        methods,
        authorizers,
        api,
        stage,
        deployments,
        resources,
        signer,
        concurrency,
        policy,
        rule,
        mappings,
        dead_letters,
    }
}

/// The calls to API Gateway: another service for REST APIs than for the others.
struct Gateway<'a> {
    is_rest: bool,
    api: &'a str,
    stage: &'a str,
}

impl<'a> Gateway<'a> {
    fn of(deployed: &'a Deployed<'_>) -> Self {
        let [kind, api, stage] = ["ApiKind", "ApiId", "ApiStage"].map(|name| deployed.stack.output(name));
        Self { is_rest: kind == Some("REST"), api: api.unwrap_or_default(), stage: stage.unwrap_or_default() }
    }

    /// The beginning of a call: the service, the command and the API.
    fn call<'b>(&self, rest: &'b str, v2: &'b str, more: &[&'b str]) -> Vec<&'b str>
    where
        'a: 'b,
    {
        let begin = if self.is_rest {
            ["apigateway", rest, "--rest-api-id", self.api]
        } else {
            ["apigatewayv2", v2, "--api-id", self.api]
        };
        [&begin[..], more].concat()
    }

    async fn methods(&self, aws: &Aws<'_>) -> Read<Vec<Method>> {
        if self.is_rest {
            let call = self.call("get-resources", "", &["--embed", "methods", "--query", RESOURCES]);
            list(aws, &call).await.map(Method::of_resources)
        } else {
            list(aws, &self.call("", "get-routes", &["--query", ROUTES])).await.map(Method::of_routes)
        }
    }

    async fn authorizers(&self, aws: &Aws<'_>) -> Read<Vec<Authorizer>> {
        let query = if self.is_rest { REST_AUTHORIZERS } else { V2_AUTHORIZERS };
        list(aws, &self.call("get-authorizers", "get-authorizers", &["--query", query])).await
    }

    async fn api(&self, aws: &Aws<'_>) -> Read<Api> {
        let query = if self.is_rest { REST_API } else { V2_API };
        ask(aws, &self.call("get-rest-api", "get-api", &["--query", query])).await
    }

    async fn stage_and_deployments(&self, aws: &Aws<'_>) -> (Read<Stage>, Vec<(String, Read<Deployment>)>) {
        let query = if self.is_rest { REST_STAGE } else { V2_STAGE };
        let call = self.call("get-stage", "get-stage", &["--stage-name", self.stage, "--query", query]);
        let stage: Read<Stage> = ask(aws, &call).await;
        let ids = stage.as_ref().map(|stage| [stage.deployment.clone(), stage.canary.clone()]).unwrap_or_default();
        let deployments = ids.into_iter().flatten().map(async |id| {
            let read = self.deployment(aws, &id).await;
            (id, read)
        });
        (stage, join_all(deployments).await)
    }

    async fn deployment(&self, aws: &Aws<'_>, id: &str) -> Read<Deployment> {
        let (query, embed): (_, &[&str]) =
            if self.is_rest { (REST_DEPLOYMENT, &["--embed", "apisummary"]) } else { (V2_DEPLOYMENT, &[]) };
        let of = ["--deployment-id", id, "--query", query];
        ask(aws, &self.call("get-deployment", "get-deployment", &[&of[..], embed].concat())).await
    }
}

type OfStack = (Read<Vec<Resource>>, Option<(String, Read<Rule>)>, Option<Read<Messages>>);

/// The resources of the stack, and the two that its outputs do not name.
async fn resources_and_theirs(aws: &Aws<'_>, name: &str) -> OfStack {
    let call = ["cloudformation", "describe-stack-resources", "--stack-name", name, "--query", stack::RESOURCES];
    let resources: Read<Vec<Resource>> = list(aws, &call).await;
    let physical = |logical: &str| {
        let found = resources.as_ref().ok()?.iter().find(|of| of.logical == logical);
        found.and_then(|of| of.physical.clone())
    };
    let (rule, letters) = (physical("RotateApiKeysScheduledJob"), physical("RotationDeadLetters"));
    let (rule, letters) = tokio::join!(
        async {
            match rule {
                Some(name) => {
                    let read = ask(aws, &["events", "describe-rule", "--name", &name, "--query", RULE]).await;
                    Some((name, read))
                }
                None => None,
            }
        },
        async {
            match letters {
                Some(url) => {
                    let attribute = ["--attribute-names", "ApproximateNumberOfMessages", "--query", MESSAGES];
                    let call = ["sqs", "get-queue-attributes", "--queue-url", &url];
                    Some(ask(aws, &[&call[..], &attribute].concat()).await)
                }
                None => None,
            }
        },
    );
    (resources, rule, letters)
}

/// A function without a policy is answered as a resource that is not found.
async fn policy(aws: &Aws<'_>, function: &str) -> Read<Policy> {
    match ask(aws, &["lambda", "get-policy", "--function-name", function, "--query", POLICY]).await {
        Err(error) if error.contains("ResourceNotFoundException") => Ok(Policy::default()),
        read => read,
    }
}

/// A list that is empty may be missing.
async fn list<T: DeserializeOwned>(aws: &Aws<'_>, arguments: &[&str]) -> Read<Vec<T>> {
    ask::<Option<Vec<T>>>(aws, arguments).await.map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_acl_is_named_by_its_arn() {
        let arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/pets/1a2b3c4d-0000-4000-8000-000000000001";
        assert_eq!(name_and_id(arn), Some(("pets", "1a2b3c4d-0000-4000-8000-000000000001")));
        for other in ["", "1a2b3c4d-0000-4000-8000-000000000001", "arn:aws:wafv2:us-east-1:1:regional/webacl/a/b"] {
            assert_eq!(name_and_id(other), None, "{other}");
        }
    }
}
