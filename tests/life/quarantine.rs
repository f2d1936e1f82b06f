//! A message that was refused at the door, through to its alert: by broker, API and whatever the unit does meanwhile.

use chrono::TimeDelta;
use home_unit::payload::Outcome;
use serde_json::json;

use super::{on_every_ground, saturation, saturation_plan};
use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;

on_every_ground!(
    a_unit_whose_clock_was_ahead_is_put_right,
    an_unregistered_unit_comes_in_after_all,
);

async fn a_unit_whose_clock_was_ahead_is_put_right(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    let mut unit = hub.connect("HU-1").await;
    let early = saturation(1, hub.now() + TimeDelta::hours(2), 88.0);
    unit.send(&early).unwrap();
    assert_eq!(
        unit.receipt(early.session_id).await.unwrap().outcome,
        Outcome::Rejected
    );
    let waiting = hub.get("quarantine?reason=clock_fault&unit_id=HU-1").await;
    let id = waiting["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("quarantine/{id}/replay");
    let refused = hub.call(200, "POST", &path, Some(json!({}))).await;
    assert_eq!(refused["outcome"], "rejected");
    let stored = hub
        .call(200, "POST", &path, Some(json!({ "shift_seconds": -7200 })))
        .await;
    assert_eq!(
        (&stored["outcome"], &stored["patient_id"]),
        (&json!("stored"), &json!(patient))
    );
    hub.call(409, "POST", &path, Some(json!({ "shift_seconds": -7200 })))
        .await;
    let alerts = hub.get("alerts?class=clinical").await;
    assert_eq!(alerts["items"][0]["severity"], "red");
    assert_eq!(hub.get("quarantine").await["items"], json!([]));
    let next = saturation(2, hub.now(), 97.0);
    unit.send(&next).unwrap();
    unit.receipt(next.session_id).await.unwrap();
    // A unit that never got its receipt sends on, and is known when its time has come. That this is the second receipt
    // of all says that the replay sent none.
    hub.clock.advance(std::time::Duration::from_hours(2));
    unit.send(&early).unwrap();
    assert_eq!(
        unit.receipt(early.session_id).await.unwrap().outcome,
        Outcome::Duplicate
    );
    let sessions = hub.get(&format!("patients/{patient}/sessions")).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2);
    unit.disconnect().await;
    hub.stop().await;
}

async fn an_unregistered_unit_comes_in_after_all(mut hub: Hub) {
    let patient = hub.patient("9434765919", "HU-1", Some(saturation_plan())).await;
    // Only Mosquitto lets one in that is not ours; the embedded broker refuses it at the door.
    if hub.is_embedded() {
        hub.stop().await;
        return;
    }
    let mut unit = hub.connect_unknown("HU-9").await;
    let said = saturation(1, hub.now(), 88.0);
    unit.send(&said).unwrap();
    assert_eq!(
        unit.receipt(said.session_id).await.unwrap().outcome,
        Outcome::Rejected
    );
    let waiting = hub.get("quarantine").await;
    let id = waiting["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("quarantine/{id}/replay");
    let refused = hub.call(200, "POST", &path, Some(json!({}))).await;
    assert_eq!(refused["problems"][0]["code"], "unregistered");
    hub.unit("HU-9").await;
    let from = hub.now() - TimeDelta::days(1);
    hub.call(
        201,
        "POST",
        "units/HU-9/assignments",
        Some(json!({ "patient_id": patient, "from": from, "to": null })),
    )
    .await;
    let stored = hub.call(200, "POST", &path, Some(json!({}))).await;
    assert_eq!(stored["patient_id"], json!(patient));
    unit.send(&said).unwrap();
    assert_eq!(
        unit.receipt(said.session_id).await.unwrap().outcome,
        Outcome::Duplicate
    );
    unit.disconnect().await;
    hub.stop().await;
}
