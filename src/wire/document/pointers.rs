//! Where a value stands is asked only where something is wrong with it, and then perhaps of thousands that lie in one
//! object: the way out of each is known before the first is told, and nobody counts its neighbours again.

use super::{Document, Kind, Raw, Spot};
use crate::wire::json;

/// The JSON pointers of a document's values.
#[derive(Debug)]
pub(in crate::wire) struct Pointers<'a> {
    document: &'a Document<'a>,
    /// By place; none for the whole document.
    steps: Vec<Option<Step>>,
}

/// The last step to a value.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The place of what it lies in.
    inside: usize,
    /// How many stand there before it; in an object, keys and values alike.
    index: usize,
}

impl<'a> Pointers<'a> {
    pub(in crate::wire) fn of(document: &'a Document<'a>) -> Self {
        let mut steps = vec![None; document.places.len()];
        for inside in 0..steps.len() {
            let held = document.raw(inside).into_iter().flat_map(Raw::inside);
            for (index, raw) in held.enumerate() {
                steps[raw.place] = Some(Step { inside, index });
            }
        }
        Self { document, steps }
    }

    /// The pointer to a value of the document.
    pub(in crate::wire) fn to(&self, Spot(mut place): Spot) -> String {
        let mut way = Vec::new();
        while let Some(Some(step)) = self.steps.get(place) {
            way.push((place, *step));
            place = step.inside;
        }
        way.into_iter().rev().fold(String::new(), |at, (place, step)| {
            if self.document.places[step.inside].kind == Kind::Array {
                return format!("{at}/{}", step.index);
            }
            // An object's value stands right behind its key.
            let key = self.document.raw(place - 1).and_then(Raw::text);
            json::under(&at, &key.unwrap_or_default())
        })
    }
}
