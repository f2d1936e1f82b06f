//! Maps by ids that we gave or a person registered: a batch looks each of them up a dozen times, and nobody outside can
//! choose them so that they fall together. Whatever a unit may choose, as a session's id, is kept in ordinary maps.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by such ids.
pub type ById<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// Multiplies word by word; quick, and no secret.
#[derive(Debug, Default, Clone, Copy)]
pub struct Mix(u64);

impl Mix {
    /// Odd, with ones and noughts well mixed.
    const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;

    fn add(&mut self, word: u64) {
        self.0 = self.0.wrapping_add(word).wrapping_mul(Self::FACTOR);
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(byte.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        // The high bits are the mixed ones, and maps go by the low.
        self.0.rotate_left(26)
    }
}
