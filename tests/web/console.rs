//! The pages: what a call handler sees, and what it looks like when nobody is watching.

use std::time::Duration;

use homeward::domain::staff::Role;
use serde_json::json;

use super::hub::{Hub, NHS, PASSWORD, referral, spo2};
use crate::support::databases;

async fn signed_in(role: Role, works: bool) -> (Hub, String, String) {
    let hub = Hub::configured(databases::sqlite().await, &[], works);
    hub.staff("someone", "Sam One", role).await;
    let (cookie, csrf) = hub.signed_in("someone").await;
    (hub, cookie, csrf)
}

#[tokio::test]
async fn the_worklist_names_value_limit_and_who_set_it() {
    let (hub, cookie, _) = signed_in(Role::CallHandler, true).await;
    let story = hub.story().await;
    let other = hub
        .post("/api/v1/patients")
        .by(&story.admin)
        .json(&referral(NHS[1]))
        .ok()
        .await;
    hub.post("/api/v1/units")
        .by(&story.admin)
        .json(&json!({"unit_id": "HU-2"}))
        .ok()
        .await;
    let assignment = json!({"patient_id": other["id"], "from": "2026-11-01T00:00:00Z"});
    hub.post("/api/v1/units/HU-2/assignments")
        .by(&story.admin)
        .json(&assignment)
        .ok()
        .await;
    let path = format!("/api/v1/patients/{}/plan", other["id"].as_str().unwrap());
    let plan = super::hub::plan("2026-11-01T00:00:00Z", 90.0);
    hub.put(&path)
        .by(&story.admin)
        .header("if-none-match", "*")
        .json(&plan)
        .ok()
        .await;
    hub.session("HU-2", 1, json!([spo2(91.0, "2026-11-21T09:00:00Z")]))
        .await;
    hub.clock.advance(Duration::from_mins(5));
    hub.session(
        "HU-1",
        2,
        json!([
            spo2(85.0, "2026-11-21T12:04:00Z"),
            spo2(20.0, "2026-11-21T12:04:01Z")
        ]),
    )
    .await;
    hub.clock.advance(Duration::from_mins(1));
    hub.beats().await;
    let page = hub.get("/").header("cookie", &cookie).send().await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("Set by admin on 21 November 2026."),
        "{}",
        page.text
    );
    let red = page.text.find("Red</span>").unwrap();
    let amber = page.text.find("Amber</span>").unwrap();
    assert!(red < amber, "red first, though it is younger");
    insta::assert_snapshot!(without_token(&page.text));
}

#[tokio::test]
async fn an_empty_list_looks_different_from_a_broken_pipe() {
    let (hub, cookie, _) = signed_in(Role::Senior, true).await;
    let page = async || hub.get("/").header("cookie", &cookie).send().await.text;
    let never = page().await;
    assert!(
        never.contains("Monitoring is not running") && never.contains("never been verified"),
        "{never}"
    );
    hub.beats().await;
    let empty = page().await;
    assert!(
        empty.contains("No open alerts. Monitoring last verified at 12:00."),
        "{empty}"
    );
    assert!(!empty.contains("not running"));
    insta::assert_snapshot!(without_token(&empty));
    hub.clock.advance(Duration::from_secs(121));
    let silent = page().await;
    assert!(
        silent.contains("Monitoring is not running") && silent.contains("role=\"alert\""),
        "{silent}"
    );
    assert!(
        silent.contains("an empty list does not mean that all is well"),
        "{silent}"
    );
    assert!(!silent.contains("No open alerts. Monitoring"), "{silent}");
}

#[tokio::test]
async fn a_sentence_stands_once_and_what_is_over_says_so() {
    let (hub, cookie, _) = signed_in(Role::Senior, true).await;
    let story = hub.story().await;
    for (number, taken_at) in [(1, "2026-11-21T09:00:00Z"), (2, "2026-11-21T11:00:00Z")] {
        hub.session("HU-1", number, json!([spo2(85.0, taken_at)])).await;
    }
    hub.beats().await;
    let page = async || hub.get("/").header("cookie", &cookie).send().await.text;
    let twice = page().await;
    assert_eq!(twice.matches("Oxygen saturation 85 %").count(), 1, "{twice}");
    assert!(
        twice.contains("2 times, last at <time datetime=\"2026-11-21T11:00:00Z\">11:00</time>"),
        "{twice}"
    );
    assert!(!twice.contains("Nothing of this is so any more"), "{twice}");
    let path = format!("/api/v1/patients/{}/sessions", story.patient);
    let sessions = hub.get(&path).by(&story.admin).ok().await;
    for session in sessions["items"].as_array().unwrap() {
        let reading = session["readings"][0]["id"].as_str().unwrap();
        hub.post(&format!("/api/v1/readings/{reading}/exclude"))
            .by(&story.admin)
            .json(&json!({"reason": "cold finger"}))
            .ok()
            .await;
    }
    let over = page().await;
    assert!(over.contains("<s>Oxygen saturation 85 %"), "{over}");
    assert!(over.contains("Nothing of this is so any more"), "{over}");
}

#[tokio::test]
async fn a_part_that_does_not_work_is_said_on_page_and_probe() {
    let (hub, cookie, _) = signed_in(Role::Senior, false).await;
    hub.beats().await;
    let page = hub.get("/").header("cookie", &cookie).send().await.text;
    assert!(
        page.contains("Monitoring is not running") && page.contains("broker: not connected"),
        "{page}"
    );
    let ready = hub.get("/readyz").send().await;
    assert_eq!(ready.status, 503);
    insta::assert_json_snapshot!(ready.json());
    assert_eq!(hub.get("/healthz").send().await.status, 200, "alive all the same");
    let service = hub.get("/api/v1/service").header("cookie", &cookie).ok().await;
    assert_eq!(
        (&service["works"], &service["last_verified"]),
        (&json!(false), &json!("2026-11-21T12:00:00Z"))
    );
}

