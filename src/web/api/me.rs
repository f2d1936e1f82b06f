//! Signing in, signing out, and who one is.

use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::secret;
use crate::desk::CallerKind;
use crate::desk::sign_in::{self, SignedIn};
use crate::domain::staff::Role;
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::cookie;
use crate::web::extract::Body;
use crate::web::guard::{CallerAddress, Signed};
use crate::web::problem::{Problem, SIGN_IN_FAILED, TOO_MANY};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    username: String,
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedIn {
    staff: Me,
    /// Changes by cookie send it as `X-CSRF-Token`.
    csrf_token: String,
    expires_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    id: Uuid,
    name: String,
    /// Absent for tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    role: Role,
    team_id: Option<Uuid>,
    /// `staff` or `token`.
    #[schema(value_type = String)]
    kind: &'static str,
}

/// `GET me`, with the token that changes by cookie send.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whoami {
    #[serde(flatten)]
    me: Me,
    /// Null for tokens, which need none.
    csrf_token: Option<String>,
}

pub async fn login(
    Extract(state): Extract<State>,
    address: CallerAddress,
    Body(login): Body<Login>,
) -> Answer {
    let signed = attempt(&state, address, &login.username, login.password).await?;
    let view = LoggedIn {
        staff: Me {
            id: signed.staff.id.0,
            name: signed.staff.name.clone(),
            username: Some(signed.staff.username.clone()),
            role: signed.staff.role,
            team_id: signed.staff.team_id.map(|team| team.0),
            kind: "staff",
        },
        csrf_token: signed.csrf_token.clone(),
        expires_at: signed.expires_at,
    };
    Ok(with_cookie(&state, plain(&view), &signed))
}

/// Signs in within the limits; for the API and the page alike.
pub(in crate::web) async fn attempt(
    state: &State,
    CallerAddress(address): CallerAddress,
    username: &str,
    password: SecretString,
) -> Result<SignedIn, Problem> {
    let now = state.desk.clock.now();
    if let Err(seconds) = state.limiter.check(username, address, now) {
        return Err(Problem::new(
            &TOO_MANY,
            "There were too many failed sign-ins; wait before you try again.",
        )
        .retry_after(seconds));
    }
    let hours = state.settings.sign_in_hours;
    let signed = sign_in::sign_in(&state.desk, &state.passwords, username, password, hours).await?;
    let Some(signed) = signed else {
        state.limiter.failed(username, address, now);
        return Err(Problem::new(
            &SIGN_IN_FAILED,
            "The user name or the password is not right.",
        ));
    };
    state.limiter.succeeded(username, address);
    Ok(signed)
}

pub(in crate::web) fn with_cookie(state: &State, mut response: Response, signed: &SignedIn) -> Response {
    if let Some(value) = cookie::set(&signed.token, state.settings.behind_tls_proxy) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

pub async fn logout(Extract(state): Extract<State>, signed: Signed, headers: HeaderMap) -> Answer {
    end(&state, &signed, &headers).await?;
    Ok(without_cookie(&state, StatusCode::NO_CONTENT.into_response()))
}

/// Ends the sign-in of the request's cookie; a token has none.
pub(in crate::web) async fn end(state: &State, signed: &Signed, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(token) = cookie::token(headers) {
        sign_in::sign_out(&state.desk, &signed.caller, token).await?;
        state.stream.somebody_left();
    }
    Ok(())
}

pub(in crate::web) fn without_cookie(state: &State, mut response: Response) -> Response {
    if let Some(value) = cookie::clear(state.settings.behind_tls_proxy) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

pub async fn get(signed: Signed) -> Answer {
    let kind = match signed.caller.kind {
        CallerKind::Staff => "staff",
        CallerKind::Token | CallerKind::Command => "token",
    };
    Ok(plain(&Whoami {
        me: Me {
            id: signed.caller.actor.id,
            name: signed.caller.actor.name,
            username: signed.caller.username,
            role: signed.caller.role,
            team_id: signed.caller.team_id.map(|team| team.0),
            kind,
        },
        csrf_token: signed.csrf_token,
    }))
}
