//! The same document as `GET /openapi.json`, without a service.

use super::{Failure, say};
use crate::web::openapi::document;

pub(super) fn run() -> Result<(), Failure> {
    let text = document()
        .to_pretty_json()
        .map_err(|error| Failure::Other(error.to_string()))?;
    Ok(say(&text)?)
}
