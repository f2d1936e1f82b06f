//! A service that cannot work with its broker says so at the start, and one that loses it says so and comes back.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use homeward::broker::{BrokerError, External, Fault, Transport};

use super::rig::{Leave, Limits, Mqtt5, SESSION, external, serve, settings, text, until};
use super::unit::{SignIn, soon};
use crate::support::mosquitto::Mosquitto;

const ALL: Leave = Leave {
    sign_in: true,
    subscribe: true,
    publish: true,
};

#[tokio::test]
async fn a_refused_subscription_fails_the_start() {
    let outside = Mqtt5::start(&Limits::default()).await;
    outside.allow(Leave {
        subscribe: false,
        ..ALL
    });
    let error = serve(external(outside.address)).await.unwrap_err();
    let BrokerError::Refused {
        fault: Fault::Subscription { filter, reason },
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (filter.as_str(), reason.as_str()),
        ("homeward/v1/units/+/session", "NotAuthorized")
    );
}

#[tokio::test]
async fn a_refused_sign_in_fails_the_start() {
    let outside = Mqtt5::start(&Limits::default()).await;
    outside.allow(Leave {
        sign_in: false,
        ..ALL
    });
    let error = serve(external(outside.address)).await.unwrap_err();
    assert!(
        matches!(
            error,
            BrokerError::Refused {
                fault: Fault::SignIn(_),
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains(&outside.address.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn mosquitto_refuses_a_stranger_at_the_start() {
    let Some(outside) = Mosquitto::start("allow_anonymous false") else {
        return;
    };
    let error = serve(external(outside.addr())).await.unwrap_err();
    assert!(
        matches!(
            error,
            BrokerError::Refused {
                fault: Fault::SignIn(_),
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let mut settings = external(free);
    settings.patience = Duration::from_millis(700);
    let error = serve(settings).await.unwrap_err();
    assert!(
        matches!(
            error,
            BrokerError::Unreachable {
                last: Some(Fault::Unreachable(_)),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn a_broker_that_comes_up_late_is_waited_for() {
    let mut outside = Mqtt5::start(&Limits::default()).await;
    outside.kill().await;
    let (broker, ()) = tokio::join!(serve(external(outside.address)), outside.start_again());
    assert!(broker.unwrap().link.borrow().is_up());
}

#[tokio::test]
async fn a_subscription_refused_later_is_reported_and_tried_again() {
    let mut outside = Mqtt5::start(&Limits::default()).await;
    let mut broker = serve(external(outside.address)).await.unwrap();
    outside.allow(Leave {
        subscribe: false,
        ..ALL
    });
    outside.kill().await;
    outside.start_again().await;
    until(&broker.link, |link| {
        !link.inbound && matches!(link.inbound_fault, Some(Fault::Subscription { .. }))
    })
    .await;
    outside.allow(ALL);
    until(&broker.link, |link| link.inbound && link.inbound_fault.is_none()).await;
    SignIn::new(outside.address, "HU-1")
        .connect()
        .await
        .publish(SESSION, "heard again")
        .await;
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "heard again");
}

#[tokio::test]
async fn a_restarted_mosquitto_is_found_again() {
    let Some(mut outside) = Mosquitto::start("") else {
        return;
    };
    let mut broker = serve(external(outside.addr())).await.unwrap();
    outside.restart();
    until(&broker.link, |link| link.is_up() && link.reconnects == 2).await;
    SignIn::new(outside.addr(), "HU-1")
        .connect()
        .await
        .publish(SESSION, "heard again")
        .await;
    assert_eq!(text(&soon(broker.inlet.next()).await.unwrap()), "heard again");
}

#[tokio::test]
async fn an_address_that_cannot_be_one_is_explained() {
    let with = |url: &str| External {
        url: url.to_owned(),
        username: None,
        password: None,
        ca_file: None,
        client_certificate: None,
    };
    for (url, part) in [
        ("localhost:1883", "begins with mqtt://"),
        ("http://localhost", "begins with mqtt://"),
        ("mqtt://", "host is missing"),
        ("mqtt://::1", "without [ ]"),
        ("mqtt://host:99999", "port"),
        ("mqtt://name:secret@host", "settings of their own"),
        ("mqtt://host/path", "ends after"),
        ("mqtts://host", "ca_file"),
    ] {
        let settings = homeward::broker::Settings {
            transport: Transport::External(with(url)),
            ..settings(None)
        };
        let error = serve(settings).await.unwrap_err();
        assert!(matches!(error, BrokerError::Address { .. }), "{error}");
        assert!(error.to_string().contains(part), "{url}: {error}");
    }
}
