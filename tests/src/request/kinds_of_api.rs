//! Each kind of API × domain × stage × shape of path × shape of query: what is admitted, what cannot be told apart then, and what
//! is refused with which reason. `docs/kinds-of-api.md` has the tables.
//!
//! The edge signs each request, the emulated gateway shows it, and the authorizer decides. Then the same signed headers come with
//! other targets: those that are admitted too are what cannot be told apart.

mod doors;
mod shapes;
mod variants;

use crate::{repository::definitions::read as repository_file, support::keys::Keys};
use doors::{Door, Kind, Outcome};
use shapes::{NO_QUERY, PATHS, QUERIES, Shape};
use std::collections::BTreeMap;
use variants::{Other, other_paths, other_places, other_queries};

const PAGE: &str = "docs/kinds-of-api.md";

/// The path of a shape, the query of another, and the target of both at a door. `None` if no request could have it.
fn target(door: &Door, path: &Shape, query: &Shape) -> Option<String> {
    let path = format!("{}{}", door.place.base, path.text);
    let mark = if query.text.is_empty() { "" } else { "?" };
    path.starts_with('/').then(|| format!("{path}{mark}{}", query.text))
}

/// The changes that leave an admitted request admitted, each once.
async fn same(door: &Door, target: &str, others: Vec<Other>) -> Vec<&'static str> {
    let signed = door.sign(target);
    let mut same = Vec::new();
    for Other { change, place, target } in others {
        if door.outcome_at(&place, &signed, &target).await == Outcome::Admitted && !same.contains(&change) {
            same.push(change);
        }
    }
    same
}

fn cell(outcome: &Outcome, same: &[&str]) -> String {
    match outcome {
        Outcome::NotReached => "gateway".to_owned(),
        Outcome::Refused(reason) => format!("`{reason}`"),
        Outcome::Admitted if same.is_empty() => "exact".to_owned(),
        Outcome::Admitted => same.join(", "),
    }
}

async fn outcome(door: &Door, target: &str) -> Outcome {
    door.outcome_at(&door.place, &door.sign(target), target).await
}

/// Each place with a plain request.
async fn table_of_places(keys: &Keys) -> Vec<Vec<String>> {
    let mut rows = vec![["kind", "where", "setting", "a plain request"].map(str::to_owned).to_vec()];
    for kind in Kind::ALL {
        for door in doors::of(kind, keys) {
            let target = target(&door, door.plain_path(), &NO_QUERY).unwrap();
            let same = same(&door, &target, other_places(&door.place, &target)).await;
            let seen = cell(&outcome(&door, &target).await, &same);
            let listed = if door.listed.is_empty() { "–".to_owned() } else { format!("`{}`", door.listed) };
            rows.push(vec![kind.title().to_owned(), door.title.to_owned(), listed, seen]);
        }
    }
    rows
}

/// Each shape of a path at each kind of API: everywhere where a plain path is admitted.
async fn table_of_paths(keys: &Keys) -> Vec<Vec<String>> {
    let mut doors = Vec::new();
    for kind in Kind::ALL {
        let mut open = Vec::new();
        for door in doors::of(kind, keys) {
            let target = target(&door, door.plain_path(), &NO_QUERY).unwrap();
            if outcome(&door, &target).await == Outcome::Admitted {
                open.push(door);
            }
        }
        doors.push(open);
    }
    let titles = Kind::ALL.iter().map(|kind| kind.title().to_owned());
    let mut rows = vec![["path", "example"].map(str::to_owned).into_iter().chain(titles).collect::<Vec<_>>()];
    for path in PATHS {
        let mut row = vec![path.name.to_owned(), path.example()];
        for doors in &doors {
            let mut seen: Option<Outcome> = None;
            let mut all = Vec::new();
            for door in doors {
                let Some(target) = target(door, path, &NO_QUERY) else { continue };
                let outcome = outcome(door, &target).await;
                assert_eq!(*seen.get_or_insert(outcome.clone()), outcome, "{}: {target}", door.title);
                let same = same(door, &target, other_paths(&door.place, &target)).await;
                all.extend(same.into_iter().filter(|change| !all.contains(change)).collect::<Vec<_>>());
            }
            row.push(cell(&seen.unwrap(), &all));
        }
        rows.push(row);
    }
    rows
}

