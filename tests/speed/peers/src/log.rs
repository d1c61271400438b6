//! The line of the log that the authorizer writes, with its metrics, by one `format!`.

use jiff::Timestamp;
use std::time::SystemTime;

pub(crate) struct Admitted<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) x_amz_cf_id: &'a str,
}

/// Nothing in it needs an escape: it is ours, or was checked.
pub(crate) fn line(admitted: &Admitted<'_>) -> String {
    let Admitted { key_id, method, request_id, x_amz_cf_id } = admitted;
    let timestamp = Timestamp::try_from(SystemTime::now()).unwrap();
    let milliseconds = timestamp.as_millisecond();
    format!(
        "{{\"timestamp\":\"{timestamp:.6}\",\"level\":\"INFO\",\"event\":\"request-admitted\",\"key_id\":\"{key_id}\",\
        \"key_set_age\":5,\"method\":\"{method}\",\"request_id\":\"{request_id}\",\"x_amz_cf_id\":\"{x_amz_cf_id}\",\
        \"_aws\":{{\"Timestamp\":{milliseconds},\"CloudWatchMetrics\":[{{\"Namespace\":\"Countersign\",\
        \"Dimensions\":[[\"FunctionName\"]],\"Metrics\":[{{\"Name\":\"Allowed\",\"Unit\":\"Count\"}},\
        {{\"Name\":\"KeySetAge\",\"Unit\":\"Seconds\"}}]}}]}},\"FunctionName\":\"authorizer\",\"Allowed\":1,\
        \"KeySetAge\":5}}\n"
    )
}
