//! What the answers show.

use crate::{
    doctor::{
        check::{Check, Part},
        doors::{
            answer::{Answer, Maker},
            client::Sent,
            clock,
            finding::Kind,
            probe::{Place, Plan, Probe, Purpose, Source, UNREGISTERED, is_default_endpoint},
        },
        targets::Targets,
    },
    finding::Found,
};

const ONLY_RESEMBLING: &str = "the path itself is not open, and a path that resembles it is";

/// What is known beside the answers.
pub(crate) struct Context {
    /// The parameter `Mode` of the stack.
    mode: Option<String>,
    /// Whether the stack's API asks for an API key.
    asks_for_api_key: bool,
    /// Whether a check follows the signature, if there is a stack that says it. No token is sent for it.
    second_check: Option<bool>,
    /// Nothing on this machine is CloudFront.
    viewer_is_deployed: bool,
    /// A custom domain, whose default endpoint is not known.
    default_endpoint_unknown: bool,
}

impl Context {
    pub(crate) fn new(targets: &Targets, plan: &Plan<'_>) -> Self {
        let stack = targets.stack.as_ref();
        Self {
            mode: stack.and_then(|stack| stack.parameter("Mode")).map(str::to_owned),
            asks_for_api_key: stack.and_then(|stack| stack.output("ApiKeyRequired")) == Some("true"),
            second_check: stack.map(|stack| {
                let enforces = |check: &str, mode: &str| {
                    stack.parameter(check).is_some_and(|value| !value.is_empty())
                        && stack.parameter(mode) != Some("monitor")
                };
                enforces("Jwt", "JwtMode") || enforces("NextAuthorizerArn", "NextMode")
            }),
            viewer_is_deployed: plan.viewer.scheme() == "https",
            default_endpoint_unknown: plan.default_endpoint.is_none()
                && plan.api.scheme() == "https"
                && !is_default_endpoint(plan.api),
        }
    }

    /// A refusal of a request that is signed: by a check behind the signature, if the stack has one.
    fn refused(&self, kind: Kind, text: String) -> Found {
        match self.second_check {
            Some(true) => {
                let mut found = Kind::RefusedOtherwise.found(format!(
                    "{text}. It may be only for a token: the stack has a check behind the signature, and this command sends no token"
                ));
                "give --path with a path whose row in Then is none: docs/what-follows.md, By route"
                    .clone_into(&mut found.next);
                found
            }
            Some(false) => kind.found(text),
            None => kind.found(format!("{text}, or a check behind the signature asks for a token")),
        }
    }
}

/// Every request is one check. The clocks are another one.
pub(crate) fn checks(context: &Context, direct: &[Sent], viewer: &[Sent]) -> Vec<Check> {
    let mut checks = Vec::new();
    for sent in direct {
        let maker = |answer: &Answer| maker_of_direct(direct, viewer, &sent.probe, answer);
        if let Ok(answer) = &sent.answer
            && maker(answer) == Maker::TooMany
        {
            let error = format!("API Gateway has too many requests ({}): run this command again later", answer.status);
            checks.push(Check::unread(sent.probe.place.part(), sent.probe.what(), error));
            continue;
        }
        checks.push(check(sent, maker, |answer| of_direct(context, direct, viewer, &sent.probe, answer)));
    }
    if context.default_endpoint_unknown {
        let found = Kind::DefaultEndpointUnknown
            .found("the API has a default endpoint beside its custom domain, which is not known, and may be open");
        checks.push(Check::seen(Part::ApiUrl, "the default endpoint", "not known", vec![found]));
    }
    checks.extend(
        viewer.iter().map(|sent| check(sent, Answer::maker, |answer| of_viewer(context, viewer, &sent.probe, answer))),
    );
    if let Some(reason) = not_sent(viewer) {
        for what in ["a query", "forged headers"] {
            checks.push(Check::seen(Part::CloudFront, what, "not sent", vec![Kind::NotSent.found(reason)]));
        }
    }
    checks.extend(clock::check(answers(direct), answers(viewer)));
    checks
}

fn check(sent: &Sent, maker: impl FnOnce(&Answer) -> Maker, findings: impl FnOnce(&Answer) -> Vec<Found>) -> Check {
    let (part, what) = (sent.probe.place.part(), sent.probe.what());
    match &sent.answer {
        Ok(answer) => {
            let value = format!("{}, {}", answer.status, maker(answer).words());
            Check::seen(part, what, value, findings(answer))
        }
        Err(error) => Check::unread(part, what, error.clone()),
    }
}

