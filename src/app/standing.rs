//! What `/readyz` and the pages say of the parts that only this process sees.

use uuid::Uuid;

use crate::broker::{Acker, Broker, Fault, Link, Outlet};
use crate::clock::Clock;
use crate::domain::time::Instant;
use crate::ingest::pulse::{Beat, Pulse};
use crate::metrics::moment;
use crate::store::heartbeat::OUTAGE;
use crate::web::{Part, Seen, ServiceView};
use crate::workers::heartbeat::is_rivalled;

/// Asked at each request; it only looks.
pub(super) fn of(process: Uuid, broker: &Broker, pulse: Pulse, clock: Clock) -> ServiceView {
    let (link, acker, outlet) = (broker.link.clone(), broker.acker.clone(), broker.outlet.clone());
    ServiceView::of(move || {
        let (link, beat, now) = (link.borrow().clone(), pulse.read(), clock.now());
        let rivalled = is_rivalled(&link, &beat, now);
        Seen {
            process: Some(process),
            parts: vec![broker_part(&link, rivalled), ingest(&link, &beat, now)],
            waiting_since: beat.waiting_since,
            stores: beat.stores(now),
            verified_at: beat.verified_at,
            rivalled,
            broker: Some(counted(&link, &acker, &outlet)),
        }
    })
}

fn counted(link: &Link, acker: &Acker, outlet: &Outlet) -> moment::Broker {
    moment::Broker {
        inbound: link.inbound,
        outbound: link.outbound,
        held: acker.held() as u64,
        outgoing: outlet.waiting() as u64,
        reconnects: link.reconnects,
        acks_dropped: link.acks_dropped,
        refused_publishes: link.refused_publishes,
        hard_cap_reached: link.hard_cap_reached,
        taken_over: link.taken_over,
    }
}

fn broker_part(link: &Link, rivalled: bool) -> Part {
    let detail = match (link.inbound, link.outbound, link.generation) {
        (true, true, _) if rivalled => "cut off again and again".to_owned(),
        (true, true, _) => "connected and subscribed".to_owned(),
        (true, false, _) => "receipts and requests cannot be sent".to_owned(),
        (false, _, 0) => "is being reached: nothing can arrive yet".to_owned(),
        (false, ..) => "not subscribed: nothing can arrive".to_owned(),
    };
    let works = link.inbound && link.outbound && !rivalled;
    // What another client does to us explains the faults that follow from it.
    let why = if rivalled {
        Some(Fault::TakenOver)
    } else {
        link.inbound_fault.clone().or(link.outbound_fault.clone())
    };
    Part {
        name: "broker",
        works,
        detail: match why {
            Some(why) if !works => format!("{detail} ({why})"),
            _ => detail,
        },
    }
}

fn ingest(link: &Link, beat: &Beat, now: Instant) -> Part {
    let seconds = |at: Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let verified = beat.verified_at.is_some_and(|at| now - at <= OUTAGE);
    let (works, detail) = match (&beat.failing, beat.waiting_since) {
        (Some((since, _)), _) => (
            false,
            format!("nothing has been stored since {}", seconds(*since)),
        ),
        (None, Some(since)) if !beat.stores(now) => (
            false,
            format!("a message that came at {} is not stored yet", seconds(since)),
        ),
        _ if !link.inbound => (false, "waits for the broker".to_owned()),
        _ if !verified => (
            false,
            match beat.verified_at {
                Some(at) => format!("has not proved since {} that it can store", seconds(at)),
                None => "has not yet proved that it can store".to_owned(),
            },
        ),
        _ => (true, "takes sessions in".to_owned()),
    };
    Part {
        name: "ingest",
        works,
        detail,
    }
}
