//! How much anybody may ask for.

use std::time::Duration;

use futures_util::FutureExt as _;
use homeward::domain::staff::Role;
use homeward::web::limits::{Counted, Limits};
use uuid::Uuid;

use super::hub::{Hub, noon};
use crate::support::databases;

async fn hub() -> Hub {
    let limits = [
        ("HOMEWARD_HTTP__ANONYMOUS_PER_MINUTE", "10"),
        ("HOMEWARD_HTTP__PERSON_PER_MINUTE", "60"),
        ("HOMEWARD_HTTP__BEHIND_TLS_PROXY", "true"),
    ];
    Hub::configured(databases::sqlite().await, &limits, true)
}

#[tokio::test]
async fn an_address_that_is_not_signed_in_has_so_many_a_minute() {
    let hub = hub().await;
    let call = async |path: &str, from: &str| hub.get(path).header("x-forwarded-for", from).send().await;
    for number in 0..10 {
        let path = ["/openapi.json", "/api/v1/me"][number % 2];
        let status = call(path, "192.0.2.1").await.status;
        assert_eq!(status, [200, 401][number % 2]);
    }
    let refused = call("/openapi.json", "192.0.2.1").await;
    refused.is_problem(429, "too-many-requests", None);
    assert_eq!(refused.header("retry-after"), "6");
    assert_eq!(
        call("/openapi.json", "192.0.2.2").await.status,
        200,
        "another address"
    );
    assert_eq!(call("/healthz", "192.0.2.1").await.status, 200, "a probe");
    assert_ne!(call("/readyz", "192.0.2.1").await.status, 429, "a probe");
    let wrong = hub
        .get("/api/v1/me")
        .header("x-forwarded-for", "192.0.2.1")
        .by("not a token")
        .send()
        .await;
    wrong.is_problem(429, "too-many-requests", None);
    let page = hub
        .get("/sign-in")
        .header("x-forwarded-for", "192.0.2.1")
        .header("accept", "text/html")
        .send()
        .await;
    assert_eq!(page.status, 429);
    assert!(
        page.text.contains("<html") && page.text.contains("wait 6 s"),
        "{}",
        page.text
    );
    hub.clock.advance(Duration::from_secs(6));
    assert_eq!(call("/openapi.json", "192.0.2.1").await.status, 200);
    assert_eq!(call("/openapi.json", "192.0.2.1").await.status, 429);
    hub.clock.advance(Duration::from_mins(1));
    for _ in 0..10 {
        assert_eq!(call("/openapi.json", "192.0.2.1").await.status, 200);
    }
}

#[tokio::test]
async fn a_person_has_their_own_allowance_and_a_token_none() {
    let hub = hub().await;
    hub.staff("one", "One", Role::Senior).await;
    hub.staff("two", "Two", Role::Senior).await;
    let (one, _) = hub.signed_in("one").await;
    let (again, _) = hub.signed_in("one").await;
    let (two, _) = hub.signed_in("two").await;
    let token = hub.token(Role::Senior).await;
    for number in 0..60 {
        let cookie = if number % 2 == 0 { &one } else { &again };
        assert_eq!(
            hub.get("/api/v1/me").header("cookie", cookie).send().await.status,
            200
        );
    }
    let refused = hub.get("/api/v1/me").header("cookie", &one).send().await;
    refused.is_problem(429, "too-many-requests", None);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(
        hub.get("/api/v1/me").header("cookie", &two).send().await.status,
        200
    );
    for _ in 0..100 {
        assert_eq!(hub.get("/api/v1/me").by(&token).send().await.status, 200);
    }
}

#[test]
fn an_allowance_is_used_up_and_comes_back_evenly() {
    let limits = Limits::new(10, 60, 1);
    let one = Counted::at(Some("192.0.2.1".parse().unwrap()));
    let mut now = noon();
    for _ in 0..10 {
        limits.take(one, now).unwrap();
    }
    assert_eq!(limits.take(one, now), Err(6));
    let mapped = Counted::at(Some("::ffff:192.0.2.1".parse().unwrap()));
    assert_eq!(limits.take(mapped, now), Err(6), "the same address");
    now += chrono::TimeDelta::milliseconds(5_999);
    assert_eq!(limits.take(one, now), Err(1));
    now += chrono::TimeDelta::milliseconds(1);
    assert_eq!(limits.take(one, now), Ok(()));
    let six = |text: &str| Counted::at(Some(text.parse().unwrap()));
    assert_eq!(six("2001:db8::1"), six("2001:db8::ffff:1:2:3"), "one household");
    assert_ne!(six("2001:db8::1"), six("2001:db8:0:1::1"));
    let back = now - chrono::TimeDelta::hours(1);
    assert_eq!(limits.take(one, back), Err(6), "a clock that was set back");
    assert_eq!(limits.take(one, back + chrono::TimeDelta::seconds(6)), Ok(()));
}

#[test]
fn strangers_without_number_take_bounded_room_and_set_nobody_free() {
    let limits = Limits::new(10, 60, 1);
    let greedy = Counted::Person(Uuid::from_u128(1));
    while limits.take(greedy, noon()).is_ok() {}
    for number in 0..30_000_u32 {
        let stranger = Counted::at(Some(std::net::Ipv4Addr::from_bits(number).into()));
        limits.take(stranger, noon()).unwrap();
    }
    assert!(limits.take(greedy, noon()).is_err());
    let text = format!("{limits:?}");
    assert!(text.matches("Address(").count() <= 20_000);
}

#[tokio::test]
async fn a_machine_waits_for_its_turn() {
    let limits = Limits::new(10, 60, 2);
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let first = limits.turn(one).await.unwrap();
    let _second = limits.turn(one).await.unwrap();
    let _other = limits.turn(two).await.unwrap();
    let waits = limits.clone();
    let mut third = Box::pin(async move { waits.turn(one).await });
    assert!((&mut third).now_or_never().is_none());
    drop(first);
    assert!((&mut third).now_or_never().flatten().is_some());
}