fn answers(sent: &[Sent]) -> impl Iterator<Item = &Answer> {
    sent.iter().filter_map(|sent| sent.answer.as_ref().ok())
}

fn find(sent: &[Sent], purpose: Purpose) -> Option<&Answer> {
    sent.iter().find(|sent| sent.probe.purpose == purpose).and_then(|sent| sent.answer.as_ref().ok())
}

/// A request past CloudFront, which nobody has signed.
fn of_direct(context: &Context, direct: &[Sent], viewer: &[Sent], probe: &Probe, answer: &Answer) -> Vec<Found> {
    let (what, status) = (probe.what(), answer.status);
    match probe.purpose {
        Purpose::Replayed(source) => return of_replay(context, direct, probe, source, true, answer),
        Purpose::ReplayedElsewhere(source) => return of_replay(context, direct, probe, source, false, answer),
        _ => {}
    }
    let is_first = probe.purpose == Purpose::Unsigned && probe.method == "GET" && probe.place == Place::Api;
    let mut found = Vec::new();
    if is_first && !answer.is_of_gateway() {
        found.push(Kind::NotApiGateway.found(format!("the answer to {what} has no id of API Gateway")));
    }
    match maker_of_direct(direct, viewer, probe, answer) {
        Maker::Backend | Maker::BackendFailed | Maker::Unclear if is_preflight(probe, answer) => {
            let by = if has_cors_headers(answer) { "with CORS headers" } else { "as a preflight of an origin that is not allowed" };
            found.push(Kind::PreflightAnswered.found(format!("{what} is answered {status} {by}, without a signature")));
        }
        Maker::Backend | Maker::BackendFailed => found.push(open(context, direct, viewer, probe, status)),
        Maker::AuthorizerFailed => found.push(Kind::AuthorizerFails.found(format!(
            "the authorizer fails in the place of a decision about {what}: the answer is {status}"
        ))),
        Maker::NoRoute if is_first => found.push(Kind::PathUnknown.found(format!(
            "the API has no route for {what}, so these requests show little about the authorizer"
        ))),
        Maker::Forbidden if is_first => {
            let key = if context.asks_for_api_key { "the stack requires an API key, and " } else { "" };
            // An API that requires an API key refuses for it, if that is looked at first.
            found.push(Kind::RefusedOtherwise.found(format!(
                "{what} is refused for its API key, its Host, its stage, or by a firewall: {key}this shows nothing about the signature"
            )));
        }
        Maker::Limit if is_first => found.push(Kind::RefusedOtherwise.found(format!(
            "API Gateway does not accept {what}, and answers {status}: this shows nothing about the signature"
        ))),
        Maker::Unclear | Maker::Failed => found.push(Kind::AnswerUnclear.found(format!(
            "{what} is answered {status} without a signature: it may be the backend's answer, and then the API's own URL is open"
        ))),
        _ => {}
    }
    found
}

fn open(context: &Context, direct: &[Sent], viewer: &[Sent], probe: &Probe, status: u16) -> Found {
    let what = probe.what();
    let (kind, mut text) = match (probe.place, probe.purpose) {
        (Place::DefaultEndpoint, _) => (
            Kind::DefaultEndpointOpen,
            format!("{what} without a signature is answered {status}: past CloudFront the API is open"),
        ),
        (_, Purpose::Forged) => {
            let request = probe.request();
            (
                Kind::ForgedAdmitted,
                format!("{request} with a forged signature is answered {status}: nothing checks the signature"),
            )
        }
        _ => (Kind::AnsweredUnsigned, answered_unsigned(direct, viewer)),
    };
    let only_resembling = kind == Kind::AnsweredUnsigned && text.ends_with(ONLY_RESEMBLING);
    let monitors = context.mode.as_deref() == Some("monitor");
    text.push_str(match context.mode {
        _ if monitors => ", because Mode of the stack is monitor",
        // Monitor mode opens the path itself.
        None if !only_resembling => ". Mode=monitor has this effect too",
        _ => "",
    });
    let mut found = kind.found(text);
    if monitors {
        "enforce, when the log shows that nothing would be refused: infra/attach.md, 6. The order on a live API"
            .clone_into(&mut found.next);
    }
    found
}

