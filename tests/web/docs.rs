//! The documentation: that it is all there, that it leads nowhere wrong, and that what it says by example is so.

use std::collections::{BTreeMap, BTreeSet};

use homeward::cli::commands;
use homeward::config::DEFAULTS;
use homeward::domain::alert::Outcome;
use homeward::domain::measure::Measure;
use homeward::domain::reading::Suspicion;
use homeward::web::docs::PAGES;
use homeward::web::problem::KINDS;
use homeward::web::routes::routes;
use homeward::wire::receipt;
use homeward::wire::schema::Schema;
use homeward::wire::session::{RejectCode, decode};
use homeward::wire::topic::Channel;
use homeward::wire::{plan, status, unit};
use serde_json::{Value, json};

use super::hub::{Hub, at};
use crate::support::databases;

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

async fn hub() -> Hub {
    Hub::on(databases::sqlite().await)
}

async fn page(hub: &Hub, path: &str) -> String {
    let reply = hub.get(path).header(HTML.0, HTML.1).send().await;
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    reply.text
}

/// Every value of an attribute.
fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let opening = format!(" {attribute}=\"");
    html.split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The blocks of code in a language, as they were written.
fn blocks(html: &str, language: &str) -> Vec<String> {
    let opening = format!("<code class=\"language-{language}\">");
    let inside = html
        .split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split("</code>").next());
    inside
        .map(|block| {
            block
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&amp;", "&")
        })
        .collect()
}

#[tokio::test]
async fn every_page_has_a_title_one_heading_of_the_first_level_and_its_place_in_the_list() {
    let hub = hub().await;
    for one in PAGES {
        let html = page(&hub, &one.path()).await;
        assert!(
            html.contains(&format!("<title>{} - Homeward</title>", one.title)),
            "{}",
            one.slug
        );
        assert_eq!(html.matches("<h1>").count(), 1, "{}", one.slug);
        assert!(html.contains(&format!("<h1>{}</h1>", one.title)), "{}", one.slug);
        let here = format!(
            "<a href=\"{}\" aria-current=\"page\">{}</a>",
            one.path(),
            one.title
        );
        assert!(html.contains(&here), "{}", one.slug);
        assert!(html.contains("<a class=\"skip\" href=\"#main\">"));
        assert!(html.len() > 3000, "{} says something", one.slug);
        assert!(
            !html.contains("<!-- ") || one.slug == "performance",
            "{}: a mark was left unfilled",
            one.slug
        );
    }
}

#[tokio::test]
async fn headings_step_down_one_level_at_a_time_and_no_two_places_share_an_id() {
    let hub = hub().await;
    for one in PAGES {
        let html = page(&hub, &one.path()).await;
        let mut above = 1;
        for level in html
            .split("<h")
            .skip(1)
            .filter_map(|rest| rest.chars().next()?.to_digit(10))
        {
            assert!(level <= above + 1, "{}: from h{above} to h{level}", one.slug);
            above = level;
        }
        let ids = values(&html, "id");
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "{}", one.slug);
    }
}

#[tokio::test]
async fn every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere() {
    let hub = hub().await;
    let mut pages: BTreeMap<String, String> = BTreeMap::new();
    for one in PAGES {
        pages.insert(one.path(), page(&hub, &one.path()).await);
    }
    let mut checked = BTreeSet::new();
    for (from, html) in &pages {
        for target in values(html, "href") {
            assert!(!target.contains("//"), "{from} leads outside: {target}");
            let (path, anchor) = target
                .split_once('#')
                .map_or((target, None), |(path, id)| (path, Some(id)));
            let path = if path.is_empty() { from } else { path };
            if let Some(anchor) = anchor {
                let there = pages.get(path).unwrap_or_else(|| panic!("{from}: {target}"));
                assert!(there.contains(&format!(" id=\"{anchor}\"")), "{from}: {target}");
            }
            if pages.contains_key(path) || !checked.insert(path.to_owned()) {
                continue;
            }
            let reply = hub.get(path).header(HTML.0, HTML.1).send().await;
            let expected = if path == "/" { 303 } else { 200 };
            assert_eq!(reply.status, expected, "{from}: {target}");
        }
        // What the content security policy would not let through.
        for forbidden in [
            "<script",
            " style=\"",
            " src=\"",
            " onclick=",
            "<iframe",
            "@import",
        ] {
            assert!(!html.contains(forbidden), "{from}: {forbidden}");
        }
    }
    assert!(checked.len() > 20, "{checked:?}");
}