#[tokio::test]
async fn ready_when_everything_works() {
    let (hub, ..) = signed_in(Role::Senior, true).await;
    assert_eq!(
        hub.get("/readyz").send().await.status,
        503,
        "nobody has said that it ingests"
    );
    hub.beats().await;
    let ready = hub.get("/readyz").send().await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &json!(true)));
}

#[tokio::test]
async fn refreshing_can_be_stopped_and_nothing_needs_a_script() {
    let (hub, cookie, _) = signed_in(Role::Senior, true).await;
    let page = async |path: &str| hub.get(path).header("cookie", &cookie).send().await.text;
    let moving = page("/").await;
    let reloads = "<noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript>";
    assert!(moving.contains(reloads), "{moving}");
    assert!(
        moving.contains("<span id=\"liveness-said\">Not live: as of 12:00:00.</span>"),
        "until the script says otherwise: {moving}"
    );
    let still = page("/?refresh=off").await;
    assert!(
        !still.contains("refresh\"") && !still.contains("<script"),
        "{still}"
    );
    assert!(
        still.contains("This page stands still, as of 12:00:00."),
        "{still}"
    );
}

#[tokio::test]
async fn the_script_is_part_of_the_program_and_no_other_runs() {
    let (hub, cookie, _) = signed_in(Role::Senior, true).await;
    let script = hub.get("/static/worklist.js").send().await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("x-content-type-options"), "nosniff");
    let page = hub.get("/").header("cookie", &cookie).send().await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'; script-src 'self'; connect-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    for tag in page.text.split("<script").skip(1) {
        assert!(
            tag.starts_with(" src=\"/static/") && tag.contains("></script>"),
            "{tag}"
        );
    }
}

#[tokio::test]
async fn the_list_alone_is_what_the_page_shows() {
    let (hub, cookie, _) = signed_in(Role::Senior, true).await;
    hub.story().await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    hub.beats().await;
    let get = async |path: &str| hub.get(path).header("cookie", &cookie).send().await.text;
    let (page, list) = (get("/").await, get("/worklist").await);
    assert!(
        list.starts_with("<div id=\"list\"") && page.contains(&list),
        "{list}"
    );
    assert!(
        list.contains("data-title=\"1 on the worklist - Homeward\""),
        "{list}"
    );
    // The script must learn that nobody is signed in, and not get the sign-in page for a list.
    let nobody = hub.get("/worklist").header("accept", "*/*").send().await;
    nobody.is_problem(401, "not-signed-in", None);
}

#[tokio::test]
async fn whoever_needs_no_clinical_detail_sees_none() {
    let (hub, cookie, csrf) = signed_in(Role::Administrator, true).await;
    hub.story().await;
    hub.session("HU-1", 1, json!([spo2(85.0, "2026-11-21T09:00:00Z")]))
        .await;
    let page = hub.get("/").header("cookie", &cookie).send().await.text;
    assert!(page.contains(&csrf));
    // Now and then chance writes 85 there.
    let page = page.replace(&csrf, "");
    assert!(!page.contains("Ada") && !page.contains("85"), "{page}");
    assert!(page.contains("Your role has no worklist"), "{page}");
}

#[tokio::test]
async fn a_person_signs_in_and_out_by_forms() {
    let (hub, ..) = signed_in(Role::Senior, true).await;
    let reply = hub
        .get("/")
        .header("accept", "text/html,application/xhtml+xml")
        .send()
        .await;
    assert_eq!((reply.status, reply.header("location")), (303, "/sign-in"));
    insta::assert_snapshot!(hub.get("/sign-in").send().await.text);
    let form = |text: &str| {
        hub.post("/sign-in")
            .text("application/x-www-form-urlencoded", text)
    };
    let wrong = form("username=some%22one&password=wrong").send().await;
    assert_eq!(wrong.status, 401);
    assert!(
        wrong.text.contains("value=\"some&#34;one\""),
        "the name stays, escaped: {}",
        wrong.text
    );
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("<title>Error: Sign in"));
    assert_eq!(form("username=x").send().await.status, 400);
    let right = form(&format!(
        "username=someone&password={}",
        PASSWORD.replace(' ', "+")
    ))
    .send()
    .await;
    assert_eq!((right.status, right.header("location")), (303, "/"));
    let cookie = right.cookie();
    let page = hub.get("/").header("cookie", &cookie).send().await.text;
    let csrf = page
        .split("name=\"csrf_token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let out = |token: &str| {
        let body = format!("csrf_token={token}");
        hub.post("/sign-out")
            .header("cookie", &cookie)
            .text("application/x-www-form-urlencoded", &body)
    };
    out("wrong").send().await.is_problem(403, "csrf", None);
    let reply = out(csrf).send().await;
    assert_eq!((reply.status, reply.header("location")), (303, "/sign-in"));
    assert_eq!(hub.get("/").header("cookie", &cookie).send().await.status, 401);
}

#[tokio::test]
async fn the_style_sheet_is_part_of_the_program() {
    let (hub, ..) = signed_in(Role::Senior, true).await;
    let css = hub.get("/static/homeward.css").send().await;
    assert!(css.header("content-type").starts_with("text/css") && css.text.contains("#005eb8"));
}

/// The token of the sign-in is random.
fn without_token(page: &str) -> String {
    let (before, rest) = page.split_once("name=\"csrf_token\" value=\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}name=\"csrf_token\" value=\"…\"{after}")
}
