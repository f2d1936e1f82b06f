use homeward::domain::ids::{ReadingId, SessionKey};
use uuid::Uuid;

#[test]
fn a_reading_id_is_what_the_engine_s_page_says() {
    let key = SessionKey {
        unit_id: "HU-7".parse().unwrap(),
        session_id: "0193A0C2-7B7E-7CC3-9A51-0E2F6F1F4C11".parse().unwrap(),
    };
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"homeward.reading");
    let name = "HU-7/0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11/3";
    assert_eq!(
        ReadingId::of(&key, 3).0,
        Uuid::new_v5(&namespace, name.as_bytes())
    );
}