#[tokio::test]
async fn an_address_that_is_nearly_right_is_answered() {
    let hub = hub().await;
    let slash = hub.get("/docs/").send().await;
    assert_eq!((slash.status, slash.header("location")), (308, "/docs"));
    let missing = hub.get("/docs/nowhere").header(HTML.0, HTML.1).send().await;
    assert_eq!(
        (missing.status, missing.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert!(missing.text.contains("begins at /docs."), "{}", missing.text);
    hub.get("/docs/nowhere")
        .send()
        .await
        .is_problem(404, "not-found", None);
    let kept = hub.get("/docs").send().await;
    assert_eq!(kept.header("cache-control"), "max-age=300");
    assert!(
        kept.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
}

#[tokio::test]
async fn the_schemas_are_served_as_they_are_printed() {
    let hub = hub().await;
    let shown = page(&hub, "/docs/schemas").await;
    for schema in Schema::all() {
        for path in [
            format!("/docs/schema/{}.json", schema.name),
            format!("/docs/schema/{}", schema.name),
        ] {
            let reply = hub.get(&path).send().await;
            assert_eq!(reply.header("content-type"), "application/schema+json");
            assert_eq!(reply.json(), schema.document());
        }
        assert!(shown.contains(&format!("href=\"/docs/schema/{}.json\"", schema.name)));
        let written: Value = blocks(&shown, "json")
            .iter()
            .map(|block| serde_json::from_str::<Value>(block).unwrap())
            .find(|block| block["$id"] == schema.document()["$id"])
            .unwrap();
        assert_eq!(written, schema.document());
    }
    hub.get("/docs/schema/sessions.json")
        .send()
        .await
        .is_problem(404, "not-found", None);
}

#[tokio::test]
async fn every_key_stands_with_its_default_and_variable() {
    let hub = hub().await;
    let html = page(&hub, "/docs/configuration").await;
    let (mut section, mut keys) = (String::new(), 0);
    for line in DEFAULTS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, value)) = line.split_once(" = ") {
            keys += 1;
            let heading = format!("<code>{section}.{key}</code></h3>");
            let after = html
                .split(&heading)
                .nth(1)
                .unwrap_or_else(|| panic!("{section}.{key}"));
            let entry = after.split("<h3").next().unwrap();
            let value = value.replace('"', "&quot;");
            assert!(
                entry.contains(&format!("Default <code>{value}</code>"))
                    || entry.contains(&format!("Default <code>{}</code>", value.replace("&quot;", "\""))),
                "{entry}"
            );
            let variable = format!("HOMEWARD_{section}__{key}").to_ascii_uppercase();
            assert!(entry.contains(&variable), "{entry}");
        }
    }
    assert!(keys > 25, "{keys}");
    assert!(html.contains("Hours after which a sign-in ends, however busy (1 to 24)."));
}

