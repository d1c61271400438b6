//! The path that the resources or routes of an API see.

use crate::{
    base_path::BasePaths,
    gateway::{below_shown_stage, below_stage, is_own_domain},
    received::{ReceivedRequest, ReceivedTarget},
};

impl ReceivedRequest<'_> {
    /// The path that the API's resources or routes see: what the gateway shows, without the stage, and without the base path if
    /// the gateway removes it. Nothing of it is signed. REST APIs show it as it was sent, HTTP APIs decoded.
    ///
    /// It is `None` if that path is not known: on a custom domain that is not listed, because a path like `/v1/pets` may have the
    /// mapping key in it or not; at a WebSocket API; or if the path does not have the stage or the base path that it must have.
    pub fn resource_path(&self, base_paths: &BasePaths) -> Option<&str> {
        let is_listed = base_paths.leads_here(self);
        if !is_listed && !is_own_domain(self) {
            return None;
        }
        match self.target {
            ReceivedTarget::Rest { path, .. } if is_listed => {
                let mapped = base_paths.find(self, path).ok()??;
                Some(mapped.seen(path))
            }
            ReceivedTarget::Rest { path, .. } => below_stage(path, self),
            // Neither payload format shows the mapping key that leads to `$default`; 1.0 may show the key of a named stage.
            ReceivedTarget::HttpV1 { .. } if is_listed && self.stage != "$default" => None,
            ReceivedTarget::Http { path, .. } | ReceivedTarget::HttpV1 { path, .. } => below_shown_stage(path, self),
            ReceivedTarget::WebSocket { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    const OWN: &str = "abc.execute-api.eu-west-1.amazonaws.com";
    const LISTED: &str = "a.example/v1=abc/prod,a.example/kept=abc/prod/kept,a.example/free=abc/$default,a.example=abc/prod,\
        b.example/k=other/prod";

    #[track_caller]
    fn check(target: &ReceivedTarget<'_>, (domain_name, stage): (&str, &str), expected: Option<&str>) {
        let received = ReceivedRequest {
            method: "GET",
            second_method: None,
            domain_name,
            api_id: "abc",
            stage,
            headers: &[],
            target,
            time: None,
        };
        let listed = BasePaths::try_from(LISTED).unwrap();
        assert_eq!(received.resource_path(&listed), expected, "{target:?} at {domain_name} {stage}");
    }

    fn rest(path: &str) -> ReceivedTarget<'_> {
        ReceivedTarget::Rest { path: path.into(), api_path: "/not-used".into(), query: Query::default() }
    }

    fn http(path: &str) -> ReceivedTarget<'_> {
        ReceivedTarget::Http { path: path.into(), query: "".into() }
    }

    fn http_v1(path: &str) -> ReceivedTarget<'_> {
        ReceivedTarget::HttpV1 { path: path.into(), query: Query::default(), shows_repeats: true }
    }

    #[test]
    fn a_rest_api_sees_the_path_without_stage_and_removed_base_path() {
        check(&rest("/prod/pets%20x"), (OWN, "prod"), Some("/pets%20x"));
        check(&rest("/prod"), (OWN, "prod"), Some("/"));
        check(&rest("/prod//pets"), (OWN, "prod"), Some("//pets"));
        check(&rest("/prod/pets"), ("127.0.0.1:8081", "prod"), Some("/pets"));
        check(&rest("/v1/pets"), ("a.example", "prod"), Some("/pets"));
        check(&rest("/kept/pets"), ("A.example", "prod"), Some("/kept/pets"));
        check(&rest("/pets"), ("a.example", "prod"), Some("/pets"));
        for (path, domain, stage) in [
            ("/pets", OWN, "prod"),
            ("/production", OWN, "prod"),
            ("prod/pets", OWN, "prod"),
            ("//prod/pets", OWN, "prod"),
            ("/pets", OWN, ""),
            ("/prod/pets", "other.execute-api.eu-west-1.amazonaws.com", "prod"),
            ("/pets", "c.example", "prod"),
            ("/prod/pets", "c.example", "prod"),
            ("/k/pets", "b.example", "prod"),
            ("/free/pets", "a.example", "prod"),
            ("/v1/pets", "a.example", "dev"),
        ] {
            check(&rest(path), (domain, stage), None);
        }
    }

    #[test]
    fn an_http_api_sees_the_path_that_is_shown_without_the_stage() {
        for target in [http, http_v1] {
            check(&target("/prod/pets x"), (OWN, "prod"), Some("/pets x"));
            check(&target("/prod"), (OWN, "prod"), Some("/"));
            check(&target("/pets"), (OWN, "$default"), Some("/pets"));
            check(&target("/pets"), ("a.example", "$default"), Some("/pets"));
            check(&target("/free/pets"), ("a.example", "$default"), Some("/free/pets"));
            check(&target("/pets"), (OWN, "prod"), None);
            check(&target("pets"), (OWN, "$default"), None);
            check(&target(""), (OWN, "$default"), None);
            check(&target("/pets"), ("c.example", "$default"), None);
            check(&target("/prod/pets"), ("b.example", "prod"), None);
        }
        check(&http("/prod/pets"), ("a.example", "prod"), Some("/pets"));
        check(&http_v1("/prod/pets"), ("a.example", "prod"), None);
    }

    #[test]
    fn a_websocket_api_has_no_path() {
        let target = ReceivedTarget::WebSocket { query: Query::default(), shows_repeats: true };
        check(&target, (OWN, "prod"), None);
        check(&target, ("a.example", "prod"), None);
    }
}
