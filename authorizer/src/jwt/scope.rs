//! The name of a scope.

use std::fmt;

/// A `scope-token` of RFC 6749, section 3.3: printable ASCII without space, `"` and `\`.
///
/// ```
/// use authorizer::Scope;
///
/// assert_eq!(Scope::try_from("pets:read")?.as_str(), "pets:read");
/// assert!(Scope::try_from("pets read").is_err());
/// # Ok::<(), authorizer::ScopeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Box<str>);

impl Scope {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Scope {
    type Error = ScopeError;

    fn try_from(text: &str) -> Result<Self, ScopeError> {
        let good =
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if good { Ok(Self(text.into())) } else { Err(ScopeError) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not the name of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a scope: it must have printable ASCII characters without space, \" and \\")]
pub struct ScopeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_the_characters_of_rfc_6749() {
        for text in ["a", "pets:read", "https://api.example.com/pets.read", "!#[]~", "aws.cognito.signin.user.admin"] {
            assert_eq!(Scope::try_from(text).unwrap().to_string(), text);
        }
        for text in ["", " ", "a b", "a\"", "a\\b", "\u{e9}", "a\n", "a\u{7f}"] {
            assert_eq!(Scope::try_from(text), Err(ScopeError), "{text:?}");
        }
    }
}
