//! A list goes on where it stopped, whatever arrives meanwhile.

use std::time::Duration;

use homeward::domain::staff::Role;
use serde_json::json;

use super::hub::{Hub, NHS, referral};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(patients_newest_first, names_in_their_own_order);

async fn patients_newest_first(database: TestDatabase) {
    let hub = Hub::on(database);
    let nurse = hub.token(Role::SpecialistNurse).await;
    for number in &NHS[..3] {
        hub.clock.advance(Duration::from_secs(1));
        hub.post("/api/v1/patients")
            .by(&nurse)
            .json(&referral(number))
            .ok()
            .await;
    }
    let numbers = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|patient| patient["nhs_number"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = hub.get("/api/v1/patients?limit=2").by(&nurse).ok().await;
    assert_eq!(numbers(&first), [NHS[2], NHS[1]]);
    hub.clock.advance(Duration::from_secs(1));
    hub.post("/api/v1/patients")
        .by(&nurse)
        .json(&referral(NHS[3]))
        .ok()
        .await;
    let rest = format!(
        "/api/v1/patients?limit=2&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let rest = hub.get(&rest).by(&nurse).ok().await;
    assert_eq!(numbers(&rest), [NHS[0]]);
    assert!(rest["next_cursor"].is_null());
    for (query, found) in [
        ("q=brown", 4),
        ("q=999%20000", 2),
        ("q=943-476", 1),
        ("q=zz", 0),
        ("status=admitted", 0),
    ] {
        let page = hub
            .get(&format!("/api/v1/patients?{query}"))
            .by(&nurse)
            .ok()
            .await;
        assert_eq!(numbers(&page).len(), found, "{query}");
    }
}

async fn names_in_their_own_order(database: TestDatabase) {
    let hub = Hub::on(database);
    let admin = hub.token(Role::Admin).await;
    for unit in ["b-2", "B-1", "a_1"] {
        hub.post("/api/v1/units")
            .by(&admin)
            .json(&json!({ "unit_id": unit }))
            .ok()
            .await;
    }
    let mut seen = Vec::new();
    let mut address = "/api/v1/units?limit=1".to_owned();
    loop {
        let page = hub.get(&address).by(&admin).ok().await;
        seen.push(page["items"][0]["unit_id"].as_str().unwrap().to_owned());
        match page["next_cursor"].as_str() {
            Some(cursor) => address = format!("/api/v1/units?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["B-1", "a_1", "b-2"], "by byte, on both databases");
}
