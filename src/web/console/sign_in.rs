//! The sign-in page: a form of its own, the same attempt as the API's. A refused form keeps the name that was typed.

use askama::Template;
use axum::Form;
use axum::extract::State as Extract;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::page;
use crate::web::State;
use crate::web::api::me::{attempt, end, with_cookie, without_cookie};
use crate::web::api::secret;
use crate::web::guard::{CallerAddress, Signed};
use crate::web::problem::{CSRF, Problem};

#[derive(Debug, Template)]
#[template(path = "sign_in.html", config = ".askama.toml")]
struct Page {
    service_name: String,
    username: String,
    wrong: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Credentials {
    username: String,
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct SignOut {
    csrf_token: String,
}

pub async fn get(Extract(state): Extract<State>) -> Response {
    show(&state, StatusCode::OK, String::new(), None)
}

pub async fn post(
    Extract(state): Extract<State>,
    address: CallerAddress,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(credentials)) = form else {
        let wrong = "Fill in both user name and password.".to_owned();
        return show(&state, StatusCode::BAD_REQUEST, String::new(), Some(wrong));
    };
    match attempt(&state, address, &credentials.username, credentials.password).await {
        Ok(signed) => with_cookie(&state, Redirect::to("/").into_response(), &signed),
        Err(problem) => {
            let wrong = problem.detail().to_owned();
            show(&state, problem.status(), credentials.username, Some(wrong))
        }
    }
}

/// The form carries its token in a field, since a page without scripts sends no header.
pub async fn out(
    Extract(state): Extract<State>,
    signed: Signed,
    headers: HeaderMap,
    form: Result<Form<SignOut>, FormRejection>,
) -> Result<Response, Problem> {
    let said = form.map_or_else(|_| String::new(), |Form(form)| form.csrf_token);
    let expected = signed.csrf_token.clone().unwrap_or_default();
    if !bool::from(said.as_bytes().ct_eq(expected.as_bytes())) {
        return Err(Problem::new(
            &CSRF,
            "The form is not of this sign-in: go back and try again.",
        ));
    }
    end(&state, &signed, &headers).await?;
    Ok(without_cookie(&state, Redirect::to("/sign-in").into_response()))
}

fn show(state: &State, status: StatusCode, username: String, wrong: Option<String>) -> Response {
    page(
        status,
        &Page {
            service_name: state.settings.service_name.clone(),
            username,
            wrong,
        },
    )
}