/// One text for all requests of this kind.
fn answered_unsigned(direct: &[Sent], viewer: &[Sent]) -> String {
    let is_asked = |sent: &Sent| {
        sent.probe.place == Place::Api && matches!(sent.probe.purpose, Purpose::Unsigned | Purpose::Resembling)
    };
    let (purposes, all): (Vec<_>, Vec<_>) = answered(direct, viewer, is_asked).unzip();
    let why = if purposes.contains(&Purpose::Unsigned) { "past CloudFront the API is open" } else { ONLY_RESEMBLING };
    format!("without a signature the backend answers {}: {why}", all.join(", "))
}

/// Those of the requests past CloudFront that the backend answered, each as `GET /pets (200)`.
fn answered<'a>(
    direct: &'a [Sent],
    viewer: &'a [Sent],
    is_asked: impl Fn(&Sent) -> bool + 'a,
) -> impl Iterator<Item = (Purpose, String)> + 'a {
    direct.iter().filter(move |sent| is_asked(sent)).filter_map(|sent| {
        let answer = sent.answer.as_ref().ok()?;
        let maker = maker_of_direct(direct, viewer, &sent.probe, answer);
        let is_open = matches!(maker, Maker::Backend | Maker::BackendFailed) && !is_preflight(&sent.probe, answer);
        is_open.then(|| (sent.probe.purpose, format!("{} ({})", sent.probe.request(), answer.status)))
    })
}

/// The headers of a request, with this request or with another one.
fn of_replay(
    context: &Context,
    direct: &[Sent],
    probe: &Probe,
    source: Source,
    own: bool,
    answer: &Answer,
) -> Vec<Found> {
    let (what, status) = (probe.what(), answer.status);
    let is_forged = |sent: &Sent| sent.probe.place == Place::Api && sent.probe.purpose == Purpose::Forged;
    if answered(direct, &[], is_forged).next().is_some() {
        // Nothing checks the signature, and that finding is there.
        return Vec::new();
    }
    let maker = maker_of_direct(direct, &[], probe, answer);
    let found = match (own, source, maker) {
        (true, Source::Captured, Maker::Backend) => Kind::ReplayPossible.found(format!(
            "{what} is answered {status}: the API shows the headers of a request, and with them anybody may send the same request again, \
             for a minute"
        )),
        (true, Source::Signed, Maker::Backend) => return Vec::new(),
        (true, Source::Signed, Maker::NotSigned | Maker::Refused | Maker::RefusedOrForbidden) => {
            let text = format!(
                "{what} with the keys of the secret is answered {status}: the authorizer has other keys, or another clock or host, or it \
                 requires the origin's header"
            );
            context.refused(Kind::SignatureRefused, text)
        }
        (true, _, _) => Kind::ReplayInconclusive.found(format!(
            "{what} is answered {status}, {}: so it is not shown that the signature is the reason for a refusal. An API that requires an \
             API key refuses a request without it",
            maker.words()
        )),
        (false, _, Maker::Backend | Maker::BackendFailed) => {
            let is_open = |sent: &Sent| sent.probe.purpose == Purpose::ReplayedElsewhere(source);
            let others = answered(direct, &[], is_open).map(|(_, what)| what).collect::<Vec<_>>().join(", ");
            Kind::ReplayAdmitted.found(format!("the signature of one request opens others: {others}"))
        }
        (false, _, Maker::Unclear | Maker::Failed) => Kind::AnswerUnclear.found(format!(
            "{what} is answered {status}: it may be the backend's answer, and then the signature of one request opens another one"
        )),
        (false, _, _) => return Vec::new(),
    };
    vec![found]
}

