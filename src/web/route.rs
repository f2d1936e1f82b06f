//! A route says in one place what it is called, who may call it, what it takes and what it answers; the router, the guard
//! and the `OpenAPI` document are all made from that.

use std::fmt;

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Ref, RefOr, Required, Schema, Type};
use utoipa::{IntoParams, ToSchema};

use super::State;
use super::api::ListOf;
use super::openapi::text_parameter;
use crate::domain::staff::Role;

/// Who may call a route. Nobody may call what has no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    Anyone,
    SignedIn,
    Roles(&'static [Role]),
    /// Whoever `http.metrics` lets in; beside them who answers for the service.
    Scrapers,
}

/// Who may look at the service's numbers from anywhere.
pub const WATCHERS: &[Role] = &[Role::Manager, Role::Administrator];

impl Allow {
    pub fn admits(self, role: Option<Role>) -> bool {
        match (self, role) {
            (Self::Anyone, _) | (Self::SignedIn, Some(_)) => true,
            (Self::Roles(roles), Some(role)) => role == Role::Admin || roles.contains(&role),
            (Self::Scrapers, Some(role)) => role == Role::Admin || WATCHERS.contains(&role),
            (Self::SignedIn | Self::Roles(_) | Self::Scrapers, None) => false,
        }
    }
}

/// How a look, or a refused attempt at anything, is called on record. An act that is done is on record by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnRecord {
    /// `sessions.read`.
    pub act: &'static str,
    /// What `{id}` of the path names.
    pub subject: &'static str,
}

/// Which versions a change says that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rests {
    /// `If-Match`.
    OnVersion,
    /// `If-None-Match: *` or `If-Match`.
    OnVersionOrNone,
    /// `If-Match`, where the caller likes.
    OnVersionIfSent,
}

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub allow: Allow,
    /// A page or another thing outside the API, which the document leaves out of its schemas.
    pub media: &'static str,
    /// A form that carries the sign-in's token in a field of its own.
    pub form: bool,
    /// Whatever tells of patients has it; the answer then says of whom.
    pub on_record: Option<OnRecord>,
    /// A probe: whoever is answered 429 by one restarts what is well.
    pub unlimited: bool,
    pub summary: &'static str,
    pub status: u16,
    pub rests: Option<Rests>,
    pub parameters: Vec<Parameter>,
    pub takes: Option<RefOr<Schema>>,
    pub answers: Option<RefOr<Schema>>,
    pub schemas: Vec<(String, RefOr<Schema>)>,
    pub(super) handler: MethodRouter<State>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} for {:?}", self.method, self.path, self.allow)
    }
}

impl Route {
    pub fn new<H, T>(method: Method, path: &'static str, allow: Allow, handler: H) -> Self
    where
        H: Handler<T, State>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            // HEAD is answered by axum from GET.
            _ => MethodFilter::GET,
        };
        Self {
            status: if method == Method::POST { 201 } else { 200 },
            method,
            path,
            allow,
            media: "application/json",
            form: false,
            on_record: None,
            unlimited: false,
            summary: "",
            rests: None,
            parameters: Vec::new(),
            takes: None,
            answers: None,
            schemas: Vec::new(),
            handler: on(filter, handler),
        }
    }

    pub fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn media(self, media: &'static str) -> Self {
        Self { media, ..self }
    }

    /// A change that names the version it rests on.
    pub fn rests(self, rests: Rests) -> Self {
        Self {
            rests: Some(rests),
            ..self
        }
    }

    /// It tells of patients.
    pub fn on_record(self, act: &'static str, subject: &'static str) -> Self {
        Self {
            on_record: Some(OnRecord { act, subject }),
            ..self
        }
    }

    pub fn unlimited(self) -> Self {
        Self {
            unlimited: true,
            ..self
        }
    }

    pub fn form(self) -> Self {
        Self { form: true, ..self }
    }

    pub fn query<Q: IntoParams>(mut self) -> Self {
        for mut parameter in Q::into_params(|| Some(ParameterIn::Query)) {
            parameter.schema = parameter.schema.map(without_null);
            self.parameters.push(parameter);
        }
        self
    }

    /// A header that the caller may send.
    pub fn header(mut self, name: &str) -> Self {
        self.parameters
            .push(text_parameter(name, ParameterIn::Header, Required::False));
        self
    }

    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(self.schema::<T>());
        self
    }

    pub fn answers<T: ToSchema>(mut self) -> Self {
        self.answers = Some(self.schema::<T>());
        self
    }

    /// Answers one page of them.
    pub fn lists<T: ToSchema>(mut self) -> Self {
        self.schema::<T>();
        let (name, schema) = ListOf::<T>::described();
        self.answers = Some(RefOr::Ref(Ref::from_schema_name(&name)));
        self.schemas.push((name, schema));
        self
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        T::schemas(&mut self.schemas);
        self.schemas.push((name.clone(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(name))
    }
}

/// What may be left out of a query can still not be null there.
fn without_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::OneOf(mut one_of)) if one_of.items.len() == 2 => {
            let is_null = |item: &RefOr<Schema>| match item {
                RefOr::T(Schema::Object(object)) => object.schema_type == SchemaType::Type(Type::Null),
                _ => false,
            };
            one_of.items.retain(|item| !is_null(item));
            match one_of.items.pop() {
                Some(only) if one_of.items.is_empty() => only,
                item => {
                    one_of.items.extend(item);
                    RefOr::T(Schema::OneOf(one_of))
                }
            }
        }
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let Some(only) = types.iter().find(|one| **one != Type::Null)
            {
                object.schema_type = SchemaType::Type(only.clone());
            }
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}
