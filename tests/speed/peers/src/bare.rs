//! The authorizer as bare as Rust allows: a small struct that borrows, the rules of `signing`, and text by `format!`. It has no
//! configuration, no second kind of API, no refusals and no errors.

use crate::log::{self, Admitted};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use signing::{CheckedRequest, KeySet, ReceivedRequest, ReceivedTarget, UnixSeconds};
use speed_common::policy;
use std::{borrow::Cow, fmt, marker::PhantomData, time::Duration};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    method_arn: Text<'a>,
    http_method: &'a str,
    path: Text<'a>,
    #[serde(borrow)]
    multi_value_headers: Pairs<'a>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Pairs<'a>,
    #[serde(borrow)]
    request_context: Context<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    http_method: &'a str,
    #[serde(borrow)]
    path: Text<'a>,
    domain_name: &'a str,
    api_id: &'a str,
    stage: &'a str,
    request_time_epoch: u64,
    #[serde(borrow)]
    request_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Pairs<'a>(Vec<(Text<'a>, Vec<Text<'a>>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(32);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Pairs(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// The answer about an event, and the line of the log.
///
/// # Panics
/// If the request is not admitted.
pub fn decide(event: &str, keys: &KeySet) -> (String, String) {
    let event: Event<'_> = serde_json::from_str(event).unwrap();
    let mut headers = Vec::with_capacity(32);
    for (Text(name), values) in &event.multi_value_headers.0 {
        headers.extend(values.iter().map(|Text(value)| (&**name, &**value)));
    }
    let query = event.multi_value_query_string_parameters.0.iter().flat_map(|(Text(name), values)| {
        values.iter().map(|Text(value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value)))
    });
    let context = &event.request_context;
    let target = ReceivedTarget::Rest {
        path: Cow::Borrowed(&*context.path.0),
        api_path: Cow::Borrowed(&*event.path.0),
        query: query.collect(),
    };
    let received = ReceivedRequest {
        method: context.http_method,
        second_method: Some(event.http_method),
        domain_name: context.domain_name,
        api_id: context.api_id,
        stage: context.stage,
        headers: &headers,
        target: &target,
        time: Some(UnixSeconds::from_millis(context.request_time_epoch)),
    };
    let checked = CheckedRequest::check(&received, &policy(Duration::from_secs(60))).unwrap();
    let verified = checked.verify(keys).unwrap();
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let (resource, path, target) = (json(&event.method_arn.0), json(verified.path()), json(verified.target().as_str()));
    let (key_id, viewer_ip) = (verified.key_id().as_str(), verified.viewer_ip());
    let answer = format!(
        "{{\"principalId\":\"countersign\",\"policyDocument\":{{\"Version\":\"2012-10-17\",\"Statement\":[{{\
        \"Action\":[\"execute-api:Invoke\"],\"Effect\":\"Allow\",\"Resource\":[{resource}]}}]}},\
        \"context\":{{\"countersign\":\"verified\",\"countersignPath\":{path},\"countersignTarget\":{target},\
        \"countersignKeyId\":\"{key_id}\",\"countersignViewerIp\":\"{viewer_ip}\",\"viewerIp\":\"{viewer_ip}\"}}}}"
    );
    let x_amz_cf_id = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-cf-id")).unwrap().1;
    let (method, request_id) = (context.http_method, &*context.request_id.0);
    (answer, log::line(&Admitted { key_id, method, request_id, x_amz_cf_id }))
}
