//! The page of the hub's interface is the hub's interface.

use std::collections::BTreeSet;

use crate::scene::Scene;

const PAGE: &str = include_str!("../../../../docs/api.md");

/// `GET /api/x/{y}`, without the query and without what a variable part is called.
fn route(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    format!("{} {}", method.to_uppercase(), parts.collect::<Vec<_>>().join("/"))
}

#[test]
fn the_page_names_every_route_and_no_other() {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()?.split_once(' '));
    let listed: BTreeSet<String> = rows
        .filter(|(method, _)| ["GET", "POST", "DELETE", "PUT", "PATCH"].contains(method))
        .map(|(method, path)| route(method, path))
        .collect();
    let scene = Scene::new();
    let openapi = scene.hub.ask("GET", "/api/openapi.json", None, None).json();
    let paths = openapi["paths"].as_object().cloned().unwrap_or_default();
    let served: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().cloned().unwrap_or_default();
            methods.keys().map(|method| route(method, path)).collect::<Vec<_>>()
        })
        .collect();
    assert!(served.len() > 15, "{served:?}");
    assert_eq!(listed, served);
}
