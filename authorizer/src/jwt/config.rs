//! The configuration of the check: three environment variables.

use super::{algorithm::Algorithm, url::Url};
use key_store::CacheLimits;
use settings::{Seconds, SettingError, Settings};
use std::time::Duration;

const JWT: &str = "COUNTERSIGN_JWT";
const SKEW: &str = "COUNTERSIGN_JWT_SKEW";
const CLAIMS: &str = "COUNTERSIGN_JWT_CLAIMS";

/// How the keys of an issuer are kept. A key that the issuer withdraws is used for `ttl` at most if the issuer answers. While it does
/// not answer, its keys are used as long as the keys of the signature in such an outage.
const LIMITS: CacheLimits = CacheLimits { ttl: Duration::from_secs(300), max_stale: Duration::from_secs(1_800) };

/// The greatest number of chosen claims, and the greatest length of a name: all their names fit into the context.
const MAX_CLAIMS: usize = 20;
const MAX_NAME: usize = 64;

/// The claims that are handed on in any case.
const ALWAYS: [&str; 4] = ["jwt_iss", "jwt_sub", "jwt_client_id", "jwt_scope"];

/// The member of the context that names the members that are missing.
pub(super) const OMITTED: &str = "jwt_omitted";

/// What a token must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtConfig {
    pub(super) issuers: Vec<IssuerRules>,
    pub(super) skew: Duration,
    pub(super) handed_on: ChosenClaims,
    pub(super) limits: CacheLimits,
}

/// An issuer, and what its tokens must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuerRules {
    pub(super) issuer: Url,
    /// If there is one, `aud` must have one of them.
    pub(super) audiences: Vec<Box<str>>,
    /// If there is one, the client must be one of them. There is an audience or a client.
    pub(super) clients: Vec<Box<str>>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) token_use: Option<Box<str>>,
    /// Where its keys are, if that is not asked.
    pub(super) key_set: Option<Url>,
}

/// The claims that are handed on to the API because the configuration names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenClaims(Vec<ChosenClaim>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChosenClaim {
    /// The name of the claim.
    pub(super) name: Box<str>,
    /// The name of its member of the context.
    pub(super) member: Box<str>,
}

impl ChosenClaims {
    pub(super) fn iter(&self) -> impl Iterator<Item = &ChosenClaim> {
        self.0.iter()
    }
}

impl JwtConfig {
    /// The names of the settings.
    pub const NAMES: [&'static str; 3] = [JWT, SKEW, CLAIMS];

    /// Reads the three settings. Without `COUNTERSIGN_JWT` tokens are not checked, and neither of the others may be set.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn read(settings: &Settings<'_>) -> Result<Option<Self>, SettingError> {
        let Some(listed) = settings.get(JWT)? else {
            for name in [SKEW, CLAIMS] {
                if settings.get(name)?.is_some() {
                    let instruction = format!("set {JWT} too, or remove {name}");
                    return Err(settings.error(name, format!("is set without {JWT}"), instruction));
                }
            }
            return Ok(None);
        };
        let issuers = issuers(listed).map_err(|problem| {
            settings.error(
                JWT,
                problem,
                "set it to ISSUER;audience=A|B or ISSUER;client-id=C of each issuer, with commas between issuers",
            )
        })?;
        let skew = settings.seconds(SKEW, &Seconds::TOKEN_SKEW)?;
        let chosen = claims(settings.get(CLAIMS)?.unwrap_or_default()).map_err(|problem| {
            let instruction =
                format!("set it to at most {MAX_CLAIMS} names of claims, with spaces or commas between them");
            settings.error(CLAIMS, problem, instruction)
        })?;
        Ok(Some(Self { issuers, skew, handed_on: chosen, limits: LIMITS }))
    }

    /// Shortens the time for which keys are kept by up to a tenth, so that processes started together do not read together.
    pub fn jittered(self, random: u8) -> Self {
        Self { limits: self.limits.jittered(random), ..self }
    }
}

/// The issuers, or what is wrong with the text.
fn issuers(text: &str) -> Result<Vec<IssuerRules>, String> {
    let mut issuers: Vec<IssuerRules> = Vec::new();
    for entry in text.split(',').map(str::trim) {
        let rules = IssuerRules::parse(entry)?;
        if issuers.iter().any(|earlier| earlier.issuer == rules.issuer) {
            return Err(format!("names the issuer {} twice", rules.issuer.as_str()));
        }
        issuers.push(rules);
    }
    Ok(issuers)
}

