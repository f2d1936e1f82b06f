//! Rows that read as what they are about; a test says only what matters to it.

use chrono::{DateTime, NaiveDate};
use homeward::domain::alert::{About, Alert, AlertState};
use homeward::domain::finding::{Class, Finding, FindingState, Numbers, Severity};
use homeward::domain::ids::{AlertId, FindingId, PatientId, SessionKey, UnitId};
use homeward::domain::measure::Measure;
use homeward::domain::nhs_number::NhsNumber;
use homeward::domain::number::Milli;
use homeward::domain::patient::{Condition, Patient, PatientStatus, Sex};
use homeward::domain::reading::ReadingState;
use homeward::domain::session::Trigger;
use homeward::domain::staff::Actor;
use homeward::domain::time::Instant;
use homeward::store::finding::FindingRow;
use homeward::store::series::SeriesReading;
use homeward::store::session::SessionRow;
use homeward::store::{self, Db, PostgresTx, Tx};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// On the day of the tests: `at("09:00")`, `at("09:00:00.000001")`.
pub(crate) fn at(time: &str) -> Instant {
    let time = if time.len() == 5 {
        format!("{time}:00")
    } else {
        time.to_owned()
    };
    DateTime::parse_from_rfc3339(&format!("2026-11-21T{time}Z"))
        .unwrap()
        .to_utc()
}

pub(crate) fn id<Id: From<Uuid>>(number: u128) -> Id {
    Id::from(Uuid::from_u128(number))
}

pub(crate) fn unit(name: &str) -> UnitId {
    name.parse().unwrap()
}

pub(crate) fn key(unit_name: &str, number: u128) -> SessionKey {
    SessionKey {
        unit_id: unit(unit_name),
        session_id: Uuid::from_u128(number),
    }
}

pub(crate) fn actor(number: u128, name: &str) -> Actor {
    Actor {
        id: Uuid::from_u128(number),
        name: name.to_owned(),
    }
}

/// From the range that is never issued.
fn nhs_number(number: u128) -> NhsNumber {
    let number = 900_000_000 + number;
    (0..10)
        .find_map(|check| format!("{number}{check}").parse().ok())
        .unwrap_or_else(|| nhs_number(number - 899_000_000))
}

pub(crate) fn patient(number: u128) -> Patient {
    Patient {
        id: id(number),
        nhs_number: nhs_number(number),
        given_name: "Ada".to_owned(),
        family_name: format!("Example{number}"),
        birth_date: NaiveDate::from_ymd_opt(1944, 2, 29).unwrap(),
        sex: Sex::Female,
        team_id: None,
        conditions: vec![Condition::HeartFailure],
        pregnant: None,
        named_clinician_id: None,
        phone: None,
        language: "en".to_owned(),
        status: PatientStatus::Referred,
        version: 1,
        created_at: at("08:00"),
        updated_at: at("08:00"),
    }
}

pub(crate) fn weight(grams: i64, taken_at: Instant) -> SeriesReading {
    SeriesReading {
        measure: Some(Measure::Weight),
        value: Some(Milli::new(grams)),
        comparator: None,
        taken_at,
        state: ReadingState::Accepted,
    }
}

pub(crate) fn session(key: SessionKey, patient: Option<PatientId>, completed_at: Instant) -> SessionRow {
    SessionRow {
        document: format!(
            "{{\"session_id\":\"{}\",\"note\":\"“quoted” \\\\ 'it'\"}}",
            key.session_id
        )
        .into(),
        key,
        patient_id: patient,
        trigger: Trigger::Scheduled,
        seq: Some(7),
        started_at: None,
        completed_at,
        received_at: completed_at,
        content_hash: [1; 32],
        series: vec![weight(84_200, completed_at)],
        fired: "[]".to_owned(),
        plan_version: Some(1),
        out_of_time: false,
    }
}

pub(crate) fn finding(number: u128, patient: Option<PatientId>, severity: Severity) -> FindingRow {
    FindingRow {
        id: FindingId(Uuid::from_u128(number)),
        patient_id: patient,
        state: FindingState::Current,
        late: false,
        made_at: at("09:10"),
        finding: Finding {
            rule: "limits.weight".to_owned(),
            side: None,
            kind: "limits".to_owned(),
            class: Class::Clinical,
            severity,
            plan_version: Some(1),
            session: None,
            unit_id: None,
            at: at("09:00"),
            numbers: Numbers {
                value: Some(Milli::new(84_200)),
                ..Numbers::default()
            },
            readings: vec![],
            sentence: "Weight 84.2 kg.".to_owned(),
            reason: None,
        },
    }
}

pub(crate) fn alert(number: u128, about: About, severity: Severity, opened_at: Instant) -> Alert {
    Alert {
        id: AlertId(Uuid::from_u128(number)),
        about,
        class: Class::Clinical,
        severity,
        state: AlertState::New,
        opened_at,
        updated_at: opened_at,
        version: 1,
    }
}

/// Patients 1 to `patients`, and unit `HU-n` for each.
pub(crate) async fn people(db: &Db, patients: u128) -> Tx {
    let mut tx = db.begin().await.unwrap();
    for number in 1..=patients {
        store::patient::insert(&mut tx, &patient(number)).await.unwrap();
        store::unit::insert(&mut tx, &unit(&format!("HU-{number}")), &[9; 32], at("08:00"))
            .await
            .unwrap();
    }
    tx
}

/// What no function of the store would do.
pub(crate) async fn tamper(tx: &mut Tx, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match tx {
        Tx::Sqlite(tx) => {
            sqlx::raw_sql(sql).execute(&mut **tx).await.unwrap();
        }
        Tx::Postgres(PostgresTx::Writing(loan, _)) => {
            sqlx::raw_sql(sql).execute(loan.work().unwrap()).await.unwrap();
            loan.rest();
        }
        Tx::Postgres(PostgresTx::Reading(_) | PostgresTx::Alone(_)) => {
            panic!("a transaction that writes, please")
        }
    }
}
