//! GetSecretValue by hand, with a signature of version 4: the least that fetches a key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use speed_common::Connection;
use std::{env, net::TcpStream, time::SystemTime};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: String,
}

/// The text of the secret, from the endpoint of the environment.
///
/// # Panics
/// If it cannot be had.
pub fn fetch(arn: &str) -> String {
    let variable = |name| env::var(name).unwrap();
    let (region, endpoint) = (variable("AWS_REGION"), variable("AWS_ENDPOINT_URL"));
    let host = endpoint.strip_prefix("http://").unwrap();
    let time = Timestamp::try_from(SystemTime::now()).unwrap().strftime("%Y%m%dT%H%M%SZ").to_string();
    let (date, _) = time.split_once('T').unwrap();
    let body = format!("{{\"SecretId\":\"{arn}\",\"VersionStage\":\"AWSCURRENT\"}}");
    let token = variable("AWS_SESSION_TOKEN");
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let canonical = format!(
        "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:{host}\nx-amz-date:{time}\nx-amz-security-token:{token}\n\
        x-amz-target:secretsmanager.GetSecretValue\n\n{signed}\n{}",
        hex::encode(Sha256::digest(&body))
    );
    let scope = format!("{date}/{region}/secretsmanager/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = mac(format!("AWS4{}", variable("AWS_SECRET_ACCESS_KEY")).as_bytes(), date);
    for part in [region.as_str(), "secretsmanager", "aws4_request"] {
        key = mac(&key, part);
    }
    let signature = hex::encode(mac(&key, &to_sign));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Date: {time}\r\n\
        X-Amz-Security-Token: {token}\r\nX-Amz-Target: secretsmanager.GetSecretValue\r\nAuthorization: AWS4-HMAC-SHA256 \
        Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}\r\nContent-Length: {}\r\n\r\n{body}",
        variable("AWS_ACCESS_KEY_ID"),
        body.len()
    );
    let mut connection = Connection::new(TcpStream::connect(host).unwrap()).unwrap();
    connection.send(request.as_bytes()).unwrap();
    let answer = connection.receive().unwrap().unwrap();
    serde_json::from_slice::<Answer>(&answer.body).unwrap().secret_string
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}
