//! The description of the interface for other programs (OpenAPI 3.1), made of the list of routes and the wire's types.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use skillsync_wire::api::error::ErrorBody;
use skillsync_wire::api::publish::{ANNOUNCEMENT_FIELD, ARCHIVE_FIELD};

use super::router::{Needs, Reply, Route, Takes, routes};

/// The document, in JSON.
pub fn document() -> Vec<u8> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<ErrorBody>();
    let mut paths = Map::new();
    for route in routes() {
        let operation = operation(&route, &mut schemas);
        // OpenAPI has no word for a part with slashes in it.
        let path = route.path.replace("{*", "{");
        if let Value::Object(methods) = paths.entry(path).or_insert_with(|| json!({})) {
            methods.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "skillsync hub",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What is not the caller's answers like what is not there.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": {
                "Problem": {
                    "description": "Not done; the code says why",
                    "content": {"application/json": {"schema": problem}},
                },
            },
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    });
    let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
    text.push(b'\n');
    text
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "operationId": id(route),
        "responses": responses(route, schemas),
    });
    let Value::Object(fields) = &mut operation else { return operation };
    let parameters = parameters(route);
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), parameters.into());
    }
    let body = match route.takes {
        Takes::Nothing => None,
        Takes::Json(shape) => Some(json!({"application/json": {"schema": shape(schemas)}})),
        Takes::Upload(shape) => {
            let archive = json!({"type": "string", "contentMediaType": "application/gzip"});
            let parts = json!({ANNOUNCEMENT_FIELD: shape(schemas), ARCHIVE_FIELD: archive});
            let form = json!({"type": "object", "required": [ANNOUNCEMENT_FIELD, ARCHIVE_FIELD], "properties": parts});
            Some(json!({"multipart/form-data": {"schema": form}}))
        }
    };
    if let Some(content) = body {
        fields.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    let security = match route.needs {
        Needs::Nothing => None,
        Needs::KeyForPrivate | Needs::KeyOrSignature => Some(json!([{}, {"key": []}, {"bearer": []}])),
        Needs::Key(scopes) => {
            fields.insert("description".to_owned(), format!("Needs a key with the scope {scopes}.").into());
            Some(json!([{"key": []}, {"bearer": []}]))
        }
    };
    if let Some(security) = security {
        fields.insert("security".to_owned(), security);
    }
    operation
}

/// `get_skills_slug_versions`
fn id(route: &Route) -> String {
    let words = route
        .path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && *word != "api");
    let words: Vec<&str> = words.collect();
    format!("{}_{}", route.method.as_str().to_lowercase(), words.join("_"))
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let name = name.trim_start_matches('*');
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
    });
    let in_query = route.query.iter().map(|field| {
        json!({
            "name": field.name,
            "in": "query",
            "description": field.what,
            "required": !field.optional,
            "schema": {"type": "string"},
        })
    });
    in_path.chain(in_query).collect()
}

fn responses(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let (status, content) = match route.reply {
        Reply::Json(status, shape) => (status, Some(json!({"application/json": {"schema": shape(schemas)}}))),
        Reply::Bytes(media) => (200, Some(json!({media: {}}))),
        Reply::Done => (204, None),
    };
    let mut good = json!({"description": "Done"});
    if let (Some(content), Value::Object(fields)) = (content, &mut good) {
        fields.insert("content".to_owned(), content);
    }
    // An upload of what is there already is as good as one that made it.
    if let Takes::Upload(_) = route.takes {
        responses.insert("200".to_owned(), good.clone());
    }
    responses.insert(status.to_string(), good);
    let problem = json!({"$ref": "#/components/responses/Problem"});
    let with_key: &[u16] = if matches!(route.needs, Needs::Key(_)) { &[401, 403] } else { &[] };
    for status in route.problems.iter().chain(with_key).chain(&[429, 500, 503]) {
        responses.insert(status.to_string(), problem.clone());
    }
    Value::Object(responses)
}