impl IssuerRules {
    fn parse(entry: &str) -> Result<Self, String> {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let issuer = Url::parse_issuer(name);
        let issuer =
            issuer.ok_or_else(|| format!("has the issuer {name:?}, which is not an https:// URL without a query"))?;
        let (mut audiences, mut clients, mut algorithms) = (None, None, None);
        let (mut token_use, mut key_set) = (None, None);
        for option in parts {
            let wrong = |problem: &str| format!("has for the issuer {name} the option {option:?}, which {problem}");
            let (word, value) = option.split_once('=').ok_or_else(|| wrong("is not NAME=VALUE"))?;
            let is_repeated = match word {
                "audience" => audiences.replace(texts(value).ok_or_else(|| wrong(TEXTS))?).is_some(),
                "client-id" => clients.replace(texts(value).ok_or_else(|| wrong(TEXTS))?).is_some(),
                "algorithms" => {
                    let listed = algorithms_of(value);
                    let listed =
                        listed.ok_or_else(|| wrong("is not a list of RS256, ES256 and EdDSA with | between them"))?;
                    algorithms.replace(listed).is_some()
                }
                "token-use" => {
                    let value = texts(value).filter(|values| values.len() == 1).and_then(|mut values| values.pop());
                    token_use.replace(value.ok_or_else(|| wrong("is not one value, like access"))?).is_some()
                }
                "jwks" => {
                    // The document decides who can sign, so it is as safe as the issuer itself.
                    let url = Url::parse(value).filter(|url| !url.is_plain() || issuer.is_plain());
                    key_set.replace(url.ok_or_else(|| wrong("is not an https:// URL"))?).is_some()
                }
                _ => return Err(wrong("is not audience=, client-id=, algorithms=, token-use= or jwks=")),
            };
            if is_repeated {
                return Err(wrong("is there twice"));
            }
        }
        if audiences.is_none() && clients.is_none() {
            return Err(format!(
                "has for the issuer {name} neither audience= nor client-id=, so each of its tokens would be accepted"
            ));
        }
        Ok(Self {
            issuer,
            audiences: audiences.unwrap_or_default(),
            clients: clients.unwrap_or_default(),
            algorithms: algorithms.unwrap_or_else(|| Algorithm::WORDS.map(|(_, algorithm)| algorithm).to_vec()),
            token_use,
            key_set,
        })
    }
}

const TEXTS: &str = "is not a list of different values with | between them, in printable ASCII characters";

/// The values of an option.
fn texts(list: &str) -> Option<Vec<Box<str>>> {
    let mut texts: Vec<Box<str>> = Vec::new();
    for text in list.split('|') {
        let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !good || texts.iter().any(|earlier| **earlier == *text) {
            return None;
        }
        texts.push(text.into());
    }
    Some(texts)
}

fn algorithms_of(list: &str) -> Option<Vec<Algorithm>> {
    let mut algorithms = Vec::new();
    for word in list.split('|') {
        let (_, algorithm) = Algorithm::WORDS.into_iter().find(|(known, _)| *known == word)?;
        if algorithms.contains(&algorithm) {
            return None;
        }
        algorithms.push(algorithm);
    }
    Some(algorithms)
}

