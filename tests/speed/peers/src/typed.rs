//! The authorizer with the structs of `aws_lambda_events` for the event and the answer: our rules, because it has none, and the same
//! line of the log.

use crate::log::{self, Admitted};
use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse},
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use serde::{Deserialize, Serialize};
use signing::{CheckedRequest, KeySet, ReceivedRequest, ReceivedTarget, UnixSeconds};
use speed_common::policy;
use std::time::Duration;

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    countersign: String,
    countersign_path: String,
    countersign_target: String,
    countersign_key_id: String,
    countersign_viewer_ip: String,
    viewer_ip: String,
}

pub(crate) fn decide(event: &str, keys: &KeySet) -> (String, String) {
    let event: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_str(event).unwrap();
    let context = event.request_context;
    let header = |name: &str| event.multi_value_headers.get(name).unwrap().to_str().unwrap();
    let headers: Vec<_> =
        event.multi_value_headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    // These structs have neither the domain's name nor the time of the request.
    let domain_name = header("host");
    let created = header("countersign-signature-input").split("created=").nth(1).unwrap();
    let created: u64 = created.split(';').next().unwrap().parse().unwrap();
    let query = event.multi_value_query_string_parameters.iter();
    let target = ReceivedTarget::Rest {
        path: context.path.as_deref().unwrap().into(),
        api_path: event.path.as_deref().unwrap().into(),
        query: query.map(|(name, value)| (name.into(), value.into())).collect(),
    };
    let received = ReceivedRequest {
        method: context.http_method.as_ref().unwrap().as_str(),
        second_method: event.http_method.as_ref().map(|method| method.as_str()),
        domain_name,
        api_id: context.apiid.as_deref().unwrap(),
        stage: context.stage.as_deref().unwrap(),
        headers: &headers,
        target: &target,
        time: Some(UnixSeconds::new(created)),
    };
    let checked = CheckedRequest::check(&received, &policy(Duration::from_secs(60))).unwrap();
    let verified = checked.verify(keys).unwrap();
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    statement.effect = IamPolicyEffect::Allow;
    statement.resource = vec![event.method_arn.clone().unwrap()];
    let mut response = ApiGatewayCustomAuthorizerResponse::<Context>::default();
    response.principal_id = Some("countersign".to_owned());
    response.policy_document.version = Some("2012-10-17".to_owned());
    response.policy_document.statement = vec![statement];
    response.context = Context {
        countersign: "verified".to_owned(),
        countersign_path: verified.path().to_owned(),
        countersign_target: verified.target().as_str().to_owned(),
        countersign_key_id: verified.key_id().as_str().to_owned(),
        countersign_viewer_ip: verified.viewer_ip().to_string(),
        viewer_ip: verified.viewer_ip().to_string(),
    };
    let line = log::line(&Admitted {
        key_id: verified.key_id().as_str(),
        method: received.method,
        request_id: context.request_id.as_deref().unwrap(),
        x_amz_cf_id: header("x-amz-cf-id"),
    });
    (serde_json::to_string(&response).unwrap(), line)
}
