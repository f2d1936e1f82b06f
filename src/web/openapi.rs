//! The document is made from the table of routes, so it can neither forget a route nor invent one.

use axum::Json;
use axum::http::Method;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, Required, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::problem::{KINDS, ProblemDetails};
use super::route::{Allow, Rests, Route, WATCHERS};
use super::routes::routes;

/// `GET /openapi.json`
pub async fn serve() -> Json<OpenApi> {
    Json(document())
}

/// The document of everything that this program serves.
pub fn document() -> OpenApi {
    let routes = routes();
    let mut components = ComponentsBuilder::new()
        .schema(ProblemDetails::name(), ProblemDetails::schema())
        .security_scheme(
            "token",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        )
        .security_scheme(
            "cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(super::cookie::NAME))),
        );
    let mut nested = Vec::new();
    ProblemDetails::schemas(&mut nested);
    let mut paths = Paths::new();
    for route in routes {
        nested.extend(route.schemas.iter().cloned());
        paths.add_path_operation(route.path, vec![verb(&route.method)], operation(&route));
    }
    for (name, schema) in nested {
        components = components.schema(name, schema);
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Homeward")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Readings from home units, judged by a nurse's parameters, brought to people who act. Times are RFC 3339, units UCUM. \
                     Lists go newest first and on at `next_cursor`. A change sends the `ETag` it has seen as `If-Match`. \
                     Changes by cookie send `X-CSRF-Token`. Not for clinical use until assessed.",
                ))
                .build(),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn verb(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Route) -> OperationBuilder {
    let content = |schema: &RefOr<Schema>| ContentBuilder::new().schema(Some(schema.clone())).build();
    let mut answer = ResponseBuilder::new().description(if route.status == 201 { "Made" } else { "Done" });
    if let Some(schema) = &route.answers {
        answer = answer.content(route.media, content(schema));
    }
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .operation_id(Some(operation_id(route)))
        .description(Some(who(route.allow)))
        .response(route.status.to_string(), answer.build());
    for name in path_parameters(route.path) {
        operation = operation.parameter(text_parameter(name, ParameterIn::Path, Required::True));
    }
    for parameter in &route.parameters {
        operation = operation.parameter(parameter.clone());
    }
    if route.method == Method::POST && !route.form {
        operation = operation.parameter(text_parameter(
            "Idempotency-Key",
            ParameterIn::Header,
            Required::False,
        ));
    }
    if let Some(rests) = route.rests {
        let required = if rests == Rests::OnVersion {
            Required::True
        } else {
            Required::False
        };
        operation = operation.parameter(text_parameter("If-Match", ParameterIn::Header, required));
        if rests == Rests::OnVersionOrNone {
            operation = operation.parameter(text_parameter(
                "If-None-Match",
                ParameterIn::Header,
                Required::False,
            ));
        }
    }
    if let Some(schema) = &route.takes {
        let media = if route.form {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .content(media, content(schema))
                .required(Some(Required::True))
                .build(),
        ));
    }
    for status in problems(route) {
        let titles: Vec<&str> = KINDS
            .iter()
            .filter(|kind| kind.status.as_u16() == status)
            .map(|kind| kind.title)
            .collect();
        let problem = RefOr::Ref(Ref::from_schema_name(ProblemDetails::name()));
        operation = operation.response(
            status.to_string(),
            ResponseBuilder::new()
                .description(titles.join("; or: "))
                .content("application/problem+json", content(&problem))
                .build(),
        );
    }
    if route.allow != Allow::Anyone {
        let none: [&str; 0] = [];
        operation = operation
            .security(SecurityRequirement::new("token", none))
            .security(SecurityRequirement::new("cookie", none));
    }
    operation
}

/// The statuses that a call of this shape may be refused with.
fn problems(route: &Route) -> Vec<u16> {
    let mut statuses = vec![500, 503];
    if route.allow != Allow::Anyone {
        statuses.extend([401, 403]);
    }
    if route.path.contains('{') {
        statuses.push(404);
    }
    if !route.parameters.is_empty() || route.method != Method::GET {
        statuses.push(400);
    }
    if route.takes.is_some() {
        statuses.extend([413, 415, 422]);
    }
    if route.method != Method::GET {
        statuses.push(409);
    }
    if let Some(rests) = route.rests {
        statuses.push(412);
        statuses.extend((rests != Rests::OnVersionIfSent).then_some(428));
    }
    if route.path.ends_with("/login") {
        statuses.push(401);
    }
    if !route.unlimited {
        statuses.push(429);
    }
    if route.media == "text/event-stream" {
        statuses.push(429);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn who(allow: Allow) -> String {
    match allow {
        Allow::Anyone => "Anyone.".to_owned(),
        Allow::SignedIn => "Every role.".to_owned(),
        Allow::Scrapers => {
            let words: Vec<&str> = WATCHERS.iter().map(|role| role.word()).collect();
            format!(
                "Whoever http.metrics lets in; beside them the roles {}, admin.",
                words.join(", ")
            )
        }
        Allow::Roles(roles) => {
            let mut words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
            words.push("admin");
            format!("Roles: {}.", words.join(", "))
        }
    }
}

fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1").replace(['{', '}'], "");
    let mut words: Vec<&str> = path
        .split(['/', '.', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    if !words.is_empty() && path.ends_with('/') {
        words.push("slash");
    }
    format!(
        "{}_{}",
        route.method.as_str().to_ascii_lowercase(),
        words.join("_")
    )
    .trim_end_matches('_')
    .to_owned()
}

fn path_parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

pub(super) fn text_parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}
