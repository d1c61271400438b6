//! How much memory a line of the log takes.

use std::{io, time::SystemTime};
use telemetry::{Detail, Event, Log, RefusedRequest};

fn refused() -> Event<'static> {
    Event::RequestRefused(RefusedRequest {
        reason: "expired",
        detail: Detail(&"the signature expired 5 s ago"),
        key_set_age: Some(59),
        method: "GET",
        resource: None,
        route_key: Some("GET /pets/{petId}"),
        request_id: "141d6671-99b4-40ca-9997-7a22f01eac74",
        x_amz_cf_id: Some("4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="),
        gateway_source_ip: "130.176.209.37",
    })
}

/// The buffer is kept: once it is large enough, a line allocates nothing.
#[test]
fn a_line_allocates_nothing() {
    let log = Log::new(Some("authorizer".to_owned()), io::sink());
    let read = Event::KeysRead { secret_age: Some(604_800), monitor_mode: true };
    for event in [refused(), read] {
        log.write(&event, SystemTime::UNIX_EPOCH);
        let counted = allocation_counter::measure(|| log.write(&event, SystemTime::UNIX_EPOCH));
        assert_eq!(counted.count_total, 0, "{event:?}: {counted:?}");
    }
}
