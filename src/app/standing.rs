//! What `/readyz` and the pages say of the parts that only this process sees.

use tokio::sync::watch;

use crate::broker::Link;
use crate::ingest::pulse::Pulse;
use crate::web::{Part, ServiceView};

/// Asked at each request; it only looks.
pub(super) fn of(link: watch::Receiver<Link>, pulse: Pulse) -> ServiceView {
    ServiceView::new(move || {
        let link = link.borrow().clone();
        vec![broker(&link), ingest(&link, &pulse)]
    })
}

fn broker(link: &Link) -> Part {
    let fault = link.inbound_fault.as_ref().or(link.outbound_fault.as_ref());
    let detail = match (link.inbound, link.outbound) {
        (true, true) => "connected and subscribed".to_owned(),
        (false, _) => "not subscribed: nothing can arrive".to_owned(),
        (true, false) => "receipts and requests cannot be sent".to_owned(),
    };
    let why = fault
        .filter(|_| !(link.inbound && link.outbound))
        .map(|fault| format!(" ({fault})"));
    Part {
        name: "broker",
        works: link.inbound && link.outbound,
        detail: detail + &why.unwrap_or_default(),
    }
}

fn ingest(link: &Link, pulse: &Pulse) -> Part {
    let beat = pulse.read();
    let (works, detail) = match (&beat.failing, link.inbound) {
        (Some((since, _)), _) => (
            false,
            format!("nothing has been stored since {}", since.to_rfc3339()),
        ),
        (None, false) => (false, "waits for the broker".to_owned()),
        (None, true) => (true, "takes sessions in".to_owned()),
    };
    Part {
        name: "ingest",
        works,
        detail,
    }
}