/// The chosen claims, or what is wrong with the text.
fn claims(text: &str) -> Result<ChosenClaims, String> {
    let mut chosen: Vec<ChosenClaim> = Vec::new();
    for name in text.split([',', ' ']).filter(|name| !name.is_empty()) {
        if name.len() > MAX_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("has {name:?}, which is not a name of at most {MAX_NAME} printable ASCII characters"));
        }
        let replaced = |byte: char| if byte.is_ascii_alphanumeric() { byte } else { '_' };
        let member: Box<str> = format!("jwt_{}", name.chars().map(replaced).collect::<String>()).into();
        if ALWAYS.contains(&&*member) {
            return Err(format!("has {name:?}, but {member} is handed on in any case"));
        }
        if *member == *OMITTED || chosen.iter().any(|earlier| earlier.member == member) {
            return Err(format!("has {name:?}, but {member} is already the name of another value"));
        }
        chosen.push(ChosenClaim { name: name.into(), member });
    }
    if chosen.len() > MAX_CLAIMS {
        return Err(format!("has {} names", chosen.len()));
    }
    Ok(ChosenClaims(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    const ISSUER: &str = "https://issuer.example/";

    fn read(variables: &[(&str, &str)]) -> Result<Option<JwtConfig>, String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        JwtConfig::read(&Settings::of_environment(variables, &[]).ok().unwrap()).map_err(|error| error.to_string())
    }

    fn rules(issuer: &str) -> IssuerRules {
        IssuerRules {
            issuer: Url::parse_issuer(issuer).unwrap(),
            audiences: vec!["pets".into()],
            clients: Vec::new(),
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
            token_use: None,
            key_set: None,
        }
    }

    #[test]
    fn an_omitted_setting_has_its_default() {
        assert_eq!(read(&[]), Ok(None));
        let limits = CacheLimits { ttl: Duration::from_secs(300), max_stale: Duration::from_secs(1_800) };
        let default = JwtConfig {
            issuers: vec![rules(ISSUER)],
            skew: Duration::from_secs(60),
            handed_on: ChosenClaims::default(),
            limits,
        };
        let jwt = format!("{ISSUER};audience=pets");
        assert_eq!(read(&[(JWT, &jwt)]), Ok(Some(default.clone())));
        assert_eq!(
            read(&[(JWT, &jwt), (CLAIMS, ""), (SKEW, "0")]),
            Ok(Some(JwtConfig { skew: Duration::ZERO, ..default.clone() }))
        );
        let shortest = default.clone().jittered(255);
        assert!(shortest.limits.ttl < limits.ttl && shortest.limits.max_stale == limits.max_stale);
        assert_eq!(default.clone().jittered(0), default);
    }

    #[test]
    fn all_options_of_several_issuers_are_read() {
        let jwt = "https://a.example;client-id=c|d;token-use=access ,\
            https://b.example/r ; audience=api://pets|x ; client-id=c; algorithms=EdDSA|RS256; jwks=https://keys.example/?p=1,\
            http://127.0.0.1:8080;audience=pets;jwks=http://localhost:1/keys";
        let config = read(&[(JWT, jwt)]).unwrap().unwrap();
        let expected = [
            IssuerRules {
                audiences: vec![],
                clients: vec!["c".into(), "d".into()],
                token_use: Some("access".into()),
                ..rules("https://a.example")
            },
            IssuerRules {
                audiences: vec!["api://pets".into(), "x".into()],
                clients: vec!["c".into()],
                algorithms: vec![Algorithm::EdDsa, Algorithm::Rs256],
                key_set: Url::parse("https://keys.example/?p=1"),
                ..rules("https://b.example/r")
            },
            IssuerRules { key_set: Url::parse("http://localhost:1/keys"), ..rules("http://127.0.0.1:8080") },
        ];
        assert_eq!(config.issuers, expected);
    }

    #[test]
    fn each_wrong_issuer_is_an_error_that_names_it() {
        for (value, problem) in [
            ("", "has the issuer \"\", which is not an https:// URL without a query"),
            (
                "issuer.example;audience=a",
                "has the issuer \"issuer.example\", which is not an https:// URL without a query",
            ),
            (
                "http://issuer.example;audience=a",
                "has the issuer \"http://issuer.example\", which is not an https:// URL without a query",
            ),
            ("https://a.example;audience=a,", "has the issuer \"\", which is not an https:// URL without a query"),
            (
                "https://a.example",
                "has for the issuer https://a.example neither audience= nor client-id=, so each of its tokens would be accepted",
            ),
            (
                "https://a.example;token-use=access",
                "has for the issuer https://a.example neither audience= nor client-id=, so each of its tokens would be accepted",
            ),
            ("https://a.example;audience=a,https://a.example;audience=b", "names the issuer https://a.example twice"),
            (
                "https://a.example;audience",
                "has for the issuer https://a.example the option \"audience\", which is not NAME=VALUE",
            ),
            (
                "https://a.example;audience=a;",
                "has for the issuer https://a.example the option \"\", which is not NAME=VALUE",
            ),
            (
                "https://a.example;audiences=a",
                "has for the issuer https://a.example the option \"audiences=a\", which is not audience=, client-id=, algorithms=, token-use= or jwks=",
            ),
            (
                "https://a.example;Audience=a",
                "has for the issuer https://a.example the option \"Audience=a\", which is not audience=, client-id=, algorithms=, token-use= or jwks=",
            ),
            (
                "https://a.example;audience=a;audience=b",
                "has for the issuer https://a.example the option \"audience=b\", which is there twice",
            ),
            (
                "https://a.example;audience=",
                "has for the issuer https://a.example the option \"audience=\", which is not a list of different values with | between them, in printable ASCII characters",
            ),
            (
                "https://a.example;client-id=c|c",
                "has for the issuer https://a.example the option \"client-id=c|c\", which is not a list of different values with | between them, in printable ASCII characters",
            ),
            (
                "https://a.example;audience=a b",
                "has for the issuer https://a.example the option \"audience=a b\", which is not a list of different values with | between them, in printable ASCII characters",
            ),
            (
                "https://a.example;audience=a;algorithms=HS256",
                "has for the issuer https://a.example the option \"algorithms=HS256\", which is not a list of RS256, ES256 and EdDSA with | between them",
            ),
            (
                "https://a.example;audience=a;algorithms=none|RS256",
                "has for the issuer https://a.example the option \"algorithms=none|RS256\", which is not a list of RS256, ES256 and EdDSA with | between them",
            ),
            (
                "https://a.example;audience=a;algorithms=RS256|RS256",
                "has for the issuer https://a.example the option \"algorithms=RS256|RS256\", which is not a list of RS256, ES256 and EdDSA with | between them",
            ),
            (
                "https://a.example;audience=a;token-use=id|access",
                "has for the issuer https://a.example the option \"token-use=id|access\", which is not one value, like access",
            ),
            (
                "https://a.example;audience=a;jwks=http://127.0.0.1/keys",
                "has for the issuer https://a.example the option \"jwks=http://127.0.0.1/keys\", which is not an https:// URL",
            ),
        ] {
            let expected = format!(
                "environment variable COUNTERSIGN_JWT {problem}: set it to ISSUER;audience=A|B or ISSUER;client-id=C of each \
                issuer, with commas between issuers"
            );
            assert_eq!(read(&[(JWT, value)]), Err(expected), "{value}");
        }
    }

    #[test]
    fn the_other_settings_need_the_first() {
        for name in [SKEW, CLAIMS] {
            let expected = format!(
                "environment variable {name} is set without COUNTERSIGN_JWT: set COUNTERSIGN_JWT too, or remove {name}"
            );
            assert_eq!(read(&[(name, "1")]), Err(expected));
        }
        let jwt = format!("{ISSUER};audience=pets");
        assert_eq!(
            read(&[(JWT, &jwt), (SKEW, "301")]),
            Err("environment variable COUNTERSIGN_JWT_SKEW is \"301\": set it to a whole number of seconds from 0 to 300".to_owned())
        );
    }

    #[test]
    fn chosen_claims_become_members_with_our_prefix() {
        let read = |value: &str| {
            claims(value).map(|chosen| {
                chosen
                    .0
                    .into_iter()
                    .map(|claim| (claim.name.into(), claim.member.into()))
                    .collect::<Vec<(String, String)>>()
            })
        };
        let both = |name: &str, member: &str| (name.to_owned(), member.to_owned());
        assert_eq!(
            read("email,cognito:groups  https://x.example/roles, countersign countersignPath"),
            Ok(vec![
                both("email", "jwt_email"),
                both("cognito:groups", "jwt_cognito_groups"),
                both("https://x.example/roles", "jwt_https___x_example_roles"),
                both("countersign", "jwt_countersign"),
                both("countersignPath", "jwt_countersignPath"),
            ])
        );
        for (value, problem) in [
            ("sub", "has \"sub\", but jwt_sub is handed on in any case"),
            ("email scope", "has \"scope\", but jwt_scope is handed on in any case"),
            ("client-id", "has \"client-id\", but jwt_client_id is handed on in any case"),
            ("omitted", "has \"omitted\", but jwt_omitted is already the name of another value"),
            ("email email", "has \"email\", but jwt_email is already the name of another value"),
            ("a:b a_b", "has \"a_b\", but jwt_a_b is already the name of another value"),
            ("\u{e9}", "has \"\u{e9}\", which is not a name of at most 64 printable ASCII characters"),
            ("a\tb", "has \"a\\tb\", which is not a name of at most 64 printable ASCII characters"),
        ] {
            assert_eq!(read(value), Err(problem.to_owned()));
        }
        assert!(read(&"x".repeat(64)).is_ok() && read(&"x".repeat(65)).is_err());
        let many = |count: usize| (0..count).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        assert!(read(&many(20)).is_ok());
        assert_eq!(read(&many(21)), Err("has 21 names".to_owned()));
    }
}