/// Who made the answer, with what the other answers say about it.
fn maker_of_direct(direct: &[Sent], viewer: &[Sent], probe: &Probe, answer: &Answer) -> Maker {
    let maker = match answer.maker() {
        // Of another distribution, behind the API.
        Maker::ErrorHidden => Maker::Backend,
        maker => maker,
    };
    if is_preflight_of_http_api(probe, answer) {
        return Maker::Unclear;
    }
    // An answer to HEAD has no body. The same status as that to GET is the same answer.
    if probe.method == "HEAD" && !answer.is_success() && answer.header("x-amzn-errortype").is_none() {
        let same = if probe.purpose == Purpose::Unsigned { Purpose::Unsigned } else { Purpose::Forged };
        let get = direct.iter().find(|sent| sent.probe.purpose == same && sent.probe.method == "GET");
        return match get.and_then(|sent| Some((&sent.probe, sent.answer.as_ref().ok()?))) {
            Some((get, of_get)) if of_get.status == answer.status => maker_of_direct(direct, viewer, get, of_get),
            // An HTTP API without a route for HEAD has this status, and so may have the backend.
            _ if answer.status == 404 && answer.header("apigw-requestid").is_some() => {
                let unregistered = direct.iter().find(|sent| sent.probe.method == UNREGISTERED);
                let unregistered = unregistered.and_then(|sent| sent.answer.as_ref().ok()).map(Answer::maker);
                if unregistered == Some(Maker::NoRoute) { Maker::NoRoute } else { Maker::Unclear }
            }
            _ => maker,
        };
    }
    // Both doors give the same answer, which is not API Gateway's: it is the backend's.
    let is_same = |other: &Answer| {
        other.status == answer.status
            && !other.body.is_empty()
            && other.body == answer.body
            && other.maker() == Maker::Unclear
    };
    if maker == Maker::Unclear && find(viewer, Purpose::Viewer).is_some_and(is_same) { Maker::Backend } else { maker }
}

fn is_preflight(probe: &Probe, answer: &Answer) -> bool {
    is_preflight_of_http_api(probe, answer)
        || probe.method == "OPTIONS" && matches!(answer.status, 200 | 204) && has_cors_headers(answer)
}

/// An HTTP API with a CORS configuration answers preflights with 204 by itself, and with CORS headers only if it allows the origin
/// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html).
fn is_preflight_of_http_api(probe: &Probe, answer: &Answer) -> bool {
    probe.method == "OPTIONS" && answer.status == 204 && answer.header("apigw-requestid").is_some()
}

fn has_cors_headers(answer: &Answer) -> bool {
    answer.headers.iter().any(|(name, _)| name.starts_with("access-control-"))
}

/// A request through CloudFront.
fn of_viewer(context: &Context, viewer: &[Sent], probe: &Probe, answer: &Answer) -> Vec<Found> {
    let mut found = match probe.purpose {
        Purpose::Viewer => of_viewers_request(context, viewer, probe, answer),
        // Once is enough.
        Purpose::Unknown(2) if !find(viewer, Purpose::Viewer).is_some_and(is_cached_error) => {
            error_of_cache(probe, answer).into_iter().collect()
        }
        Purpose::Query if is_failure(answer.maker()) && !is_as_without(viewer, answer) => {
            of_viewers_request(context, viewer, probe, answer)
        }
        Purpose::Query if is_refusal(answer) => vec![Kind::QueryRefused.found(format!(
            "{} is refused with {}, and is not refused without the query: something removes the query behind the edge signer",
            probe.what(),
            answer.status
        ))],
        Purpose::Forged if answer.maker() == Maker::ErrorHidden => vec![Kind::AnswerUnclear.found(format!(
            "{} is answered {} through CloudFront, with a page in the place of an error, and not without these headers: a firewall or the \
             API refuses them",
            probe.what(),
            answer.status
        ))],
        // A firewall may block such headers.
        Purpose::Forged if answer.maker() == Maker::CloudFrontBlocked => Vec::new(),
        Purpose::Forged if is_refusal(answer) || is_of_edge(answer.maker()) => {
            vec![Kind::ViewerHeadersRefused.found(format!(
                "{} is answered {} through CloudFront, and not without these headers: the edge signer does not remove them",
                probe.what(),
                answer.status
            ))]
        }
        _ => Vec::new(),
    };
    if probe.purpose == Purpose::Viewer && context.viewer_is_deployed && !answer.is_of_cloudfront() {
        found.push(Kind::NotCloudFront.found(format!("the answer to {} has no id of CloudFront", probe.what())));
    }
    found
}

