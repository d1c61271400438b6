//! What a request shows beyond the rule that it breaks: its times, the signature base on both sides, and the causes that can be seen
//! in it.

use crate::{
    diagnosis::{
        decision::{Decision, Fit, decoded, header, signed_target},
        printable::{masked_query, may_be_secret},
        report::{BaseLine, Cause, Moment},
    },
    durations, times,
};
use authorizer::Event;
use signing::{Component, Field, KeySet, ReceivedRequest, ReceivedTarget, Refusal, StatedSignature, resembles_ours};
use std::{borrow::Cow, collections::BTreeMap, time::Duration};

/// The command that shows what a distribution forwards to its origins.
pub(crate) const POLICIES: &str = "aws cloudfront get-distribution-config --id DISTRIBUTION --query \
    'DistributionConfig.[DefaultCacheBehavior,CacheBehaviors.Items[]][].[PathPattern,OriginRequestPolicyId]'";

/// How causes of the manual begin that this module repeats with more detail.
pub(crate) const CAME_PAST: &str = "The request came past CloudFront";
pub(crate) const FORWARDS_HOST: &str = "The behavior forwards the viewer's `Host`";

/// Why an id of CloudFront is not a proof: an edge-optimized endpoint is behind a CloudFront of API Gateway.
pub(crate) const ID_OF_OTHERS: &str =
    "(An edge-optimized REST API gets this id from a CloudFront of its own, and a caller can invent one.)";

/// No hop between the signer and the gateway keeps a request for so long: an expired signature of this age has another cause.
const LONG_AGO: u64 = 10 * 60;

/// The times, seen from the moment at which the gateway received the request.
pub(crate) fn times(received: &ReceivedRequest<'_>) -> Vec<Moment> {
    let Some(stated) = StatedSignature::read(received.headers) else { return Vec::new() };
    let both = [("created", stated.created()), ("expires", stated.expires())];
    match received.time {
        None => both.map(|(name, at)| Moment { name, at: times::rfc3339(at) }).to_vec(),
        Some(now) => {
            let both = both.map(|(name, at)| Moment { name, at: times::show(at, now) });
            let at = format!("{}, from which the other times are counted", times::rfc3339(now));
            [Moment { name: "received", at }].into_iter().chain(both).collect()
        }
    }
}

/// The lines of the signature base: the edge's from the headers that it sent, and the gateway's from what it shows.
pub(crate) fn signature_base(received: &ReceivedRequest<'_>, decision: &Decision) -> Vec<BaseLine> {
    let Some(stated) = StatedSignature::read(received.headers) else { return Vec::new() };
    let line = |name, as_signed: &str, as_received: &str, differs| BaseLine {
        name,
        as_signed: as_signed.to_owned(),
        as_received: as_received.to_owned(),
        differs,
    };
    let target = signed_target(received.headers);
    let covered = stated.covered().iter().map(|component| {
        let name = component.name();
        match component {
            Component::Method => {
                let signed = match decision.fits {
                    Some(Fit::Method(method)) => method,
                    _ => received.method,
                };
                let second = received.second_method.unwrap_or(received.method);
                let shown = if signed == received.method { second } else { received.method };
                line(name, signed, shown, signed != shown)
            }
            Component::Authority => {
                let hosts: Vec<_> =
                    received.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).collect();
                let hosts: Vec<_> = hosts.into_iter().map(|&(_, value)| value).collect();
                let signed = match &decision.fits {
                    Some(Fit::Host(host)) => host,
                    _ => received.domain_name,
                };
                let shown = hosts.join(", ");
                line(name, signed, &shown, !signed.eq_ignore_ascii_case(&shown))
            }
            Component::Path => {
                let differs = decision.refusals().any(is_about_path);
                let signed = target.map_or("(Countersign-Target is not a target)", |target| target.path());
                line(name, signed, shown_path(received), differs)
            }
            Component::Query => {
                let signed = target.and_then(|target| target.query()).unwrap_or_default();
                let differs = decision.refusals().any(|refusal| {
                    is_about_query(refusal) || is_about_path(refusal) && signed_pairs(signed) != shown_pairs(received)
                });
                let [signed, shown] =
                    [signed.into(), shown_query(received)].map(|query: Cow<'_, str>| masked_query(&query));
                line(name, &format!("?{signed}"), &format!("?{shown}"), differs)
            }
            Component::ViewerIp => same(name, header(received.headers, Field::CountersignViewerIp.name())),
            Component::ContentDigest => same(name, header(received.headers, Field::ContentDigest.name())),
        }
    });
    let mut lines: Vec<_> = covered.collect();
    lines.push(same("@signature-params", Some(stated.parameters())));
    lines
}

