//! The settings of the user's own authorizer.

use crate::{delegate::identity::Source, event::Answer};
use settings::{Seconds, SettingError, Settings};
use std::time::Duration;

const AUTHORIZER: &str = "COUNTERSIGN_NEXT_AUTHORIZER";
const PAYLOAD: &str = "COUNTERSIGN_NEXT_PAYLOAD";
const IDENTITY: &str = "COUNTERSIGN_NEXT_IDENTITY";
const TIMEOUT: &str = "COUNTERSIGN_NEXT_TIMEOUT";
/// Belongs to the whole function; here it decides which form of answer is expected.
const ANSWER: &str = "COUNTERSIGN_ANSWER";

/// The user's own authorizer, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegateConfig {
    pub(super) arn: FunctionArn,
    pub(super) payload: Payload,
    pub(super) identity: Vec<Source>,
    pub(super) timeout: Duration,
    pub(super) answer: Answer,
}

/// The event that the function gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// The event as API Gateway sent it.
    Same,
    /// The event of a TOKEN authorizer.
    Token,
    /// Payload format 1.0 of an HTTP API.
    V1,
}

/// The ARN of a function, a version or an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FunctionArn {
    arn: String,
    region: String,
}

impl DelegateConfig {
    /// The names of the settings that [`read`](Self::read) reads.
    pub const NAMES: [&'static str; 4] = [AUTHORIZER, PAYLOAD, IDENTITY, TIMEOUT];

    /// Reads the settings. Without `COUNTERSIGN_NEXT_AUTHORIZER` no function is asked, and each of the other settings is an
    /// error.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn read(settings: &Settings<'_>) -> Result<Option<Self>, SettingError> {
        let Some(arn) = settings.get(AUTHORIZER)? else {
            for name in [PAYLOAD, IDENTITY, TIMEOUT] {
                if settings.get(name)?.is_some() {
                    let instruction = format!("set {AUTHORIZER} to the ARN of the function, or remove {name}");
                    return Err(settings.error(name, format!("is set without {AUTHORIZER}"), instruction));
                }
            }
            return Ok(None);
        };
        let arn = FunctionArn::read(arn).ok_or_else(|| {
            settings.error(
                AUTHORIZER,
                format!("is {arn:?}"),
                "set it to the ARN of a Lambda function, version or alias, like \
                arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]",
            )
        })?;
        let words = [("same", Payload::Same), ("token", Payload::Token), ("1.0", Payload::V1)];
        let payload = settings.word(PAYLOAD, &words, Payload::Same)?;
        // The whole configuration reads this setting too, with the same words and default.
        let words = [("simple", Answer::Simple), ("policy", Answer::Policy)];
        let answer = settings.word(ANSWER, &words, Answer::Simple)?;
        if (payload, answer) == (Payload::V1, Answer::Simple) {
            let instruction = format!(
                "set {ANSWER} to policy and switch off simple responses of the API's authorizer, because a function of payload \
                format 1.0 answers with a policy"
            );
            return Err(settings.error(PAYLOAD, format!("is \"1.0\" while {ANSWER} is simple"), instruction));
        }
        let identity = identity(settings, payload)?;
        let timeout = settings.seconds(TIMEOUT, &Seconds::NEXT_TIMEOUT)?;
        Ok(Some(Self { arn, payload, identity, timeout, answer }))
    }
}

fn identity(settings: &Settings<'_>, payload: Payload) -> Result<Vec<Source>, SettingError> {
    let Some(text) = settings.get(IDENTITY)? else {
        return Ok(if payload == Payload::Token { vec![Source::authorization()] } else { Vec::new() });
    };
    let sources = text.split(',').map(|source| {
        let source = source.trim();
        Source::read(source).ok_or_else(|| {
            settings.error(
                IDENTITY,
                format!("has the wrong entry {source:?}"),
                "set it to the identity sources of the function as API Gateway names them, with commas between them, like \
                method.request.header.Authorization or $request.header.Authorization",
            )
        })
    });
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    if payload == Payload::Token && !matches!(&*sources, [source] if source.is_header()) {
        return Err(settings.error(
            IDENTITY,
            format!("is {text:?} while {PAYLOAD} is token"),
            "set it to the one header of the token, like method.request.header.Authorization",
        ));
    }
    Ok(sources)
}