#[tokio::test]
async fn every_command_stands_with_its_help() {
    let hub = hub().await;
    let html = page(&hub, "/docs/commands").await;
    let commands = commands();
    for command in &commands {
        assert!(
            html.contains(&format!("<code>{}</code></h2>", command.name)),
            "{}",
            command.name
        );
    }
    let names: Vec<&str> = commands.iter().map(|command| command.name.as_str()).collect();
    for name in [
        "homeward",
        "homeward serve",
        "homeward staff add",
        "homeward quarantine show",
        "homeward schema",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(blocks(&html, "text").len(), commands.len());
    assert!(
        blocks(&html, "text")
            .iter()
            .all(|help| help.contains("Usage: homeward"))
    );
    let example = "homeward schema session > session.json";
    assert!(blocks(&html, "text").iter().any(|help| help.contains(example)));
}

#[tokio::test]
async fn every_call_and_type_stands_on_its_page() {
    let hub = hub().await;
    let html = page(&hub, "/docs/api").await;
    for route in routes() {
        let heading = format!("<code>{} {}</code></h3>", route.method, route.path);
        assert_eq!(html.matches(&heading).count(), 1, "{heading}");
        assert!(html.contains(route.summary), "{}", route.summary);
    }
    let html = page(&hub, "/docs/types").await;
    for route in routes() {
        for (name, _) in route.schemas {
            assert_eq!(
                html.matches(&format!("<code>{name}</code></h2>")).count(),
                1,
                "{name}"
            );
        }
    }
    let html = page(&hub, "/docs/problems").await;
    for kind in KINDS {
        assert!(
            html.contains(&format!("/docs/problems/{}", kind.slug)),
            "{}",
            kind.slug
        );
    }
}

#[tokio::test]
async fn makers_of_units_are_told_every_code_topic_and_unit() {
    let hub = hub().await;
    let html = page(&hub, "/docs/mqtt").await;
    let says = |word: &str| assert!(html.contains(&format!("<code>{word}</code>")), "{word}");
    let kept = [
        Suspicion::UnknownMeasure,
        Suspicion::UnknownUnit,
        Suspicion::NotFinite,
    ];
    let outcomes = [
        receipt::Outcome::Stored,
        receipt::Outcome::Duplicate,
        receipt::Outcome::Rejected,
    ];
    let dropped = [
        "bad_comparator",
        "unknown_context",
        "unknown_source",
        "unknown_trigger",
    ];
    (RejectCode::ALL.map(RejectCode::word).into_iter())
        .chain(kept.map(Suspicion::code))
        .chain(outcomes.map(receipt::Outcome::word))
        .chain(dropped)
        .for_each(says);
    for channel in Channel::ALL {
        says(&format!("homeward/v1/units/{{unit_id}}/{}", channel.name()));
    }
    for measure in Measure::ALL {
        says(measure.code());
        unit::accepted(measure).into_iter().for_each(says);
    }
    let trouble = page(&hub, "/docs/trouble").await;
    for code in RejectCode::ALL {
        assert!(
            trouble.contains(&format!("<code>{}</code>", code.word())),
            "{}",
            code.word()
        );
    }
    let alerts = page(&hub, "/docs/alerts").await;
    for outcome in Outcome::ALL {
        assert!(
            alerts.contains(&format!("<code>{}</code>", outcome.word())),
            "{}",
            outcome.word()
        );
    }
}

#[tokio::test]
async fn what_is_given_as_an_example_is_right() {
    let hub = hub().await;
    let examples: Vec<Value> = blocks(&page(&hub, "/docs/mqtt").await, "json")
        .iter()
        .map(|block| serde_json::from_str(block).unwrap_or_else(|fault| panic!("{fault}: {block}")))
        .collect();
    let [session, receipt, said, plan_of_unit, request] = examples.as_slice() else {
        panic!("{} examples", examples.len());
    };
    let unit = "HU-1".parse().unwrap();
    let decoded = decode(&unit, session.to_string().as_bytes(), at("2026-11-21T09:04:05Z")).unwrap();
    assert_eq!((decoded.problems.len(), decoded.session.readings.len()), (0, 4));
    assert_eq!(status::decode(said.to_string().as_bytes()).unwrap().problems, []);
    let _: home_unit::payload::Receipt = serde_json::from_value(receipt.clone()).unwrap();
    let _: home_unit::payload::Request = serde_json::from_value(request.clone()).unwrap();
    let _: home_unit::plan::PlanDoc = serde_json::from_value(plan_of_unit.clone()).unwrap();
    assert_eq!(receipt["session_id"], session["session_id"]);

    let rules: Vec<Value> = blocks(&page(&hub, "/docs/judging").await, "json")
        .iter()
        .map(|block| serde_json::from_str(block).unwrap())
        .collect();
    let kinds: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["kind"].as_str()).collect();
    assert_eq!((rules.len(), kinds.len()), (15, 15));
    let question = |id: &str| json!({"id": id, "type": "yes_no", "text": {"en": "?"}});
    let mut body = json!({
        "reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": rules,
        "questions": [question("ankles_swollen"), question("breathlessness")],
    });
    let breathless = json!({"id": "breathless", "kind": "answer", "question": "breathlessness", "any_of": ["yes"], "severity": "context"});
    body["rules"].as_array_mut().unwrap().push(breathless);
    plan::parse(&body.to_string(), 1).unwrap();
}

/// Keys and variables in examples of settings are ones that there are.
#[tokio::test]
async fn examples_of_settings_name_keys_that_exist() {
    let hub = hub().await;
    let known: BTreeSet<String> = {
        let mut section = "";
        let mut keys = BTreeSet::new();
        for line in DEFAULTS.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
                keys.insert(format!("{section}.{key}"));
                keys.insert(format!("{section}.{key}_file"));
            }
        }
        keys
    };
    let mut found = 0;
    for one in PAGES {
        let html = page(&hub, &one.path()).await;
        for block in blocks(&html, "toml") {
            let mut section = "";
            for line in block.lines() {
                if let Some(name) = line.strip_prefix('[') {
                    section = name.trim_end_matches(']');
                } else if let Some((key, _)) = line.split_once(" = ") {
                    found += 1;
                    assert!(known.contains(&format!("{section}.{key}")), "{section}.{key}");
                }
            }
        }
        for rest in html.split("HOMEWARD_").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|letter| letter.is_ascii_uppercase() || *letter == '_')
                .collect();
            if let Some((section, key)) = name.split_once("__")
                && section != "SECTION"
            {
                found += 1;
                let key = format!("{section}.{key}").to_ascii_lowercase();
                assert!(known.contains(&key), "{}: {key}", one.slug);
            }
        }
    }
    assert!(found > 30, "{found}");
}
