use homeward::broker::access::{may_publish, may_subscribe};
use homeward::wire::topic::{self, Channel};

#[test]
fn a_topic_is_read_back_as_it_was_written() {
    let unit = "HU-7".parse().unwrap();
    assert_eq!(topic::session(&unit), "homeward/v1/units/HU-7/session");
    for channel in Channel::ALL {
        assert_eq!(
            topic::parse(&topic::of(&unit, channel)),
            Some((unit.clone(), channel))
        );
    }
}

#[test]
fn what_is_not_exactly_a_units_topic_is_none() {
    for other in [
        "",
        "homeward/v1/units//session",
        "homeward/v1/units/+/session",
        "homeward/v1/units/#",
        "homeward/v1/units/HU-7",
        "homeward/v1/units/HU-7/",
        "homeward/v1/units/HU-7/Session",
        "homeward/v1/units/HU-7/session/",
        "homeward/v1/units/HU-7/session/more",
        "homeward/v2/units/HU-7/session",
        "/homeward/v1/units/HU-7/session",
        "$share/g/homeward/v1/units/HU-7/session",
        "homeward/v1/units/-HU/session",
        "homeward/v1/units/H U/session",
    ] {
        assert_eq!(topic::parse(other), None, "{other:?}");
    }
}

#[test]
fn a_unit_publishes_on_two_topics_and_reads_five() {
    let unit = "HU-7".parse().unwrap();
    let allowed = |rule: fn(&str, &str) -> bool| {
        Channel::ALL
            .into_iter()
            .filter(|&channel| rule("HU-7", &topic::of(&unit, channel)))
            .collect::<Vec<_>>()
    };
    assert_eq!(allowed(may_publish), [Channel::Session, Channel::Status]);
    assert_eq!(allowed(may_subscribe), Channel::ALL);
}

#[test]
fn a_unit_has_nothing_on_anothers_topics() {
    let other = "HU-70".parse().unwrap();
    for channel in Channel::ALL {
        assert!(!may_publish("HU-7", &topic::of(&other, channel)));
        assert!(!may_subscribe("HU-7", &topic::of(&other, channel)));
    }
    for filter in [
        "#",
        "homeward/#",
        "homeward/v1/units/HU-7/+",
        "$share/g/homeward/v1/units/HU-7/plan",
        "$SYS/#",
    ] {
        assert!(!may_subscribe("HU-7", filter), "{filter}");
    }
}
