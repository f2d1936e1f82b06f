//! A question that is itself at fault still counts as known: a rule that names it is not told off for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::{Faults, ID_FORM, MAX_ELEMENTS, Members, Node, is_id};
use crate::domain::question::{Choice, Question, QuestionKind};
use crate::domain::session::NOT_ANSWERED;

const MAX_QUESTIONS: usize = 64;

/// The questions of a body, sound or not.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<(String, Option<Question>)>);

impl Questions {
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|(known, _)| known == id)
    }

    /// The question of this id, where it is not at fault.
    pub(super) fn sound(&self, id: &str) -> Option<&Question> {
        self.0.iter().find(|(known, _)| known == id)?.1.as_ref()
    }

    pub(super) fn into_sound(self) -> Vec<Arc<Question>> {
        let sound = self.0.into_iter().filter_map(|(_, question)| question);
        sound.map(Arc::new).collect()
    }
}

pub(super) fn read(node: Option<&Node<'_>>, faults: &mut Faults) -> Questions {
    let mut questions = Questions::default();
    let Some((node, list)) = node.and_then(|node| Some((node, node.list(faults)?))) else {
        return questions;
    };
    if list.len() > MAX_QUESTIONS {
        node.fault::<()>("too_many_questions", "holds more than 64 questions", faults);
    }
    for node in list.into_iter().take(MAX_QUESTIONS) {
        let Some(members) = node.object(&["id", "type", "text", "options"], faults) else {
            continue;
        };
        let id = members.required("id", faults).and_then(|node| {
            let id = node.text(faults)?;
            if questions.knows(&id) {
                return node.fault("duplicate_id", "is the id of an earlier question", faults);
            }
            if !is_id(&id) {
                node.fault::<()>("bad_id", ID_FORM, faults);
            }
            Some(id.into_owned())
        });
        let question = question(id.clone(), &members, faults);
        questions.0.extend(id.map(|id| (id, question)));
    }
    questions
}

fn question(id: Option<String>, members: &Members<'_>, faults: &mut Faults) -> Option<Question> {
    let kinds = [
        ("yes_no", QuestionKind::YesNo),
        ("choice", QuestionKind::Choice),
        ("number", QuestionKind::Number),
    ];
    let kind = members
        .required("type", faults)
        .and_then(|node| node.word(&kinds, faults));
    let text = members
        .required("text", faults)
        .and_then(|node| texts(&node, faults));
    let options = match (kind, members.optional("options")) {
        (Some(QuestionKind::Choice), None) => {
            faults.push(members.place("options"), "missing", "a choice needs its options");
            None
        }
        (Some(QuestionKind::YesNo | QuestionKind::Number), Some(node)) => {
            let list = node.list(faults)?;
            if list.is_empty() {
                Some(Vec::new())
            } else {
                node.fault("not_a_choice", "only a choice has options", faults)
            }
        }
        (_, Some(node)) => options(&node, faults),
        (_, None) => Some(Vec::new()),
    };
    Some(Question {
        id: id?,
        kind: kind?,
        text: text?,
        options: options?,
    })
}

fn options(node: &Node<'_>, faults: &mut Faults) -> Option<Vec<Choice>> {
    let list = node.list(faults)?;
    if list.is_empty() {
        return node.fault("empty", "a choice needs its options", faults);
    }
    if list.len() > MAX_ELEMENTS {
        return node.fault("too_many", "holds more options than any question needs", faults);
    }
    let (mut options, mut sound) = (Vec::<Choice>::with_capacity(list.len()), true);
    for node in list {
        let Some(members) = node.object(&["code", "text"], faults) else {
            sound = false;
            continue;
        };
        let code = members.required("code", faults).and_then(|node| {
            let code = node.text(faults)?;
            if options.iter().any(|option| option.code == code) {
                return node.fault("duplicate_id", "is the code of an earlier option", faults);
            }
            if is_code(&code) {
                Some(code.into_owned())
            } else {
                node.fault("bad_id", CODE_FORM, faults)
            }
        });
        let text = members
            .required("text", faults)
            .and_then(|node| texts(&node, faults));
        match (code, text) {
            (Some(code), Some(text)) => options.push(Choice { code, text }),
            _ => sound = false,
        }
    }
    sound.then_some(options)
}

const CODE_FORM: &str = "must be 1 to 64 letters, digits, '-' or '_', and not not_answered";

fn is_code(text: &str) -> bool {
    let lawful = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(lawful) && text != NOT_ANSWERED
}

/// The same text in several languages; one at least.
fn texts(node: &Node<'_>, faults: &mut Faults) -> Option<BTreeMap<String, String>> {
    let members = node.any_object(faults)?;
    let (mut texts, mut sound) = (BTreeMap::new(), true);
    for (language, node) in members.all() {
        if !is_language(language) {
            sound = false;
            node.fault::<()>(
                "bad_language",
                "must be a language tag, such as en or pa-Arab",
                faults,
            );
        }
        match node.text(faults) {
            Some(text) if text.trim().is_empty() => {
                sound = false;
                node.fault::<()>("empty", "must not be empty", faults);
            }
            Some(text) => {
                texts.insert(language.to_owned(), text.into_owned());
            }
            None => sound = false,
        }
    }
    if sound && texts.is_empty() {
        return node.fault("empty", "needs a text in one language at least", faults);
    }
    sound.then_some(texts)
}

fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts
        .next()
        .is_some_and(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    first
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The codes that may answer a question.
pub(super) fn codes(question: &Question) -> Vec<&str> {
    match question.kind {
        QuestionKind::YesNo => vec!["yes", "no", NOT_ANSWERED],
        QuestionKind::Choice => question
            .options
            .iter()
            .map(|option| option.code.as_str())
            .chain([NOT_ANSWERED])
            .collect(),
        QuestionKind::Number => Vec::new(),
    }
}
