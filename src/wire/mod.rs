//! What travels over MQTT: topic names here; payloads are decoded beside them.

pub mod topic;
