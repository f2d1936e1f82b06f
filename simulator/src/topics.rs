//! A unit's five topics. The service tells units apart by the broker's user name, never by the payload, so
//! nothing that a unit sends carries its id.

/// The topic of one unit: `leaf` is session, status, receipt, plan or request.
pub fn topic(unit_id: &str, leaf: &str) -> String {
    format!("homeward/v1/units/{unit_id}/{leaf}")
}

/// What the service tells a unit.
pub const INBOUND: [&str; 3] = ["receipt", "plan", "request"];

/// The form of a unit id: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`.
pub fn is_unit_id(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    first
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
