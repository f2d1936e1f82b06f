//! The one place that spells a topic. A unit's id is part of its topics, so a text that is no unit id never
//! becomes a topic, and a topic with anything else in that level never becomes a unit.

use crate::domain::ids::UnitId;

const UNITS: &str = "homeward/v1/units/";

/// A topic beneath those of the units that no unit can have: a unit id holds no dot. Only whoever asks hears what is said on it.
pub fn nobodys(tag: &str) -> String {
    format!("{UNITS}doctor.{tag}/receipt")
}

/// Every unit's sessions, as a subscription filter.
pub const ALL_SESSIONS: &str = "homeward/v1/units/+/session";
/// Every unit's status messages (last wills among them), as a subscription filter.
pub const ALL_STATUSES: &str = "homeward/v1/units/+/status";

/// What a topic of one unit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Unit to service: one session.
    Session,
    /// Unit to service: online or not, battery, firmware; retained, and the unit's last will.
    Status,
    /// Service to unit: what became of a session.
    Receipt,
    /// Service to unit: what to measure and ask, retained.
    Plan,
    /// Service to unit: a retest or a message.
    Request,
}

impl Channel {
    /// All channels, in the order of the contract.
    pub const ALL: [Self; 5] = [
        Self::Session,
        Self::Status,
        Self::Receipt,
        Self::Plan,
        Self::Request,
    ];

    /// The last level of the topic.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Status => "status",
            Self::Receipt => "receipt",
            Self::Plan => "plan",
            Self::Request => "request",
        }
    }

    /// Whether the unit is the one that publishes here (the service publishes on the others).
    pub const fn is_from_unit(self) -> bool {
        matches!(self, Self::Session | Self::Status)
    }
}

/// Whether the text has the form of a unit id.
pub fn is_unit_id(text: &str) -> bool {
    text.parse::<UnitId>().is_ok()
}

/// The topic of one channel of one unit.
pub fn of(unit: &UnitId, channel: Channel) -> String {
    [UNITS, unit.as_str(), "/", channel.name()].concat()
}

/// Where a unit publishes its sessions.
pub fn session(unit: &UnitId) -> String {
    of(unit, Channel::Session)
}

/// Where a unit publishes its status, retained.
pub fn status(unit: &UnitId) -> String {
    of(unit, Channel::Status)
}

/// Where the service answers a unit's session.
pub fn receipt(unit: &UnitId) -> String {
    of(unit, Channel::Receipt)
}

/// Where the service publishes a unit's plan, retained.
pub fn plan(unit: &UnitId) -> String {
    of(unit, Channel::Plan)
}

/// Where the service asks a unit for something.
pub fn request(unit: &UnitId) -> String {
    of(unit, Channel::Request)
}

/// The unit and channel that a topic names; `None` for any other topic, and for filters with wildcards.
pub fn parse(topic: &str) -> Option<(UnitId, Channel)> {
    let (unit, name) = topic.strip_prefix(UNITS)?.split_once('/')?;
    let channel = Channel::ALL.into_iter().find(|channel| channel.name() == name)?;
    Some((unit.parse().ok()?, channel))
}
