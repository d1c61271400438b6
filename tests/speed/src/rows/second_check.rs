//! What the check after the signature costs: the packaged authorizer with it, beside the same authorizer without it.

use crate::{
    aws,
    bounds::{EDDSA_WARM, ES256_WARM, NEXT_FRESH, NEXT_RESIDENT, NEXT_WARM, RS256_WARM, TOKEN_FRESH, TOKEN_RESIDENT},
    fixtures::{ARN, METHOD_ARN},
    issuer::{Issuer, Keys},
    run::Run,
    runtime_api::{self, Life},
};
use anyhow::Result;
use serde_json::json;

const NEXT: &str = "arn:aws:lambda:eu-west-1:123456789012:function:my-authorizer:live";

/// A process: the event that it gets, the setting of its second check, and a text that only this check puts into the answer.
#[derive(Clone, Copy)]
struct Process<'a> {
    event: &'a str,
    setting: Option<(&'static str, &'a str)>,
    proof: &'static str,
}

pub(crate) fn authorizer(run: &mut Run<'_>) -> Result<()> {
    let answer = json!({
        "principalId": "my-authorizer",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": METHOD_ARN }],
        },
        "context": { "tier": "gold" },
    });
    let (environment, fixtures) = (run.environment, run.fixtures);
    let keys = Keys::generate(environment)?;
    // On the processor that measures: the servers and the function take turns, and neither must wake another processor.
    let (issuer, endpoint) = environment.processors.on_measured(|| {
        anyhow::Ok((Issuer::serve(keys, fixtures.now)?, aws::with_function(&fixtures.secret, &answer.to_string())?))
    })??;
    let tokens = [&issuer.eddsa, &issuer.es256, &issuer.rs256];
    let [eddsa, es256, rs256] = tokens.map(|token| fixtures.rest_with_token(token));
    let (eddsa, es256, rs256) = (eddsa?, es256?, rs256?);
    let jwt = issuer.setting();
    // The event has the token in any case, so that only the check differs.
    let without = |event| Process { event, setting: None, proof: "verified" };
    let token = |event| Process { event, setting: Some(("COUNTERSIGN_JWT", &jwt)), proof: "jwt_sub" };
    let next = |event| Process { event, setting: Some(("COUNTERSIGN_NEXT_AUTHORIZER", NEXT)), proof: "gold" };
    let processes =
        [without(&eddsa), token(&eddsa), without(&es256), token(&es256), without(&rs256), token(&rs256), next(&rs256)];

    let values = ["first answer", "warm, median", "resident"];
    let samples = run.start("second check", processes, values, |run, Process { event, setting, proof }| {
        let mut command = run.environment.command(&run.environment.function("authorizer/bootstrap"));
        command.env("AWS_ENDPOINT_URL", &endpoint).env("COUNTERSIGN_SECRET", ARN).envs(setting);
        let Life { first, warm, resident } =
            runtime_api::live(run.environment, &mut command, event, proof, run.pace.warm)?;
        Ok([first, warm.median(), resident])
    })?;
    let [[_, without_eddsa, _], [_, eddsa, _], [_, without_es256, _], [_, es256, _], without, rs256, next] = samples;
    let [without_first, without_warm, without_resident] = without;
    let [token_first, rs256, token_resident] = rs256;
    let [next_first, next_warm, next_resident] = next;
    run.compare(&EDDSA_WARM, &eddsa, &without_eddsa);
    run.compare(&ES256_WARM, &es256, &without_es256);
    run.compare(&RS256_WARM, &rs256, &without_warm);
    run.compare(&NEXT_WARM, &next_warm, &without_warm);
    run.compare(&TOKEN_FRESH, &token_first, &without_first);
    run.compare(&NEXT_FRESH, &next_first, &without_first);
    run.compare(&TOKEN_RESIDENT, &token_resident, &without_resident);
    run.compare(&NEXT_RESIDENT, &next_resident, &without_resident);
    Ok(())
}
