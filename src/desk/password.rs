//! Hashing a password takes a core and 19 MiB for some tens of milliseconds: only two at a time, off the async threads.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::Refusal;

/// NIST SP 800-63B and NCSC: length, not composition.
const LEAST: usize = 12;
/// Nobody types more; it bounds the work.
const MOST: usize = 256;

/// The only way to hash and check passwords. Clones share the limit.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(2)))
    }
}

/// A password that may not be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a password has at least {LEAST} characters")]
    Short,
    #[error("a password has at most {MOST} characters")]
    Long,
    #[error("a password must not be the user name")]
    Username,
}

/// Whether a password may be one for this person.
pub fn fit(username: &str, password: &SecretString) -> Result<(), Unfit> {
    let text = password.expose_secret();
    match text.chars().count() {
        ..LEAST => Err(Unfit::Short),
        count if count > MOST => Err(Unfit::Long),
        _ if text.eq_ignore_ascii_case(username) => Err(Unfit::Username),
        _ => Ok(()),
    }
}

impl Passwords {
    /// An argon2id hash in PHC form, with a salt of its own.
    pub async fn hash(&self, password: SecretString) -> Result<String, Refusal> {
        self.run(move || {
            let salt = SaltString::generate(&mut OsRng);
            Argon2::default()
                .hash_password(password.expose_secret().as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|error| Refusal::Broken(format!("a password could not be hashed: {error}")))
        })
        .await?
    }

    /// Whether the password is the one hashed. Where there is no hash (no such person) it takes as long and is not.
    pub async fn verify(&self, password: SecretString, kept: Option<String>) -> Result<bool, Refusal> {
        // Of nothing: an argon2id hash with the default parameters that no password was ever hashed to.
        const NOBODY: &str =
            "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWhhcy10aGlz$J8Nc2g7gkQyYJ0nTBFo2oZxqXv1wS3r5sD4c6fV7b8k";
        let known = kept.is_some();
        self.run(move || {
            let kept = kept.unwrap_or_else(|| NOBODY.to_owned());
            let hash = PasswordHash::new(&kept).map_err(|error| {
                Refusal::Broken(format!("a stored password hash cannot be read: {error}"))
            })?;
            let right = Argon2::default()
                .verify_password(password.expose_secret().as_bytes(), &hash)
                .is_ok();
            Ok(right && known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let broken = |error: String| Refusal::Broken(format!("a password could not be worked on: {error}"));
        let _permit = self
            .0
            .acquire()
            .await
            .map_err(|error| broken(error.to_string()))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| broken(error.to_string()))
    }
}
