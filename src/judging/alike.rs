//! Most plans follow a template: what they have alike is in memory once, and judging one patient after another finds it at hand.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::domain::plan::Plan;
use crate::domain::question::Question;
use crate::domain::rule::Rule;

/// What the plans in memory are made of.
#[derive(Debug, Default)]
pub struct Alike {
    rules: Pool<Rule>,
    questions: Pool<Question>,
    measures: Pool<[String]>,
}

impl Alike {
    /// Makes the plan of what others are made of already, where that is the same.
    pub fn share(&mut self, plan: &mut Plan) {
        plan.rules.iter_mut().for_each(|rule| self.rules.share(rule));
        plan.questions
            .iter_mut()
            .for_each(|question| self.questions.share(question));
        self.measures.share(&mut plan.measures);
    }
}

/// Everything that differs, once.
#[derive(Debug)]
struct Pool<T: ?Sized>(HashSet<Arc<T>>);

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: Hash + Eq + ?Sized> Pool<T> {
    fn share(&mut self, part: &mut Arc<T>) {
        if let Some(known) = self.0.get(&**part) {
            *part = Arc::clone(known);
            return;
        }
        // What no plan is made of any longer goes when room is wanted for more, and then for as many again as there are.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|known| Arc::strong_count(known) > 1);
            self.0.reserve(self.0.len() + 1);
        }
        self.0.insert(Arc::clone(part));
    }
}
