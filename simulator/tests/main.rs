//! The simulator's tests, in one binary.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod command;
#[cfg(test)]
mod link;
#[cfg(test)]
mod load;
#[cfg(test)]
mod payload;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod session;
#[cfg(test)]
mod store;
#[cfg(test)]
mod store_and_forward;
#[cfg(test)]
mod unit;

#[cfg(test)]
fn at(text: &str) -> chrono::DateTime<chrono::Utc> {
    text.parse().expect("a time in RFC 3339")
}

/// What a heart-failure patient's unit is told to ask.
#[cfg(test)]
fn plan() -> simulator::plan::PlanDoc {
    serde_json::from_str(include_str!("golden/plan.json")).expect("the plan is readable")
}
