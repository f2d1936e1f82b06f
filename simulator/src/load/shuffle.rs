//! A permutation that needs no memory, so that "exactly 5 %, scattered" is a pure function of seed and index: an
//! index has a property where its place in the permuted order lies below the count.

/// Scatters bits (splitmix64). For test data only: nothing secret may rest on it.
pub fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A seeded order of the indices below `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shuffle {
    key: u64,
    size: u64,
    /// Half the bits of the smallest power of four that holds `size`.
    half_bits: u32,
}

impl Shuffle {
    /// `tag` keeps the orders for different purposes apart under the same seed.
    pub fn new(seed: u64, tag: u64, size: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        Self {
            key: mix(mix(seed) ^ tag),
            size,
            half_bits: bits.div_ceil(2).max(1),
        }
    }

    /// The place of `index`, which must be below the size; no two have the same.
    pub fn place(&self, index: u64) -> u64 {
        // A place beyond the size is permuted again: the walk comes back, because it runs in a circle.
        let mut place = self.rounds(index);
        while place >= self.size {
            place = self.rounds(place);
        }
        place
    }

    /// Four rounds of a Feistel network.
    fn rounds(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(self.key ^ (right << 3) ^ round) & mask));
        }
        left << self.half_bits | right
    }
}
