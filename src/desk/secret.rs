//! Secrets of machines are long and random, so a fast hash keeps them; passwords are neither: see `password`.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// A new secret of 256 random bits as base64url text (43 characters), shown once, and what is kept of it.
pub fn fresh() -> (SecretString, [u8; 32]) {
    let text = SecretString::from(base64url(&rand::random()));
    let hash = hash(text.expose_secret());
    (text, hash)
}

/// What is kept of a secret, and looked up by: SHA-256 of its text.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8; 32]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(43);
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for place in 0..=chunk.len() {
            let letter = (bits >> (18 - 6 * place)) & 63;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}