fn of_viewers_request(context: &Context, viewer: &[Sent], probe: &Probe, answer: &Answer) -> Vec<Found> {
    let (what, status) = (format!("{} through CloudFront", probe.what()), answer.status);
    if is_cached_error(answer) {
        return error_of_cache(probe, answer).into_iter().collect();
    }
    let maker = answer.maker();
    let (kind, why) = match maker {
        Maker::NotSigned => (Kind::ViewerUnsigned, "it has no signature when it arrives at the API"),
        Maker::Refused => (Kind::ViewerRefused, "the authorizer refuses it"),
        Maker::Forbidden | Maker::RefusedOrForbidden => return vec![forbidden(context, viewer, &what, answer)],
        Maker::NoRoute => (Kind::PathUnknown, "the API has no such route"),
        Maker::AuthorizerFailed => (Kind::AuthorizerFails, "the authorizer fails in the place of a decision"),
        Maker::Failed => (Kind::AuthorizerFails, "the authorizer or the integration fails"),
        Maker::EdgeMisconfigured => (Kind::EdgeMisconfigured, "the edge signer does not sign: it is misconfigured"),
        Maker::EdgeNoKeys => (Kind::EdgeNoKeys, "the edge signer cannot read its keys"),
        Maker::EdgeFailed => (Kind::EdgeFails, "CloudFront cannot run the edge signer, or use its result"),
        Maker::CloudFrontBlocked => (Kind::Blocked, "CloudFront refuses it by itself"),
        Maker::ErrorHidden => (Kind::ErrorHidden, "CloudFront answers a page in the place of an error of the API"),
        Maker::CloudFrontNoOrigin => {
            (Kind::OriginUnreachable, "CloudFront cannot connect to the API, or waits too long for it")
        }
        Maker::BackendFailed => (Kind::BackendFails, "the backend does not answer"),
        Maker::Unclear | Maker::Limit if status >= 500 => {
            (Kind::BackendFails, "the backend, or something before it, fails")
        }
        Maker::TooMany => (Kind::AnswerUnclear, "API Gateway has too many requests"),
        Maker::Unclear | Maker::Limit => (Kind::AnswerUnclear, "it is not known who refuses it"),
        Maker::Backend if answer.is_cached() => {
            (Kind::AnswerCached, "it was in CloudFront's cache, and was not signed")
        }
        Maker::Backend => return Vec::new(),
    };
    let text = format!("{what} is answered {status}: {why}");
    vec![if matches!(kind, Kind::ViewerUnsigned | Kind::ViewerRefused) {
        context.refused(kind, text)
    } else {
        kind.found(text)
    }]
}

/// The Host, the stage, the API key or, at an HTTP API, the authorizer: what the other requests say about it.
fn forbidden(context: &Context, viewer: &[Sent], what: &str, answer: &Answer) -> Found {
    let status = answer.status;
    let [unknown, stage] =
        [Purpose::Unknown(1), Purpose::Stage].map(|purpose| find(viewer, purpose).map(Answer::maker));
    let of_api = |maker: Option<Maker>| maker.is_some_and(|maker| !is_forbidden(maker) && !is_of_edge(maker));
    if of_api(stage) && stage != Some(Maker::NoRoute) && !of_api(unknown) {
        return Kind::StageMissing.found(format!(
            "{what} is answered {status}, and the same path below the stage reaches the API: CloudFront does not add the stage"
        ));
    }
    // A path that the API does not have reaches it, also one with the stage twice: so the Host and the stage are right.
    let is_reached = of_api(unknown) || stage == Some(Maker::NoRoute);
    match (answer.maker(), is_reached) {
        (Maker::Forbidden, true) => Kind::ApiKeyRefused.found(format!(
            "{what} is answered {status}: API Gateway refuses the API key that CloudFront sends, or a firewall refuses the request"
        )),
        (Maker::Forbidden, false) => Kind::HostForwarded.found(format!(
            "{what} is answered {status}: API Gateway does not accept the Host, which is then the viewer's, or it refuses the API key"
        )),
        (_, true) => {
            context.refused(Kind::ViewerRefused, format!("{what} is answered {status}: the authorizer refuses it"))
        }
        (_, false) => context.refused(
            Kind::ViewerRefused,
            format!(
                "{what} is answered {status}: the authorizer refuses it, or, if its log has no line, API Gateway does not accept the Host, \
                 because the viewer's is forwarded"
            ),
        ),
    }
}

fn is_forbidden(maker: Maker) -> bool {
    matches!(maker, Maker::Forbidden | Maker::RefusedOrForbidden)
}

fn is_refusal(answer: &Answer) -> bool {
    is_forbidden(answer.maker()) || matches!(answer.maker(), Maker::NotSigned | Maker::Refused)
}

/// What no query should cause. A firewall may block a query.
fn is_failure(maker: Maker) -> bool {
    is_of_edge(maker) && maker != Maker::CloudFrontBlocked
        || matches!(maker, Maker::AuthorizerFailed | Maker::Failed | Maker::BackendFailed | Maker::ErrorHidden)
}

