//! The kinds of problem in the order of their statuses.

use std::fmt::Write as _;

use super::markdown::plain;
use crate::web::problem::KINDS;

pub(super) fn text() -> String {
    let mut text = "An error is answered as problem details (RFC 9457, `application/problem+json`). `type` names one of the kinds below and \
                    never changes its meaning; `detail` says in words what happened; `errors` says where: each has `at`, a JSON pointer \
                    into the body that was sent, or `query/limit`, or `header/If-Match`, and a stable `code`.\n\n\
                    | status | type | title |\n|---|---|---|\n"
        .to_owned();
    for kind in KINDS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | [`/docs/problems/{slug}`](/docs/problems/{slug}) | {} |",
            kind.status.as_u16(),
            plain(kind.title),
            slug = kind.slug,
        );
    }
    text
}
