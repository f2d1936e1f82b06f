//! A browser opens six connections to one host and no more: streams that took them all would leave none for the pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// How many streams each caller has open.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<Uuid, usize>>>);

/// One stream's; given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    caller: Uuid,
}

impl Seats {
    pub(super) fn take(&self, caller: Uuid, most: usize) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(caller).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        let seats = self.clone();
        Some(Seat { seats, caller })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}
