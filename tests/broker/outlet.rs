//! What becomes of a publish, and whether the one who asked is told the truth.

use homeward::broker::PublishError;

use super::rig::{Leave, Limits, Make, Mqtt5, RECEIPT, against_both, external, serve, until};
use super::unit::{SignIn, soon};

against_both!(
    a_confirmed_publish_has_reached_the_broker,
    many_are_confirmed_through_a_narrow_window,
    a_receipt_survives_an_outage_and_a_confirmed_publish_reports_it,
    what_is_too_large_is_refused_and_the_connection_stays,
);

async fn a_confirmed_publish_has_reached_the_broker(make: Make) {
    let Some(outside) = make.start().await else { return };
    let broker = outside.serve().await;
    // Nobody is subscribed: still the broker's word that it has it.
    soon(
        broker
            .outlet
            .publish_confirmed(RECEIPT.to_owned(), b"kept".to_vec(), true),
    )
    .await
    .unwrap();
    let mut unit = outside.unit().connect().await;
    unit.subscribe(RECEIPT).await;
    assert_eq!(unit.message().await.payload, "kept");
    broker
        .outlet
        .publish(RECEIPT.to_owned(), b"live".to_vec(), false)
        .unwrap();
    assert_eq!(unit.message().await.payload, "live");
    let bad = soon(
        broker
            .outlet
            .publish_confirmed("units/+".to_owned(), Vec::new(), false),
    )
    .await;
    assert_eq!(bad, Err(PublishError::BadTopic));
}

/// Packet ids come round many times, and every answer still belongs to its question.
async fn many_are_confirmed_through_a_narrow_window(make: Make) {
    let limits = Limits {
        inflight: Some(7),
        ..Limits::default()
    };
    let Some(outside) = make.start_with(&limits).await else {
        return;
    };
    let broker = outside.serve().await;
    let mut unit = outside.unit().connect().await;
    unit.subscribe(RECEIPT).await;
    let publishes: Vec<_> = (0..500)
        .map(|n| {
            let outlet = broker.outlet.clone();
            let (topic, payload) = (RECEIPT.to_owned(), n.to_string().into_bytes());
            if n % 5 == 0 {
                outlet.publish(topic, payload, false).unwrap();
                return None;
            }
            // Polled once, so that the order of publishing is that of the loop.
            let mut publish = Box::pin(async move { outlet.publish_confirmed(topic, payload, false).await });
            match futures_util::FutureExt::now_or_never(&mut publish) {
                Some(answer) => assert_eq!(answer, Ok(())),
                None => return Some(publish),
            }
            None
        })
        .collect();
    for publish in publishes.into_iter().flatten() {
        assert_eq!(soon(publish).await, Ok(()));
    }
    for n in 0..500 {
        assert_eq!(unit.message().await.payload, n.to_string(), "in order");
    }
}

/// T9: with plain use of the library what was queued at a reconnect vanishes without an error.
async fn a_receipt_survives_an_outage_and_a_confirmed_publish_reports_it(make: Make) {
    let Some(mut outside) = make.start().await else {
        return;
    };
    let broker = outside.serve().await;
    outside.kill().await;
    until(&broker.link, |link| !link.outbound && !link.inbound).await;
    assert_eq!(
        soon(
            broker
                .outlet
                .publish_confirmed(RECEIPT.to_owned(), b"plan".to_vec(), true)
        )
        .await,
        Err(PublishError::Disconnected)
    );
    for n in 0..5 {
        broker
            .outlet
            .publish(
                format!("homeward/v1/units/HU-{n}/receipt"),
                b"late".to_vec(),
                true,
            )
            .unwrap();
    }
    outside.start_again().await;
    let link = until(&broker.link, |link| link.inbound && link.outbound).await;
    assert_eq!(
        (link.reconnects, link.inbound_fault, link.outbound_fault),
        (2, None, None)
    );
    let mut reader = SignIn::new(outside.address(), "reader").connect().await;
    reader.subscribe("homeward/v1/units/+/receipt").await;
    for _ in 0..5 {
        assert_eq!(reader.message().await.payload, "late");
    }
    soon(
        broker
            .outlet
            .publish_confirmed(RECEIPT.to_owned(), b"plan".to_vec(), true),
    )
    .await
    .unwrap();
}

async fn what_is_too_large_is_refused_and_the_connection_stays(make: Make) {
    let limits = Limits {
        packet: Some(4096),
        ..Limits::default()
    };
    let Some(outside) = make.start_with(&limits).await else {
        return;
    };
    let broker = outside.serve().await;
    let publish = |size| {
        broker
            .outlet
            .publish_confirmed(RECEIPT.to_owned(), vec![b'x'; size], false)
    };
    assert_eq!(soon(publish(5000)).await, Err(PublishError::TooLarge));
    assert_eq!(soon(publish(3000)).await, Ok(()));
    let link = broker.link.borrow().clone();
    assert_eq!((link.refused_publishes, link.reconnects), (1, 0));
}

#[tokio::test]
async fn a_refusal_is_told_and_counted() {
    let outside = Mqtt5::start(&Limits::default()).await;
    let broker = serve(external(outside.address)).await.unwrap();
    outside.allow(Leave {
        sign_in: true,
        subscribe: true,
        publish: false,
    });
    let answer = soon(
        broker
            .outlet
            .publish_confirmed(RECEIPT.to_owned(), Vec::new(), false),
    )
    .await;
    assert_eq!(
        answer,
        Err(PublishError::Refused {
            reason: "NotAuthorized".to_owned()
        })
    );
    broker
        .outlet
        .publish(RECEIPT.to_owned(), Vec::new(), false)
        .unwrap();
    until(&broker.link, |link| link.refused_publishes == 2).await;
}