/// Each shape of a query at each kind of API.
async fn table_of_queries(keys: &Keys) -> Vec<Vec<String>> {
    let titles = Kind::ALL.iter().map(|kind| kind.title().to_owned());
    let mut rows = vec![["query", "example"].map(str::to_owned).into_iter().chain(titles).collect::<Vec<_>>()];
    for query in QUERIES {
        let mut row = vec![query.name.to_owned(), query.example()];
        for kind in Kind::ALL {
            let door = doors::of(kind, keys).into_iter().next().unwrap();
            let target = target(&door, door.plain_path(), query).unwrap();
            let same = same(&door, &target, other_queries(&door.place, &target)).await;
            row.push(cell(&outcome(&door, &target).await, &same));
        }
        rows.push(row);
    }
    rows
}

#[tokio::test]
async fn the_page_has_the_tables() {
    let keys = Keys::new();
    let tables = [table_of_places(&keys).await, table_of_paths(&keys).await, table_of_queries(&keys).await];
    let page = repository_file(PAGE);
    let missing: Vec<_> = tables.iter().map(|rows| markdown(rows)).filter(|table| !page.contains(table)).collect();
    assert!(missing.is_empty(), "{PAGE} does not have these tables:\n{}", missing.join("\n"));
}

fn markdown(rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
    let rule = vec!["---".to_owned(); rows[0].len()];
    lines.insert(1, line(&rule));
    lines.concat()
}

/// The whole product: a target is refused for its path before it is refused for its query, and admitted if both are.
#[tokio::test]
async fn a_target_fares_as_its_path_and_its_query() {
    let keys = Keys::new();
    let mut targets = 0;
    for door in Kind::ALL.into_iter().flat_map(|kind| doors::of(kind, &keys)) {
        let mut of_queries = BTreeMap::new();
        for query in QUERIES {
            let Some(target) = target(&door, door.plain_path(), query) else { panic!("{}", door.title) };
            of_queries.insert(query.name, outcome(&door, &target).await);
        }
        for path in PATHS {
            let Some(alone) = target(&door, path, &NO_QUERY) else { continue };
            let of_path = outcome(&door, &alone).await;
            for query in QUERIES {
                let target = target(&door, path, query).unwrap();
                let seen = outcome(&door, &target).await;
                let expected = if of_path == Outcome::Admitted { &of_queries[query.name] } else { &of_path };
                assert_eq!(&seen, expected, "{:?}, {}: {target}", door.place.kind, door.title);
                targets += 1;
            }
        }
    }
    assert!(targets > 5_000, "{targets}");
}

/// Each reason that exists because AWS's behavior is not known is in the tables, so that a reader finds it.
#[tokio::test]
async fn what_is_not_known_of_aws_is_refused_with_a_reason_of_its_own() {
    let keys = Keys::new();
    let mut seen: Vec<String> = Vec::new();
    for door in Kind::ALL.into_iter().flat_map(|kind| doors::of(kind, &keys)) {
        for (path, query) in
            PATHS.iter().map(|path| (path, &NO_QUERY)).chain(QUERIES.iter().map(|query| (door.plain_path(), query)))
        {
            let Some(target) = target(&door, path, query) else { continue };
            seen.extend(outcome(&door, &target).await.refusal().map(str::to_owned));
        }
    }
    seen.sort();
    seen.dedup();
    let expected =
        ["base-path-unknown", "base-path-unlisted", "path", "path-ambiguous", "query-escape", "query-separator"];
    assert_eq!(seen, expected);
}
