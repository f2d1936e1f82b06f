//! Every route against every role and against nobody: the table is what happens.

use std::collections::{BTreeMap, BTreeSet};

use homeward::domain::staff::Role;
use homeward::web::openapi::document;
use homeward::web::routes::routes;
use homeward::web::{Allow, Route};

use super::hub::Hub;
use crate::support::databases;

/// An address of the route's form, of things that do not exist.
fn address(route: &Route) -> String {
    route
        .path
        .replace("/units/{id}", "/units/HU-404")
        .replace("{id}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11")
        .replace("{version}", "1")
        .replace("{unit_id}", "HU-404")
        .replace("{session_id}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c13")
        .replace("{rehearsal_id}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c15")
        .replace("{admission_id}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c14")
        .replace("{assignment_id}", "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c12")
}

#[tokio::test]
async fn nobody_reaches_what_the_table_does_not_give_them() {
    let hub = Hub::on(databases::sqlite().await);
    let mut callers: Vec<(Option<Role>, Option<String>)> = vec![(None, None)];
    for role in Role::ALL {
        callers.push((Some(role), Some(hub.token(role).await)));
    }
    for route in routes() {
        for (role, token) in &callers {
            let mut call = hub.call(route.method.clone(), &address(&route));
            if let Some(token) = token {
                call = call.by(token);
            }
            let reply = call.send().await;
            let who = role.map_or("nobody", Role::word);
            let expected = match (route.allow, role) {
                (Allow::Anyone, _) => None,
                (_, None) => Some(401),
                (Allow::SignedIn, _) => None,
                (Allow::Roles(roles), Some(role)) if *role == Role::Admin || roles.contains(role) => None,
                (Allow::Scrapers, Some(role)) if route.allow.admits(Some(*role)) => None,
                (Allow::Roles(_) | Allow::Scrapers, Some(_)) => Some(403),
            };
            match expected {
                Some(status) => assert_eq!(reply.status, status, "{route:?} by {who}"),
                None => assert!(
                    !matches!(reply.status, 401 | 403 | 405 | 500),
                    "{route:?} by {who}: {} {}",
                    reply.status,
                    reply.text
                ),
            }
        }
    }
}

#[test]
fn each_role_may_do_its_work_and_no_more() {
    let mut lines = Vec::new();
    for route in routes() {
        let who = match route.allow {
            Allow::Anyone => "anyone".to_owned(),
            Allow::SignedIn => "every role".to_owned(),
            Allow::Scrapers => "whoever http.metrics lets in, manager, administrator".to_owned(),
            Allow::Roles(roles) => roles
                .iter()
                .map(|role| role.word())
                .collect::<Vec<_>>()
                .join(", "),
        };
        lines.push(format!("{:5} {}: {who}", route.method.as_str(), route.path));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_administrator_sees_nothing_clinical_and_an_auditor_only_the_record() {
    let reached = |role: Role| -> Vec<&'static str> {
        routes()
            .iter()
            .filter(|route| matches!(route.allow, Allow::Roles(_)) && route.allow.admits(Some(role)))
            .map(|route| route.path)
            .collect()
    };
    for clinical in ["sessions", "readings", "plan", "alerts", "quarantine"] {
        for path in reached(Role::Administrator) {
            assert!(!path.contains(clinical), "{path}");
        }
    }
    assert_eq!(reached(Role::Auditor), ["/api/v1/audit"]);
}

#[test]
fn the_document_has_exactly_the_routes_of_the_table() {
    let document = serde_json::to_value(document()).unwrap();
    let mut described = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            described.insert(format!("{} {path}", method.to_uppercase()));
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} comes twice");
        }
    }
    let table: BTreeSet<String> = routes()
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(described, table);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = serde_json::to_value(document()).unwrap();
    let text = document.to_string();
    let mut references = 0;
    for piece in text.split("\"$ref\":\"#").skip(1) {
        let pointer = piece.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        references += 1;
    }
    assert!(references > 50, "{references}");
}

#[test]
fn no_two_schemas_share_a_name() {
    let mut known: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for route in routes() {
        for (name, schema) in &route.schemas {
            let schema = serde_json::to_value(schema).unwrap();
            let first = known.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(*first, schema, "{name} of {route:?}");
        }
    }
}

#[test]
fn the_document_is_as_it_was() {
    insta::assert_json_snapshot!(document());
}

#[tokio::test]
async fn the_document_is_served_to_anyone() {
    let hub = Hub::on(databases::sqlite().await);
    let served = hub.get("/openapi.json").ok().await;
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(served, serde_json::to_value(document()).unwrap());
}