/// The viewer's request has the same trouble.
fn is_as_without(viewer: &[Sent], answer: &Answer) -> bool {
    find(viewer, Purpose::Viewer).is_some_and(|other| other.maker() == answer.maker())
}

fn is_of_edge(maker: Maker) -> bool {
    use Maker::{CloudFrontBlocked, CloudFrontNoOrigin, EdgeFailed, EdgeMisconfigured, EdgeNoKeys};
    matches!(maker, CloudFrontBlocked | CloudFrontNoOrigin | EdgeFailed | EdgeMisconfigured | EdgeNoKeys)
}

/// An error that is younger than a second has an age too: 0.
fn is_cached_error(answer: &Answer) -> bool {
    !answer.is_success() && (answer.is_cached() || answer.header("age").is_some())
}

fn error_of_cache(probe: &Probe, answer: &Answer) -> Option<Found> {
    let age = answer.age().map_or_else(String::new, |age| format!(", {age} s old"));
    is_cached_error(answer).then(|| {
        Kind::ErrorCached.found(format!(
            "CloudFront keeps errors: {} is answered {} from its cache{age}. One viewer's error is given to others",
            probe.what(),
            answer.status
        ))
    })
}

/// The requests through CloudFront that depend on the answers until now. An error that CloudFront keeps would be given to viewers: no
/// request is sent to the path that may be refused, unless CloudFront was seen to keep no error.
pub(crate) fn more_through_cloudfront(plan: &Plan<'_>, viewer: &[Sent]) -> Vec<Probe> {
    let Some(answer) = find(viewer, Purpose::Viewer) else { return Vec::new() };
    if is_forbidden(answer.maker()) {
        return plan.with_stage().into_iter().collect();
    }
    if answer.is_success() && not_sent(viewer).is_none() {
        vec![plan.query(), plan.forged(Place::CloudFront)]
    } else {
        Vec::new()
    }
}

