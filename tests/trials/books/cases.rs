//! What is in quarantine, and whether people are told of it.

use std::collections::BTreeMap;

use home_unit::load::recipe::Recipe;
use serde_json::Value;
use uuid::Uuid;

use super::Books;

/// A message in quarantine: the unit, the session where it has a name, and the reason.
pub(super) type Case = (String, Option<Uuid>, String);

impl Books {
    /// Each message whose session can be read is in quarantine once, for its reason.
    pub(super) fn assert_keep_exactly(&self, recipe: &Recipe) {
        let wanted = cases(recipe);
        let (kept, wanted) = (named(&self.cases), named(&wanted));
        assert_eq!(surplus(&kept, &wanted), [], "set aside, and should not be");
        assert_eq!(surplus(&wanted, &kept), [], "should be set aside");
    }

    /// Every message in quarantine has its one finding, and says why.
    pub(in super::super) fn assert_told_of_each_case(&self) {
        let kept = self
            .cases
            .iter()
            .map(|(unit, _, reason)| (unit.clone(), reason.clone()));
        let told = self.standing().filter(|row| is_of_a_case(&row.rule)).map(|row| {
            let detail: Value = serde_json::from_str(&row.detail).unwrap();
            let reason = detail["reason"].as_str().unwrap().to_owned();
            (row.unit_id.clone().unwrap(), reason)
        });
        let (kept, told): (Vec<_>, Vec<_>) = (kept.collect(), told.collect());
        assert_eq!(surplus(&kept, &told), [], "kept, and nobody is told");
        assert_eq!(surplus(&told, &kept), [], "told, and not kept");
    }
}

/// Of messages whose session nobody can read, which get no receipt and are sent once: none that is kept twice, and how many
/// are not kept.
pub(super) fn nameless_missing(kept: &[Case], recipe: &Recipe) -> usize {
    let wanted = cases(recipe);
    let (kept, wanted) = (nameless(kept), nameless(&wanted));
    assert_eq!(surplus(&kept, &wanted), [], "set aside, and should not be");
    wanted.len() - kept.len()
}

/// Made of a message in quarantine.
fn is_of_a_case(rule: &str) -> bool {
    matches!(rule, "quarantined" | "session_conflict")
}

/// What has to be set aside of a recipe.
fn cases(recipe: &Recipe) -> Vec<Case> {
    let mut cases = Vec::new();
    for index in 0..recipe.sessions() {
        let (first, second) = recipe.expected(index);
        for expected in [Some(&first), second.as_ref()].into_iter().flatten() {
            if let Some(code) = expected.code {
                cases.push((expected.unit_id.to_owned(), expected.session_id, code.to_owned()));
            }
        }
    }
    cases
}

fn named(cases: &[Case]) -> Vec<&Case> {
    cases.iter().filter(|(_, session, _)| session.is_some()).collect()
}

fn nameless(cases: &[Case]) -> Vec<&Case> {
    cases.iter().filter(|(_, session, _)| session.is_none()).collect()
}

/// What is oftener in one than in the other, with how much oftener.
pub(in super::super) fn surplus<'a, T: Ord>(one: &'a [T], other: &[T]) -> Vec<(&'a T, i64)> {
    let mut times: BTreeMap<&T, i64> = BTreeMap::new();
    for item in other {
        *times.entry(item).or_default() -= 1;
    }
    let mut more: BTreeMap<&'a T, i64> = BTreeMap::new();
    for item in one {
        let before = times.remove(item).unwrap_or_default();
        *more.entry(item).or_default() += before + 1;
    }
    more.into_iter().filter(|(_, count)| *count > 0).collect()
}
