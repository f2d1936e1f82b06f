//! What we send is described by the types that it is written from.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::wire::receipt::Receipt;
use crate::wire::request::Request;
use crate::wire::unit_plan::UnitPlan;

pub(super) fn receipt() -> Value {
    of::<Receipt>()
}

pub(super) fn plan() -> Value {
    of::<UnitPlan<'static>>()
}

pub(super) fn request() -> Value {
    of::<Request>()
}

/// The type's schema, with those of the types in it beside it.
fn of<T: ToSchema>() -> Value {
    let mut nested = Vec::new();
    T::schemas(&mut nested);
    let mut schema = plain(&T::schema());
    if !nested.is_empty() {
        let definitions: serde_json::Map<String, Value> = nested
            .iter()
            .map(|(name, schema)| (name.clone(), plain(schema)))
            .collect();
        schema["$defs"] = definitions.into();
    }
    schema
}

fn plain(schema: &RefOr<Schema>) -> Value {
    // A schema of utoipa's own is always JSON; were it not, the tests would find the null.
    let mut value = serde_json::to_value(schema).unwrap_or(Value::Null);
    point_inside(&mut value);
    value
}

/// An `OpenAPI` document keeps its schemas elsewhere than a schema does.
fn point_inside(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            if let Some(Value::String(reference)) = keys.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/$defs/");
            }
            keys.values_mut().for_each(point_inside);
        }
        Value::Array(items) => items.iter_mut().for_each(point_inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