/// Why the requests that may be refused were not sent, if the path is answered.
fn not_sent(viewer: &[Sent]) -> Option<&'static str> {
    let answered = find(viewer, Purpose::Viewer).is_some_and(Answer::is_success);
    let second = find(viewer, Purpose::Unknown(2));
    match second {
        _ if !answered => None,
        Some(second) if is_cached_error(second) => Some(
            "a query and forged headers were not tried through CloudFront: it keeps errors, and would give viewers the one that may come",
        ),
        Some(second) if !second.is_success() => None,
        _ => Some(
            "a query and forged headers were not tried through CloudFront: an unknown path gets no error, so it is not known whether \
             CloudFront keeps errors, and would give viewers the one that may come",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        doctor::doors::{answer::tests::answer, probe::default_endpoint},
        finding::Severity,
    };
    use serde_json::json;

    fn targets(api_url: &str, parameters: &[(&str, &str)]) -> Targets {
        let parameters = parameters.iter().map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value}));
        let stack = json!({
            "StackName": "pets", "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/1",
            "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-11-26T07:00:00Z",
            "Parameters": parameters.collect::<Vec<_>>(),
            "Outputs": [
                {"OutputKey": "ApiId", "OutputValue": "abc123"}, {"OutputKey": "ApiStage", "OutputValue": "prod"},
                {"OutputKey": "ApiKeyRequired", "OutputValue": "true"},
            ],
        });
        Targets {
            api_url: api_url.parse().unwrap(),
            viewer_url: "https://d111111abcdef8.cloudfront.net".parse().unwrap(),
            distribution: None,
            stack: Some(serde_json::from_value(stack).unwrap()),
        }
    }

    #[test]
    fn the_stack_says_where_the_default_endpoint_is() {
        let endpoint = default_endpoint(&targets("https://api.example.com/v1", &[])).unwrap();
        assert_eq!(endpoint.to_string(), "https://abc123.execute-api.eu-west-1.amazonaws.com/prod");
        let own = "https://abc123.execute-api.eu-west-1.amazonaws.com/prod";
        assert!(default_endpoint(&targets(own, &[])).is_none());
    }

    #[test]
    fn the_mode_and_the_api_key_of_the_stack_are_named() {
        let path = "/pets".parse().unwrap();
        let found = |mode: &str, answer: Answer| {
            let targets = targets("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", &[("Mode", mode)]);
            let plan = Plan {
                path: &path,
                unsafe_methods: false,
                is_websocket: false,
                random: String::new(),
                api: &targets.api_url,
                default_endpoint: None,
                viewer: &targets.viewer_url,
            };
            let probe = plan.direct().swap_remove(0);
            let checks = checks(&Context::new(&targets, &plan), &[Sent { probe, answer: Ok(answer) }], &[]);
            let [found] = checks[0].findings() else { panic!("{:?}", checks[0]) };
            found.clone()
        };
        let open = answer(200, &[("x-amzn-requestid", "r")], "");
        let monitors = found("monitor", open.clone());
        assert!(monitors.text.ends_with(": past CloudFront the API is open, because Mode of the stack is monitor"));
        assert!(monitors.next.starts_with("enforce,"));
        assert!(found("enforce", open).text.ends_with(": past CloudFront the API is open"));
        let forbidden = answer(403, &[("x-amzn-requestid", "r"), ("x-amzn-errortype", "ForbiddenException")], "");
        assert!(found("enforce", forbidden).text.contains("the stack requires an API key, and this shows nothing"));
    }
    /// `local` has no second check: the answers are those that API Gateway gives of any refusal.
    #[test]
    fn a_check_behind_the_signature_may_refuse_for_a_token() {
        let path = "/pets".parse().unwrap();
        let found = |parameters: Option<&[(&str, &str)]>, direct: Vec<Answer>, viewer: Option<Answer>| {
            let mut targets =
                targets("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", parameters.unwrap_or_default());
            targets.stack = targets.stack.filter(|_| parameters.is_some());
            let plan = Plan {
                path: &path,
                unsafe_methods: false,
                is_websocket: false,
                random: String::new(),
                api: &targets.api_url,
                default_endpoint: None,
                viewer: &targets.viewer_url,
            };
            let direct = direct.into_iter().map(|answer| Sent {
                probe: plan.replayed(Source::Signed, true, "GET", "/pets", &[]),
                answer: Ok(answer),
            });
            let viewer = viewer.map(|answer| Sent { probe: plan.through_cloudfront(), answer: Ok(answer) });
            let checks = checks(
                &Context::new(&targets, &plan),
                &direct.collect::<Vec<_>>(),
                &viewer.into_iter().collect::<Vec<_>>(),
            );
            let [found] = checks[0].findings() else { panic!("{:?}", checks[0]) };
            found.clone()
        };
        let cloudfront = ("x-amz-cf-id", "cf");
        let rest =
            |status, name| answer(status, &[("x-amzn-requestid", "r"), ("x-amzn-errortype", name), cloudfront], "");
        let refusals = [
            (rest(401, "UnauthorizedException"), "viewer-unsigned"),
            (rest(403, "AccessDeniedException"), "viewer-refused"),
            (answer(403, &[("apigw-requestid", "r"), cloudfront], r#"{"message":"Forbidden"}"#), "viewer-refused"),
        ];
        let token = "asks for a token";
        for (refusal, viewer_finding) in refusals {
            let of = |parameters: Option<&[(&str, &str)]>| {
                [
                    (found(parameters, vec![], Some(refusal.clone())), viewer_finding),
                    (found(parameters, vec![refusal.clone()], None), "signature-refused"),
                ]
            };
            for (found, finding) in of(None) {
                assert_eq!((found.finding, found.text.ends_with(token)), (finding, true), "{}", found.text);
            }
            let without: [&[_]; 3] = [
                &[("Jwt", ""), ("NextAuthorizerArn", "")],
                &[("Jwt", "https://a.example;audience=a"), ("JwtMode", "monitor")],
                &[("NextAuthorizerArn", "arn"), ("NextMode", "monitor")],
            ];
            for (found, finding) in without.into_iter().flat_map(|parameters| of(Some(parameters))) {
                assert_eq!((found.finding, found.text.contains("token")), (finding, false), "{}", found.text);
            }
            let with: [&[_]; 2] = [&[("Jwt", "https://a.example;audience=a")], &[("NextAuthorizerArn", "arn")]];
            for (found, _) in with.into_iter().flat_map(|parameters| of(Some(parameters))) {
                assert_eq!((found.finding, found.severity), ("refused-otherwise", Severity::Note), "{}", found.text);
                assert!(found.text.contains("this command sends no token"), "{}", found.text);
                assert!(found.next.contains("whose row in Then is none"), "{}", found.next);
            }
        }
    }
}
