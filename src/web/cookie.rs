//! One cookie, whose value is a random token; what it stands for is in the store.

use axum::http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

pub const NAME: &str = "homeward";

/// The sign-in's token, where the request has one.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, value)| value)
}

/// `secure`: the browser reaches us by TLS.
pub(super) fn set(token: &SecretString, secure: bool) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&attributes(token.expose_secret(), "", secure)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(super) fn clear(secure: bool) -> Option<HeaderValue> {
    HeaderValue::from_str(&attributes("", "; Max-Age=0", secure)).ok()
}

fn attributes(value: &str, end: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{end}")
}