/// A line that the request carries in a header: only the signature shows whether somebody has changed it.
fn same(name: &'static str, value: Option<&str>) -> BaseLine {
    let value = value.unwrap_or("(missing)").to_owned();
    BaseLine { name, as_signed: value.clone(), as_received: value, differs: false }
}

/// The causes that the request shows of this refusal, which is one of the decision.
pub(crate) fn causes(
    refusal: &Refusal,
    event: &Event<'_>,
    received: &ReceivedRequest<'_>,
    decision: &Decision,
    keys: Option<&KeySet>,
) -> Vec<Cause> {
    let only = if decision.is_the_only_one() { " All other rules would hold." } else { "" };
    match refusal {
        Refusal::Missing(field) => vec![unsigned(*field, event, received)],
        Refusal::Future { seconds } => {
            let by = format!("The clock of the signer is ahead of the gateway's clock by {}.{only}", length(*seconds));
            vec![Cause::shown(by, Some("date -u".to_owned())).instead_of("The clock of the signer is ahead.")]
        }
        Refusal::Expired { seconds } if *seconds > LONG_AGO => {
            let late = format!(
                "No request is on its way for so long. So the clock of the signer is behind, by {} or more, or \
                 somebody sent a copied request.{only}",
                length(*seconds)
            );
            vec![Cause::shown(late, Some("date -u".to_owned())).instead_of("The clock of the signer is behind")]
        }
        Refusal::Host => host(received, decision).into_iter().collect(),
        refusal if is_about_path(refusal) => path(received).into_iter().collect(),
        Refusal::Query => query(received).into_iter().collect(),
        Refusal::KeyUnknown(id) => keys.map(|keys| unknown_key(id.as_str(), keys)).into_iter().collect(),
        Refusal::Signature => {
            decision.fits.as_ref().and_then(|fit| other_signature(received, decision, fit)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// A time in words: `1h 25m 13s`.
fn length(seconds: u64) -> String {
    durations::show(Duration::from_secs(seconds))
}

fn unsigned(field: Field, event: &Event<'_>, received: &ReceivedRequest<'_>) -> Cause {
    if received.headers.iter().any(|(name, _)| resembles_ours(name)) {
        let removed =
            format!("Something behind the edge removed or renamed {field}: other headers of the signature are there.");
        return Cause::shown(removed, None);
    }
    match event.cloudfront_id() {
        None => Cause::shown(
            format!(
                "The request came past CloudFront: it has no X-Amz-Cf-Id. It came from {}.",
                Some(event.gateway_source_ip()).filter(|ip| !ip.is_empty()).unwrap_or("an address that is not shown")
            ),
            None,
        )
        .instead_of(CAME_PAST),
        Some(id) => Cause::shown(
            format!(
                "The request came through CloudFront, by its X-Amz-Cf-Id, and the edge signer did not sign it: its behavior does not have \
                 the edge signer, or the edge signer is in monitor mode and could not sign. {ID_OF_OTHERS}"
            ),
            Some(format!(
                "aws logs filter-log-events --log-group-name EDGE_LOG_GROUP --filter-pattern '{{ $.x_amz_cf_id = \"{id}\" }}'"
            )),
        )
        .instead_of("The request's cache behavior has no edge signer."),
    }
}

fn host(received: &ReceivedRequest<'_>, decision: &Decision) -> Option<Cause> {
    let host = header(received.headers, "host")?;
    if host.eq_ignore_ascii_case(received.domain_name) {
        return None;
    }
    let signed = matches!(decision.fits, Some(Fit::Host(_))).then_some(", for which it was signed").unwrap_or_default();
    let forwarded = format!(
        "The behavior forwards the viewer's Host: the request has {host}{signed}, and the gateway's domain is {}.",
        received.domain_name
    );
    Some(Cause::shown(forwarded, Some(POLICIES.to_owned())).instead_of(FORWARDS_HOST))
}

fn path(received: &ReceivedRequest<'_>) -> Option<Cause> {
    let signed = signed_target(received.headers)?.path();
    let shown = shown_path(received);
    let (stage, below) = (received.stage, decoded(signed));
    if !stage.is_empty() && shown == format!("/{stage}{below}") {
        return Some(Cause::shown(
            format!("The signed path does not have the stage: the origin path of the distribution must be /{stage}."),
            Some(ORIGIN_PATHS.to_owned()),
        ));
    }
    if matches!(received.target, ReceivedTarget::WebSocket { .. }) {
        return None;
    }
    (below != shown).then(|| {
        let differ = "The path that arrived is not the path that was signed: something changes it behind the edge, or somebody sent \
            copied headers to another path.";
        Cause::shown(differ, None)
    })
}

/// The command that shows what CloudFront puts before a path.
pub(crate) const ORIGIN_PATHS: &str = "aws cloudfront get-distribution-config --id DISTRIBUTION --query \
    'DistributionConfig.Origins.Items[].[DomainName,OriginPath]'";

fn query(received: &ReceivedRequest<'_>) -> Option<Cause> {
    let signed = signed_pairs(signed_target(received.headers)?.query().unwrap_or_default());
    let shown = shown_pairs(received);
    let names = |one: &Pairs, other: &Pairs| {
        let names =
            one.iter().filter(|(name, values)| other.get(*name).is_none_or(|others| others.len() < values.len()));
        names.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let (missing, added) = (names(&signed, &shown), names(&shown, &signed));
    Some(match (missing.is_empty(), added.is_empty()) {
        (false, true) => Cause::shown(
            format!("Something removes a part of the query behind the edge: {} did not arrive.", missing.join(", ")),
            Some(POLICIES.to_owned()),
        ),
        (true, false) => Cause::shown(
            format!(
                "The query that arrived has more than was signed, {}: somebody sent copied headers with another query, or something \
                 adds to it behind the edge.",
                added.join(", ")
            ),
            None,
        ),
        (false, false) => Cause::shown(
            format!(
                "Another query arrived: {} is missing, and {} is new. Somebody sent copied headers with another query, or something \
                 changes it behind the edge.",
                missing.join(", "),
                added.join(", ")
            ),
            None,
        ),
        (true, true) => {
            let changed = signed.iter().filter(|(name, values)| shown.get(*name) != Some(values)).map(|(name, _)| name);
            let changed: Vec<_> = changed.map(String::as_str).collect();
            Cause::shown(
                match changed.is_empty() {
                    true => "The same parameters arrived in another order or with other escapes.".to_owned(),
                    false => format!("The value of {} is another than the one that was signed.", changed.join(", ")),
                },
                None,
            )
        }
    })
}

fn unknown_key(id: &str, keys: &KeySet) -> Cause {
    let ids: Vec<_> = keys.keys().iter().map(|key| key.id().as_str()).collect();
    Cause::shown(
        format!(
            "Both sides have different keys: the signature names {id}, and the keys that were given are {}.",
            ids.join(", ")
        ),
        Some("countersign keys show --secret ARN".to_owned()),
    )
    .instead_of("`countersign-secret` at the edge and")
}

fn other_signature(received: &ReceivedRequest<'_>, decision: &Decision, fit: &Fit) -> Option<Cause> {
    Some(match fit {
        Fit::Method(method) => Cause::shown(
            format!("The method was changed: the signature fits {method}, and {} arrived.", received.method),
            None,
        ),
        Fit::Host(_) if decision.refusals().any(|refusal| *refusal == Refusal::Host) => return None,
        Fit::Host(host) => Cause::shown(
            format!(
                "The behavior forwards the viewer's Host: the signature fits {host}, and the gateway's domain is {}.",
                received.domain_name
            ),
            Some(POLICIES.to_owned()),
        ),
        Fit::Nothing => {
            let key = StatedSignature::read(received.headers).map(|stated| stated.key_id().to_string());
            Cause::shown(
                format!(
                    "The secret of the key {} is another one at the signer than in the keys that were given: no other method or Host fits \
                     the signature either. (Or somebody changed Countersign-Viewer-Ip, Countersign-Target or Content-Digest.)",
                    key.unwrap_or_default()
                ),
                Some("countersign keys show --secret ARN".to_owned()),
            )
            .instead_of("Two keys have the same id and different secrets.")
        }
    })
}

fn is_about_path(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Path
            | Refusal::PathAmbiguous
            | Refusal::BasePath
            | Refusal::BasePathUnlisted
            | Refusal::BasePathUnknown
            | Refusal::BasePathHidden
    )
}

fn is_about_query(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Query | Refusal::QueryEscape | Refusal::QuerySeparator)
}

/// The target, as far as the event shows it.
pub(crate) fn target(received: &ReceivedRequest<'_>) -> String {
    let path = match received.target {
        ReceivedTarget::WebSocket { .. } => "",
        _ => shown_path(received),
    };
    match shown_query(received) {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

fn shown_path<'a>(received: &'a ReceivedRequest<'_>) -> &'a str {
    match received.target {
        ReceivedTarget::Rest { path, .. } | ReceivedTarget::Http { path, .. } | ReceivedTarget::HttpV1 { path, .. } => {
            path
        }
        ReceivedTarget::WebSocket { .. } => "(the event does not show it)",
    }
}

/// The query, as far as it is shown: in one order, and decoded.
fn shown_query<'a>(received: &'a ReceivedRequest<'_>) -> Cow<'a, str> {
    match received.target {
        ReceivedTarget::Http { query, .. } => Cow::Borrowed(query),
        ReceivedTarget::Rest { query, .. }
        | ReceivedTarget::HttpV1 { query, .. }
        | ReceivedTarget::WebSocket { query, .. } => {
            let pairs: Vec<_> = query.pairs().map(|(name, value)| format!("{name}={value}")).collect();
            Cow::Owned(pairs.join("&"))
        }
    }
}

/// The values of each name. Only for people: the rules compare by themselves.
type Pairs = BTreeMap<String, Vec<String>>;

fn signed_pairs(query: &str) -> Pairs {
    let mut pairs = Pairs::new();
    for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|text| decoded(&text.replace('+', " ")).into_owned());
        pairs.entry(name).or_default().push(value);
    }
    pairs
}

fn shown_pairs(received: &ReceivedRequest<'_>) -> Pairs {
    match received.target {
        ReceivedTarget::Http { query, .. } => signed_pairs(query),
        ReceivedTarget::Rest { query, .. }
        | ReceivedTarget::HttpV1 { query, .. }
        | ReceivedTarget::WebSocket { query, .. } => {
            let mut pairs = Pairs::new();
            for (name, value) in query.pairs() {
                pairs.entry(name.to_owned()).or_default().push(value.to_owned());
            }
            pairs
        }
    }
}

/// Whether the query has a value that is not shown.
pub(crate) fn hides_values(received: &ReceivedRequest<'_>) -> bool {
    shown_pairs(received).keys().any(|name| may_be_secret(name))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::manual;

    /// A beginning that the page does not have any more would let a cause be printed twice.
    #[test]
    fn what_is_repeated_with_more_detail_is_a_cause_of_the_manual() {
        let sources = [include_str!("evidence.rs"), include_str!("log_line.rs")].concat();
        let literals = sources.split(".instead_of(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
        let mut beginnings: Vec<_> =
            literals.map(|(text, _)| text.to_owned()).filter(|text| !text.contains(')')).collect();
        assert!(beginnings.len() >= 5, "{beginnings:?}");
        beginnings.extend([super::CAME_PAST, super::FORWARDS_HOST].map(str::to_owned));
        let causes: Vec<_> = manual::all().into_iter().flat_map(|entry| entry.causes).collect();
        for beginning in beginnings {
            assert!(causes.iter().any(|cause| cause.starts_with(&beginning)), "{beginning}");
        }
    }
}
