//! The chapters of the tour, in their order.

use clap::ValueEnum;

/// A chapter. Its name on the command line is its slug, and its help is its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Chapter {
    /// REST API: the back door is closed, the front door is open
    RestDoors,
    /// REST API: signed headers, captured at the origin and replayed at the API's own URL
    RestReplay,
    /// REST API: what was verified is handed on, for the API to compare
    RestContext,
    /// REST API: a viewer sends headers of ours through CloudFront
    RestForgery,
    /// REST API: odd targets through CloudFront
    RestTargets,
    /// REST API: bodies through CloudFront
    RestBodies,
    /// REST API: time, with signatures that are valid for 2 s and clocks that agree
    RestTime,
    /// REST API: monitor mode, the first step on a live API
    RestMonitor,
    /// HTTP API: the back door is closed, the front door is open
    HttpDoors,
    /// HTTP API: signed headers, captured at the origin and replayed at the API's own URL
    HttpReplay,
    /// HTTP API: what was verified is handed on, for the API to compare
    HttpContext,
    /// HTTP API: a viewer sends headers of ours through CloudFront
    HttpForgery,
    /// HTTP API: odd targets through CloudFront
    HttpTargets,
    /// HTTP API: bodies through CloudFront
    HttpBodies,
    /// HTTP API: time, with signatures that are valid for 2 s and clocks that agree
    HttpTime,
    /// HTTP API: monitor mode, the first step on a live API
    HttpMonitor,
    /// HTTP API: the integration sends countersignPath to the backend
    HttpPath,
    /// HTTP API: a custom domain, api.example/v1 for the stage prod
    HttpDomain,
    /// HTTP API: an authorizer that answers with an IAM policy
    HttpPolicy,
    /// HTTP API, payload format 1.0: path and query are shown decoded
    HttpV1,
    /// HTTP API, payload format 1.0: how a custom domain shows its path is not known
    HttpV1Domain,
    /// REST API: a custom domain, api.example/v1, and a routing rule that a header steers
    RestDomain,
    /// REST API: a custom domain whose routing rule keeps the base path
    RestKeptBasePath,
    /// WebSocket API: the handshake is signed, and nothing else
    #[value(name = "websocket-handshake")]
    WebSocketHandshake,
    /// WebSocket API: a custom domain, api.example/chat for the stage prod
    #[value(name = "websocket-domain")]
    WebSocketDomain,
    /// WebSocket API: a connection outlives its key, with TTLs of 1 s
    #[value(name = "websocket-revoked")]
    WebSocketRevoked,
    /// WebSocket API: monitor mode
    #[value(name = "websocket-monitor")]
    WebSocketMonitor,
    /// REST API: a bearer token is checked after the signature
    RestToken,
    /// HTTP API: a bearer token is checked after the signature
    HttpToken,
    /// HTTP API, payload format 1.0: a bearer token is checked after the signature
    HttpV1Token,
    /// WebSocket API: a bearer token of the handshake
    #[value(name = "websocket-token")]
    WebSocketToken,
    /// REST API: your own Lambda authorizer is asked after the signature
    RestNext,
    /// HTTP API: your own Lambda authorizer is asked after the signature
    HttpNext,
    /// HTTP API, payload format 1.0: your own Lambda authorizer is asked after the signature
    HttpV1Next,
    /// WebSocket API: your own Lambda authorizer is asked about the handshake
    #[value(name = "websocket-next")]
    WebSocketNext,
    /// REST API: by route, GET /pets=none, /echo/public/*=none, *=jwt
    RestRoutes,
    /// HTTP API: by route, GET /pets=none, /echo/public/*=none, *=jwt
    HttpRoutes,
    /// HTTP API: by route, a token or your own authorizer; both where no row holds
    BothChecks,
    /// REST API: monitor mode of the signature does not switch the token off
    MonitorToken,
    /// REST API: monitor mode of the signature does not switch your own authorizer off
    MonitorNext,
    /// HTTP API: monitor mode of the token, while the signature is enforced
    TokenMonitor,
    /// HTTP API: monitor mode of your own authorizer, while the signature is enforced
    NextMonitor,
    /// Keys: a planned rotation under the load of four clients
    KeysRotation,
    /// Keys: an emergency, after which each side follows within its TTL of 1 s
    KeysEmergency,
    /// Keys: a key store that fails, with an outage of 1 s tolerated
    KeysOutage,
    /// Keys: the first moments of an emergency, with the usual TTLs of 5 min and 60 s
    KeysFirstMoments,
}

/// The chapters that REST APIs and HTTP APIs with payload format 2.0 both have.
pub(crate) struct OfApi {
    pub(crate) doors: Chapter,
    pub(crate) replay: Chapter,
    pub(crate) context: Chapter,
    pub(crate) forgery: Chapter,
    pub(crate) targets: Chapter,
    pub(crate) bodies: Chapter,
    pub(crate) time: Chapter,
    pub(crate) monitor: Chapter,
}

impl OfApi {
    pub(crate) const REST: Self = Self {
        doors: Chapter::RestDoors,
        replay: Chapter::RestReplay,
        context: Chapter::RestContext,
        forgery: Chapter::RestForgery,
        targets: Chapter::RestTargets,
        bodies: Chapter::RestBodies,
        time: Chapter::RestTime,
        monitor: Chapter::RestMonitor,
    };
    pub(crate) const HTTP: Self = Self {
        doors: Chapter::HttpDoors,
        replay: Chapter::HttpReplay,
        context: Chapter::HttpContext,
        forgery: Chapter::HttpForgery,
        targets: Chapter::HttpTargets,
        bodies: Chapter::HttpBodies,
        time: Chapter::HttpTime,
        monitor: Chapter::HttpMonitor,
    };
}

impl Chapter {
    /// `rest-doors`
    pub(crate) fn slug(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// `REST API: the back door is closed, the front door is open`
    pub(crate) fn title(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chapter_has_a_slug_and_a_title_of_one_line() {
        assert_eq!(Chapter::HttpDoors.slug(), "http-doors");
        assert_eq!(Chapter::HttpDoors.title(), "HTTP API: the back door is closed, the front door is open");
        for chapter in Chapter::value_variants() {
            let line = format!("{}  {}", chapter.slug(), chapter.title());
            assert!(!chapter.title().is_empty() && line.chars().count() <= 100, "{line}");
        }
    }
}
