//! The routes of an API: the paths that are its resources. Each route accepts any method (`ANY`).

/// Which routes an API has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routes {
    /// Every path: `/` and `/{proxy+}` of a REST API, `$default` of an HTTP API.
    All,
    /// The routes of the built-in backend: `/pets`, `/pets/{petId}`, `/echo` and `/echo/{proxy+}`.
    PetStore,
}

/// A route of a REST API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `/pets/{petId}`.
    pub(crate) pattern: &'static str,
    pub(crate) resource_id: &'static str,
}

/// The route of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Routed<'a> {
    pub(crate) route: &'static Route,
    /// The path parameter, name and value. The value is as received.
    pub(crate) parameter: Option<(&'static str, &'a str)>,
}

/// The more exact routes first: they are tried first.
const ALL: [Route; 2] =
    [Route { pattern: "/", resource_id: "root000001" }, Route { pattern: "/{proxy+}", resource_id: "proxy00001" }];
const PET_STORE: [Route; 4] = [
    Route { pattern: "/pets", resource_id: "pets000001" },
    Route { pattern: "/pets/{petId}", resource_id: "pet0000001" },
    Route { pattern: "/echo", resource_id: "echo000001" },
    Route { pattern: "/echo/{proxy+}", resource_id: "echo000002" },
];

impl Routes {
    /// The route of a path that begins with one slash, byte for byte.
    ///
    /// It is not known whether an escaped slash divides segments at the real gateway. Here it does not.
    pub(crate) fn find(self, path: &str) -> Option<Routed<'_>> {
        let routes: &'static [Route] = match self {
            Self::All => &ALL,
            Self::PetStore => &PET_STORE,
        };
        routes.iter().find_map(|route| route.takes(path))
    }
}

impl Route {
    fn takes<'a>(&'static self, path: &'a str) -> Option<Routed<'a>> {
        let Some((before, name)) = self.pattern.split_once('{') else {
            return (path == self.pattern).then_some(Routed { route: self, parameter: None });
        };
        let value = path.strip_prefix(before).filter(|value| !value.is_empty())?;
        let name = name.trim_end_matches('}');
        let parameter = match name.strip_suffix('+') {
            Some(name) => (name, value),
            None if !value.contains('/') => (name, value),
            None => return None,
        };
        Some(Routed { route: self, parameter: Some(parameter) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_route_takes_a_path() {
        #[track_caller]
        fn check(routes: Routes, path: &str, expected: Option<(&str, Option<(&str, &str)>)>) {
            let routed = routes.find(path).map(|routed| (routed.route.pattern, routed.parameter));
            assert_eq!(routed, expected, "{path}");
        }
        check(Routes::All, "/", Some(("/", None)));
        check(Routes::All, "/pets", Some(("/{proxy+}", Some(("proxy", "pets")))));
        check(Routes::All, "/a//b%2F/", Some(("/{proxy+}", Some(("proxy", "a//b%2F/")))));
        check(Routes::PetStore, "/pets", Some(("/pets", None)));
        check(Routes::PetStore, "/pets/1", Some(("/pets/{petId}", Some(("petId", "1")))));
        check(Routes::PetStore, "/pets/%2F", Some(("/pets/{petId}", Some(("petId", "%2F")))));
        check(Routes::PetStore, "/echo", Some(("/echo", None)));
        check(Routes::PetStore, "/echo/a/b", Some(("/echo/{proxy+}", Some(("proxy", "a/b")))));
        check(Routes::PetStore, "/echo//a/", Some(("/echo/{proxy+}", Some(("proxy", "/a/")))));
        for path in ["/", "/pets/", "/pets/1/", "/pets/1/2", "/pets//1", "/echo/", "/echoes", "/Pets", "/%70ets", "/x"]
        {
            check(Routes::PetStore, path, None);
        }
    }
}
