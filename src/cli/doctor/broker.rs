//! The embedded broker can only be knocked at: its service signs in with a secret that is made at each start.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::net::TcpStream;

use super::sheet::Sheet;
use crate::app;
use crate::broker::probe::{Probe, RoundTrip, probe};
use crate::broker::{BrokerError, External, Settings, Transport, certificate};
use crate::config::Config;
use crate::domain::time::Instant;

const PATIENCE: Duration = Duration::from_secs(10);
/// Renewal takes people and papers.
const RENEW_BEFORE: TimeDelta = TimeDelta::days(30);
const RULES: &str = "give the service's account read and write access to homeward/v1/units/#";

pub(super) async fn look(sheet: &mut Sheet, config: &Config, now: Instant) {
    let settings = app::broker_settings(config);
    match &settings.transport {
        Transport::Embedded { listen, .. } => {
            let knocking = tokio::time::timeout(PATIENCE, TcpStream::connect(listen));
            match knocking.await {
                Ok(Ok(_)) => sheet.ok("broker", format!("embedded, answers on {listen}")),
                _ => sheet.warning(
                    "broker",
                    format!("embedded, and nobody answers on {listen}"),
                    "it runs inside `homeward serve`: start that",
                ),
            }
        }
        Transport::External(external) => {
            let tag = format!("{:08x}", rand::random::<u32>());
            match probe(&settings, external, &tag, PATIENCE).await {
                Ok(found) => judge(sheet, &settings, &found),
                Err(error) => sheet.failed("broker", error.to_string(), cure(&error)),
            }
            certificates(sheet, external, now).await;
        }
    }
}

fn judge(sheet: &mut Sheet, settings: &Settings, found: &Probe) {
    sheet.ok("broker", "reached, and our sign-in is taken");
    match &found.subscription {
        Ok(()) => sheet.ok("subscription", "to sessions is granted"),
        Err(reason) => sheet.failed("subscription", format!("to sessions is refused: {reason}"), RULES),
    }
    match &found.round_trip {
        RoundTrip::Came(after) => sheet.ok(
            "round trip",
            format!("a message to ourselves came back after {} ms", after.as_millis()),
        ),
        RoundTrip::Refused(reason) => sheet.warning(
            "round trip",
            format!("cannot be tried: the broker refused our own topic ({reason})"),
            RULES,
        ),
        RoundTrip::Lost => sheet.warning(
            "round trip",
            "a message to ourselves was taken and did not come back",
            RULES,
        ),
    }
    if settings.group.is_some() && !found.shares {
        sheet.failed(
            "broker",
            "has no shared subscriptions, and mqtt.group is set",
            "use another broker, or one process without a group",
        );
    }
    if !found.retains {
        sheet.failed(
            "broker",
            "retains no messages, so that units never see their plan",
            "allow retained messages",
        );
    }
    match found.max_packet_size {
        Some(size) if size < settings.max_packet_size => sheet.warning(
            "broker",
            format!("takes packets of {size} bytes at most"),
            format!(
                "set its limit to {}: a session that is too large must arrive to be set aside",
                settings.max_packet_size
            ),
        ),
        size => sheet.ok(
            "broker",
            format!(
                "packets up to {}, {} publishes on the way at one time",
                size.map_or_else(|| "any size".to_owned(), |size| format!("{size} bytes")),
                found.receive_maximum
            ),
        ),
    }
}

async fn certificates(sheet: &mut Sheet, external: &External, now: Instant) {
    let own = external.clone();
    // It waits for the network in its own way.
    let looked = tokio::task::spawn_blocking(move || certificate::expiries(&own)).await;
    let Ok(Ok(found)) = looked else { return };
    for expiry in found {
        let until = expiry.until.format("%-d %B %Y");
        if expiry.until <= now {
            let found = format!("{} ran out on {until}", expiry.whose);
            sheet.failed("certificate", found, "renew it");
        } else if expiry.until - now < RENEW_BEFORE {
            let found = format!("{} runs out on {until}", expiry.whose);
            sheet.warning("certificate", found, "renew it");
        } else {
            sheet.ok("certificate", format!("{} is good until {until}", expiry.whose));
        }
    }
}

fn cure(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::Refused { .. } => {
            "correct mqtt.username, mqtt.password or the certificates, or what the broker knows of them"
        }
        BrokerError::Address { .. } => "correct mqtt.url",
        BrokerError::Tls { .. } => {
            "correct the file that mqtt.ca_file, client_cert_file or client_key_file names"
        }
        _ => "is the broker running, and is mqtt.url right?",
    }
}
