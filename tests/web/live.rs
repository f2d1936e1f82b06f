//! The worklist in a browser: it follows what happens, says when it does not, and takes nothing from under anybody's hands.

use home_unit::payload::{Reading, Session};
use serde_json::json;
use uuid::Uuid;

use crate::support::browser::Browser;
use crate::support::databases;
use crate::support::hub::{Hub, PASSWORD};

async fn ward() -> Hub {
    let mut hub = Hub::start(databases::sqlite().await, None).await;
    for (number, unit) in [("9434765919", "HU-1"), ("9876543210", "HU-2")] {
        let plan = json!({"measures": ["spo2"], "rules": [
            {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": 92}]});
        hub.patient(number, unit, Some(plan)).await;
    }
    hub.staff("handler", "call_handler").await;
    hub
}

/// What the unit sends has been stored and judged when this returns.
async fn measures(hub: &Hub, unit_id: &str, percent: f64) {
    let mut unit = hub.connect(unit_id).await;
    let now = hub.now();
    let session = Session::new(Uuid::from_u128(1), now).reading(Reading::new("spo2", percent, "%", now));
    unit.send(&session).unwrap();
    unit.receipt(session.session_id).await.unwrap();
    unit.disconnect().await;
}

/// Signs in by the form; the worklist is live when this returns.
async fn watching(hub: &Hub, browser: &Browser) {
    browser.goto(&hub.url("/")).await;
    assert_eq!(browser.path().await, "/sign-in");
    browser.types("username", "handler").await;
    browser.types("password", PASSWORD).await;
    browser.presses("form.sign-in button").await;
    browser
        .until_text("#liveness", "Live, last checked 09:00:00")
        .await;
    browser.runs("window.untouched = true").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worklist_follows_and_takes_nothing_from_under_ones_hands() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let mut hub = ward().await;
    watching(&hub, &browser).await;
    browser.until_text("#list", "No open alerts.").await;
    browser.picture("live-empty").await;

    measures(&hub, "HU-1", 91.0).await;
    browser.until_text("#list", "Oxygen saturation 91 %").await;
    browser
        .until_text("#told-politely", "1 new amber alert: Wilhelmina Testperson.")
        .await;
    assert_eq!(browser.text("#told-now").await, "");
    assert_eq!(browser.title().await, "1 on the worklist - Homeward");

    // About to ring her, at the lower end of a small window.
    browser.resize(700, 420).await;
    let ringing = "const link = document.querySelector('#list a[href=\"tel:01214960000\"]');
        link.focus(); link.scrollIntoView({block: 'center'}); window.held = link;
        getSelection().selectAllChildren(link.closest('li').querySelector('dd'));
        return [link.getBoundingClientRect().top, scrollY > 0, getSelection().toString()]";
    let before = browser.runs(ringing).await;
    assert_eq!(before[1], true, "{before}");
    measures(&hub, "HU-2", 85.0).await;
    browser
        .until("document.querySelectorAll('#list li.red').length === 1")
        .await;
    browser
        .until_text("#told-now", "1 new red alert: Wilhelmina Testperson.")
        .await;
    let after = browser
        .runs("return [document.activeElement === window.held, window.held.getBoundingClientRect().top, getSelection().toString(), \
               window.held.closest('li').matches('li.red ~ li')]")
        .await;
    assert_eq!(after[0], true, "the focus stays");
    assert_eq!(after[2], before[2], "so does what is selected");
    assert_eq!(after[3], true, "the red one came above");
    let moved = after[1].as_f64().unwrap() - before[0].as_f64().unwrap();
    // The news itself takes a line above the list.
    assert!(moved.abs() < 2.0, "it stays where the eye is: {moved}");
    assert_eq!(
        browser.runs("return window.untouched").await,
        true,
        "nothing was loaded again"
    );
    browser.picture("live-narrow").await;
    browser.resize(1200, 900).await;
    browser.runs("scrollTo(0, 0)").await;
    browser.picture("live").await;

    hub.stop().await;
    browser.until_text("#liveness", "Not live since 09:00:").await;
    browser
        .until_text(
            "#told-now",
            "The worklist is not live any more: new alerts cannot be seen here.",
        )
        .await;
    assert_eq!(browser.text("#liveness").await, "Not live since 09:00: Reload");
    assert_eq!(
        browser
            .runs("return document.querySelectorAll('#list li.red').length")
            .await,
        1
    );
    browser.picture("live-lost").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_longer_signed_in_is_asked_to_sign_in() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let mut hub = ward().await;
    watching(&hub, &browser).await;
    let staff = hub.get("staff").await;
    let path = format!("staff/{}", staff["items"][0]["id"].as_str().unwrap());
    let version = format!("\"{}\"", staff["items"][0]["version"]);
    hub.call_with(
        200,
        "PATCH",
        &path,
        Some(json!({"active": false})),
        &[("If-Match", &version)],
    )
    .await;
    browser.until("location.pathname === '/sign-in'").await;
    browser.close().await;
    hub.stop().await;
}

/// Four streams are all that one person gets: a fifth page says so, and looks for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_a_stream_says_that_it_only_looks_now_and_then() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let mut hub = ward().await;
    let (cookie, _) = hub.signed_in("handler").await;
    let mut others = Vec::new();
    for _ in 0..4 {
        let url = hub.url("/api/v1/stream");
        others.push(crate::support::listening::Listening::open(&url, &[("cookie", &cookie)]).await);
    }
    browser.goto(&hub.url("/sign-in")).await;
    browser.types("username", "handler").await;
    browser.types("password", PASSWORD).await;
    browser.presses("form.sign-in button").await;
    browser
        .until_text("#liveness", "Checked every 15 seconds, last at 09:00:00")
        .await;
    // One seat is free, and the page takes it.
    others.pop();
    browser
        .until_text("#liveness", "Live, last checked 09:00:00")
        .await;
    browser.close().await;
    hub.stop().await;
}
