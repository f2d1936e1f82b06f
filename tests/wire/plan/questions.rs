//! Questions and their options, each fault at its place.

use super::{CONTRACT, faults, faults_of, one, plan};

const OPTIONS: [(&str, &str, &str); 10] = [
    ("", "missing", "/questions/0/options"),
    (r#", "options": []"#, "empty", "/questions/0/options"),
    (
        r#", "options": [{"code": "a b", "text": {"en": "x"}}]"#,
        "bad_id",
        "/questions/0/options/0/code",
    ),
    (
        r#", "options": [{"code": "not_answered", "text": {"en": "x"}}]"#,
        "bad_id",
        "/questions/0/options/0/code",
    ),
    (
        r#", "options": [{"code": "a", "text": {"en": "x"}}, {"code": "a", "text": {"en": "y"}}]"#,
        "duplicate_id",
        "/questions/0/options/1/code",
    ),
    (
        r#", "options": [{"code": "a"}]"#,
        "missing",
        "/questions/0/options/0/text",
    ),
    (
        r#", "options": [{"code": "a", "text": {}}]"#,
        "empty",
        "/questions/0/options/0/text",
    ),
    (
        r#", "options": [{"code": "a", "text": {"en": ""}}]"#,
        "empty",
        "/questions/0/options/0/text/en",
    ),
    (
        r#", "options": [{"code": "a", "text": {"e n": "x"}}]"#,
        "bad_language",
        "/questions/0/options/0/text/e n",
    ),
    (
        r#", "options": [{"code": "a", "text": {"en": "x"}, "score": 1}]"#,
        "unknown_key",
        "/questions/0/options/0/score",
    ),
];

#[test]
fn every_fault_of_a_question_is_told_at_its_place() {
    let choice = |options: &str| {
        CONTRACT.replacen(
            "\"questions\": [",
            &format!(r#""questions": [{{"id": "compared", "type": "choice", "text": {{"en": "Compared with yesterday?"}}{options}}}, "#),
            1,
        )
    };
    let good = choice(
        r#", "options": [{"code": "better", "text": {"en": "Better"}}, {"code": "much_worse", "text": {"en": "Much worse", "pa-Arab": "x"}}]"#,
    );
    assert_eq!(plan(&good).questions[0].options[1].code, "much_worse");
    for (options, code, at) in OPTIONS {
        assert_eq!(faults_of(&choice(options)), one(code, at), "{options}");
    }
    for (part, replacement, code, at) in [
        (
            "\"id\": \"ankles_swollen\", \"type\"",
            "\"type\"",
            "missing",
            "/questions/0/id",
        ),
        ("\"yes_no\"", "\"maybe\"", "unknown_word", "/questions/0/type"),
        (
            "\"yes_no\"",
            "\"yes_no\", \"options\": [{\"code\": \"a\", \"text\": {\"en\": \"x\"}}]",
            "not_a_choice",
            "/questions/0/options",
        ),
        (
            "\"yes_no\"",
            "\"yes_no\", \"key\": true",
            "unknown_key",
            "/questions/0/key",
        ),
        (
            "{\"en\": \"Are your ankles more swollen than usual?\"}",
            "\"Swollen?\"",
            "wrong_type",
            "/questions/0/text",
        ),
        (
            "\"questions\": [",
            "\"questions\": [{\"id\": \"Q 1\", \"type\": \"number\", \"text\": {\"en\": \"Steps?\"}}, ",
            "bad_id",
            "/questions/0/id",
        ),
        (
            "\"questions\": [",
            "\"questions\": [{\"id\": \"ankles_swollen\", \"type\": \"number\", \"text\": {\"en\": \"Steps?\"}}, ",
            "duplicate_id",
            "/questions/1/id",
        ),
    ] {
        let told = faults(part, replacement);
        assert!(
            told.contains(&(code.to_owned(), at.to_owned())),
            "{replacement} gave {told:?}"
        );
    }
}
