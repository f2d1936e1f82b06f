//! The documentation is in the program: it fits this version, needs no network, and is there when nothing else is.
//! Pages are written in Markdown or made into it from what the code itself knows, and rendered when first asked for.

mod commands;
mod configuration;
mod markdown;
mod payloads;
mod problems;
mod reference;
mod types;

use std::sync::OnceLock;

use askama::Template;
use axum::extract::State as Extract;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

pub use commands::CommandHelp;

use self::markdown::{Heading, Rendered};
use super::State;
use super::extract::Path;
use super::problem::{NOT_FOUND, Problem};
use crate::wire::schema;

/// One page: where it is, what it is called, and how its Markdown comes about.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// `/docs/{slug}`; the first page is `/docs` itself.
    pub slug: &'static str,
    pub title: &'static str,
    /// In one line, for the first page.
    pub about: &'static str,
    text: fn(&Shelf) -> String,
}

macro_rules! written {
    ($file:literal) => {
        |_| include_str!($file).to_owned()
    };
}

/// All pages in reading order.
pub const PAGES: [Page; 13] = [
    Page {
        slug: "",
        title: "Documentation",
        about: "What there is to read",
        text: |_| include_str!("index.md").replace("<!-- pages -->", &list_of_pages()),
    },
    Page {
        slug: "run",
        title: "Run it",
        about: "Install, choose a database and a broker, run one process or several",
        text: written!("run.md"),
    },
    Page {
        slug: "configuration",
        title: "Configuration",
        about: "Every key, its default, and where to set it",
        text: |_| configuration::text(),
    },
    Page {
        slug: "commands",
        title: "Commands",
        about: "Everything that can be typed, with its help",
        text: |shelf| commands::text(&shelf.commands),
    },
    Page {
        slug: "judging",
        title: "How readings are judged",
        about: "From a number to a finding: what is believed, which rules there are, what late data does",
        text: |_| include_str!("judging.md").replace("<!-- measures -->", &payloads::possible()),
    },
    Page {
        slug: "alerts",
        title: "Alerts",
        about: "How findings become an alert, and how an alert ends",
        text: |_| include_str!("alerts.md").replace("<!-- outcomes -->", &payloads::outcomes()),
    },
    Page {
        slug: "mqtt",
        title: "MQTT for makers of home units",
        about: "Topics, the promise, receipts, what is rejected, when to send again",
        text: |_| {
            include_str!("mqtt.md")
                .replace("<!-- topics -->", &payloads::topics())
                .replace("<!-- measures -->", &payloads::measures())
        },
    },
    Page {
        slug: "schemas",
        title: "Payload schemas",
        about: "JSON Schema of every MQTT payload",
        text: |_| include_str!("schemas.md").replace("<!-- schemas -->", &payloads::schemas()),
    },
    Page {
        slug: "api",
        title: "HTTP API",
        about: "Every call, who may make it, what it takes and answers",
        text: |_| include_str!("api.md").replace("<!-- reference -->", &reference::calls()),
    },
    Page {
        slug: "types",
        title: "Types of the API",
        about: "The bodies that calls take and answer, key by key",
        text: |_| reference::types(),
    },
    Page {
        slug: "problems",
        title: "Problems of the API",
        about: "What each type of error means",
        text: |_| problems::text(),
    },
    Page {
        slug: "trouble",
        title: "When something is wrong",
        about: "The operator's runbook",
        text: written!("trouble.md"),
    },
    Page {
        slug: "performance",
        title: "Performance",
        about: "What was measured, how, and what limits it",
        text: written!("performance.md"),
    },
];

impl Page {
    pub fn path(&self) -> String {
        if self.slug.is_empty() {
            "/docs".to_owned()
        } else {
            format!("/docs/{}", self.slug)
        }
    }
}

/// The pages as far as they have been asked for.
#[derive(Debug, Default)]
pub struct Shelf {
    commands: Vec<CommandHelp>,
    rendered: [OnceLock<Rendered>; PAGES.len()],
}

impl Shelf {
    pub fn of(commands: Vec<CommandHelp>) -> Self {
        Self {
            commands,
            ..Self::default()
        }
    }

    fn rendered(&self, place: usize) -> &Rendered {
        self.rendered[place].get_or_init(|| markdown::render(&(PAGES[place].text)(self)))
    }
}

#[derive(Template)]
#[template(path = "page.html", config = ".askama.toml")]
struct Shown<'a> {
    service_name: &'a str,
    pages: &'static [Page],
    page: Page,
    headings: &'a [Heading],
    html: &'a str,
    before: Option<&'static Page>,
    after: Option<&'static Page>,
}

/// `GET /docs`
pub async fn index(Extract(state): Extract<State>) -> Result<Response, Problem> {
    show(&state, 0)
}

/// `GET /docs/`
pub async fn without_slash() -> Redirect {
    Redirect::permanent("/docs")
}

/// `GET /docs/{page}`
pub async fn page(Extract(state): Extract<State>, Path(slug): Path<String>) -> Result<Response, Problem> {
    let place = PAGES
        .iter()
        .position(|page| !slug.is_empty() && page.slug == slug);
    show(
        &state,
        place.ok_or_else(|| {
            Problem::new(
                &NOT_FOUND,
                "The documentation has no such page; it begins at /docs.",
            )
        })?,
    )
}

/// `GET /docs/schema/{name}`, as `session` or `session.json`
pub async fn schema(Path(name): Path<String>) -> Result<Response, Problem> {
    let schema = schema::named(name.strip_suffix(".json").unwrap_or(&name))
        .ok_or_else(|| Problem::new(&NOT_FOUND, "There is no schema of this name."))?;
    let text = serde_json::to_string_pretty(&schema.document()).map_err(|error| Problem::internal(&error))?;
    let mut response = text.into_response();
    let media = HeaderValue::from_static("application/schema+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    keep_for_a_while(&mut response);
    Ok(response)
}

fn show(state: &State, place: usize) -> Result<Response, Problem> {
    let rendered = state.docs.rendered(place);
    let shown = Shown {
        service_name: &state.settings.service_name,
        pages: &PAGES,
        page: PAGES[place],
        headings: &rendered.headings,
        html: &rendered.html,
        before: place.checked_sub(1).and_then(|place| PAGES.get(place)),
        after: PAGES.get(place + 1),
    };
    let html = shown.render().map_err(|error| Problem::internal(&error))?;
    let mut response = (StatusCode::OK, Html(html)).into_response();
    keep_for_a_while(&mut response);
    Ok(response)
}

/// Nothing here is secret, and it changes with the program only.
fn keep_for_a_while(response: &mut Response) {
    let kept = HeaderValue::from_static("max-age=300");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
}

fn list_of_pages() -> String {
    let line = |page: &Page| format!("- [{}]({}): {}.", page.title, page.path(), page.about);
    PAGES[1..].iter().map(line).collect::<Vec<_>>().join("\n")
}
