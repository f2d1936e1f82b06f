//! A person's word on a reading outweighs the check, and what rests on the reading is judged again.

use homeward::domain::alert::About;
use homeward::domain::finding::{Class, Severity};
use homeward::domain::reading::Decision::{Accept, Exclude};

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, ankles, both, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, key};

on_both_databases!(
    what_is_excluded_counts_nowhere,
    what_is_accepted_counts_everywhere,
    the_last_decision_counts,
    a_reading_accepted_out_of_its_time_is_found,
    what_follows_a_session_with_a_reading_out_of_time_is_judged_again,
    a_decision_outlives_judging_again,
);

async fn what_is_excluded_counts_nowhere(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain(), spo2()])).await;
    for (number, day, kg, percent) in [
        (1, "18", 80.0, 88.0),
        (2, "19", 82.5, 97.0),
        (3, "20", 82.6, 97.0),
    ] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg).breathes(percent), taken)
            .await;
    }
    assert_eq!(
        ward.findings(patient).await,
        ["1 limits.spo2.red_low red", "2 gain amber", "3 gain amber"]
    );
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.decide(&key("HU-1", 1), 0, Exclude, at("20T12:00")).await;
    ward.decide(&key("HU-1", 1), 1, Exclude, at("20T12:01")).await;
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    assert_eq!(ward.states(patient).await[..2], ["excluded", "excluded"]);
    let stands = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(stands, alert, "struck through only, and as severe as it ever was");
    assert_eq!(
        ward.on_alert(&stands).await,
        ["(1 limits.spo2.red_low red)", "(2 gain amber)", "(3 gain amber)"]
    );
}

async fn what_is_accepted_counts_everywhere(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain(), spo2()])).await;
    for (number, day, kg) in [(1, "18", 80.0), (2, "19", 92.0), (3, "20", 80.5)] {
        let taken = at(&format!("{day}T09:00"));
        ward.send("HU-1", session(number, taken).weighs(kg).breathes(20.0), taken)
            .await;
    }
    assert_eq!(
        ward.findings(patient).await,
        [
            "1 suspect red out_of_range",
            "2 suspect amber weight_jump",
            "2 suspect red out_of_range",
            "3 suspect red out_of_range"
        ]
    );
    ward.decide(&key("HU-1", 2), 0, Accept, at("20T12:00")).await;
    assert_eq!(
        ward.states(patient).await,
        [
            "accepted",
            "out_of_range",
            "accepted",
            "out_of_range",
            "weight_jump",
            "out_of_range"
        ],
        "the next is more than a tenth from the accepted one"
    );
    ward.decide(&key("HU-1", 3), 1, Accept, at("20T12:01")).await;
    assert_eq!(
        ward.findings(patient).await,
        [
            "1 suspect red out_of_range",
            "2 gain amber late",
            "2 suspect red out_of_range",
            "3 limits.spo2.red_low red",
            "3 suspect amber weight_jump"
        ]
    );
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!((alert.severity, alert.version), (Severity::Red, 2));
}

async fn the_last_decision_counts(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let taken = at("20T09:00");
    ward.send("HU-1", session(1, taken).breathes(88.0), taken).await;
    let red = ["1 limits.spo2.red_low red"];
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    ward.close(&alert, at("20T09:30")).await;
    ward.decide(&key("HU-1", 1), 0, Exclude, at("20T10:00")).await;
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    ward.decide(&key("HU-1", 1), 0, Accept, at("20T11:00")).await;
    assert_eq!(ward.findings(patient).await, red);
    // It was superseded and is current again.
    assert_eq!(
        ward.open(About::Patient(patient), Class::Clinical)
            .await
            .opened_at,
        at("20T11:00")
    );
    ward.decide(&key("HU-1", 1), 0, Exclude, at("20T12:00")).await;
    assert_eq!(
        (ward.findings(patient).await, ward.superseded(patient).await),
        (vec![], red.map(str::to_owned).to_vec())
    );
}

async fn a_reading_accepted_out_of_its_time_is_found(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    // The unit's clock leapt while it measured: the weight is dated ten days after its session.
    let early = session(1, at("10T09:00")).weighs(80.0).taken(at("20T09:00"));
    ward.send("HU-1", early, at("10T09:00")).await;
    ward.send("HU-1", session(2, at("19T09:00")).weighs(82.2), at("19T09:00"))
        .await;
    ward.send("HU-1", session(3, at("20T12:00")).weighs(82.1), at("20T12:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["1 suspect amber time"]);
    ward.decide(&key("HU-1", 1), 0, Accept, at("20T13:00")).await;
    assert_eq!(ward.findings(patient).await, ["3 gain amber"]);
    assert!(ward.history(patient).await[0].out_of_time);
    // Every session that follows finds it in its past, though its session lies far before.
    ward.send("HU-1", session(4, at("22T09:00")).weighs(82.3), at("22T09:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["3 gain amber", "4 gain amber"]);
    // And what comes late from before it has it judged again.
    ward.send("HU-1", session(5, at("19T10:00")).weighs(77.9), at("22T10:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["1 gain amber late", "3 gain amber", "4 gain amber"]
    );
}

async fn what_follows_a_session_with_a_reading_out_of_time_is_judged_again(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward
        .patient_with("HU-1", plan(&[gain(), ankles(), both(48)]))
        .await;
    let early = session(1, at("10T09:00")).weighs(80.0).taken(at("20T09:00"));
    ward.send("HU-1", early, at("10T09:00")).await;
    ward.send("HU-1", session(2, at("11T09:00")).ankles("yes"), at("11T09:00"))
        .await;
    ward.decide(&key("HU-1", 1), 0, Accept, at("20T13:00")).await;
    assert_eq!(ward.findings(patient).await, ["2 swollen context"]);
    // A lower weight of the 19th makes the reading of the 20th a rise, and that the session of the 10th, to which the
    // next day's answer is near.
    ward.send("HU-1", session(3, at("19T10:00")).weighs(77.9), at("22T10:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["1 gain amber late", "2 both red late", "2 swollen context"]
    );
}

async fn a_decision_outlives_judging_again(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2(), gain()])).await;
    ward.send(
        "HU-1",
        session(2, at("19T09:00")).weighs(80.0).breathes(88.0),
        at("19T09:00"),
    )
    .await;
    ward.decide(&key("HU-1", 2), 1, Exclude, at("19T10:00")).await;
    ward.send("HU-1", session(1, at("18T09:00")).weighs(77.0), at("19T11:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
    assert_eq!(ward.states(patient).await, ["accepted", "accepted", "excluded"]);
}