impl FunctionArn {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut next = || parts.next();
        let (arn, partition, service, region) = (next()?, next()?, next()?, next()?);
        let (account, kind, name, qualifier) = (next()?, next()?, next()?, next());
        // The rules of Lambda's API for the name of a function (64 characters) and of an alias (128 characters).
        let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = |text: &str, longest: usize| (1..=longest).contains(&text.len()) && text.bytes().all(of_a_name);
        let good = arn == "arn"
            && (partition == "aws" || partition.starts_with("aws-"))
            && is_name(partition, 32)
            && service == "lambda"
            && key_store::is_region(region)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && kind == "function"
            && is_name(name, 64)
            && qualifier.is_none_or(|text| text == "$LATEST" || is_name(text, 128))
            && parts.next().is_none();
        good.then(|| Self { arn: text.to_owned(), region: region.to_owned() })
    }

    /// The ARN.
    pub(super) fn as_str(&self) -> &str {
        &self.arn
    }

    /// The Region of the function.
    pub(super) fn region(&self) -> &str {
        &self.region
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:my-authorizer";

    fn read(variables: &[(&str, &str)]) -> Result<Option<DelegateConfig>, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let settings = Settings::of_environment(variables, &[]).unwrap();
        DelegateConfig::read(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_function_there_is_nothing_to_ask() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(ANSWER, "policy")]), Ok(None));
        for (name, value) in [(PAYLOAD, "same"), (IDENTITY, "method.request.header.X"), (TIMEOUT, "3")] {
            assert_eq!(
                read(&[(name, value)]),
                Err(format!(
                    "environment variable {name} is set without COUNTERSIGN_NEXT_AUTHORIZER: set COUNTERSIGN_NEXT_AUTHORIZER to \
                    the ARN of the function, or remove {name}"
                ))
            );
        }
    }

    #[test]
    fn an_omitted_setting_has_its_default() {
        let default = DelegateConfig {
            arn: FunctionArn { arn: ARN.to_owned(), region: "eu-west-1".to_owned() },
            payload: Payload::Same,
            identity: Vec::new(),
            timeout: Duration::from_secs(3),
            answer: Answer::Simple,
        };
        assert_eq!(read(&[(AUTHORIZER, ARN)]), Ok(Some(default.clone())));
        let token =
            DelegateConfig { payload: Payload::Token, identity: vec![Source::authorization()], ..default.clone() };
        assert_eq!(read(&[(AUTHORIZER, ARN), (PAYLOAD, "token")]), Ok(Some(token)));
        let all = [
            (AUTHORIZER, ARN),
            (PAYLOAD, "1.0"),
            (IDENTITY, "$request.header.X, $request.querystring.q"),
            (TIMEOUT, "20"),
            (ANSWER, "policy"),
        ];
        let sources = ["$request.header.X", "$request.querystring.q"].map(|source| Source::read(source).unwrap());
        let expected = DelegateConfig {
            payload: Payload::V1,
            identity: sources.into(),
            timeout: Duration::from_secs(20),
            answer: Answer::Policy,
            ..default
        };
        assert_eq!(read(&all), Ok(Some(expected)));
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_the_instruction() {
        let table = [
            (TIMEOUT, "21", "is \"21\": set it to a whole number of seconds from 1 to 20"),
            (TIMEOUT, "0.5", "is \"0.5\": set it to a whole number of seconds from 1 to 20"),
            (PAYLOAD, "2.0", "is \"2.0\": set it to same, token or 1.0"),
            (
                PAYLOAD,
                "1.0",
                "is \"1.0\" while COUNTERSIGN_ANSWER is simple: set COUNTERSIGN_ANSWER to policy and switch off simple responses of \
                the API's authorizer, because a function of payload format 1.0 answers with a policy",
            ),
            (
                IDENTITY,
                "method.request.header.X,,",
                "has the wrong entry \"\": set it to the identity sources of the function as API Gateway names them, with commas \
                between them, like method.request.header.Authorization or $request.header.Authorization",
            ),
        ];
        for (name, value, expected) in table {
            let found = read(&[(AUTHORIZER, ARN), (name, value)]);
            assert_eq!(found, Err(format!("environment variable {name} {expected}")));
        }
        for value in ["method.request.querystring.X", "method.request.header.X,method.request.header.Y"] {
            let found = read(&[(AUTHORIZER, ARN), (PAYLOAD, "token"), (IDENTITY, value)]);
            let expected = format!(
                "environment variable COUNTERSIGN_NEXT_IDENTITY is {value:?} while COUNTERSIGN_NEXT_PAYLOAD is token: set it to the one \
                header of the token, like method.request.header.Authorization"
            );
            assert_eq!(found, Err(expected));
        }
    }

    #[test]
    fn only_the_arn_of_a_function_version_or_alias_is_accepted() {
        for arn in [
            ARN.to_owned(),
            format!("{ARN}:7"),
            format!("{ARN}:live"),
            format!("{ARN}:$LATEST"),
            ARN.replace("aws:", "aws-cn:"),
        ] {
            let found = FunctionArn::read(&arn).unwrap();
            assert_eq!((found.as_str(), found.region()), (arn.as_str(), "eu-west-1"));
        }
        let table = [
            ("", ""),
            ("arn:", "urn:"),
            (":aws:", ":awsx:"),
            (":aws:", ":gcp:"),
            ("lambda", "secretsmanager"),
            ("eu-west-1", "x.example/eu-west-1"),
            ("eu-west-1", ""),
            ("123456789012", "12345678901"),
            ("function", "layer"),
            ("my-authorizer", ""),
            ("my-authorizer", "my authorizer"),
            ("my-authorizer", "a/../b"),
            ("my-authorizer", "a:"),
            ("my-authorizer", "a:b:c"),
            ("my-authorizer", "a:b/c"),
            ("my-authorizer", "a\n"),
        ];
        for (part, other) in table {
            let text = if part.is_empty() { String::new() } else { ARN.replace(part, other) };
            assert_eq!(FunctionArn::read(&text), None, "{text}");
        }
        assert_eq!(FunctionArn::read(&ARN.replace("my", &"m".repeat(64))), None);
    }
}
