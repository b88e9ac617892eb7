//! Values that several bodies share, as the OpenAPI document shows them: exactly what their readers take.

use ledger_core::category::Category;
use ledger_core::policy::Parameters;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// An amount above zero and up to 100 million, with up to two decimals: a text, or a number that is read exactly.
pub(crate) struct Amount;

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        text_or(
            Type::Number,
            r"^[0-9]+(\.[0-9]{1,2})?$",
            "3000.00",
            "Above zero, at most 100000000, with up to two decimals. A number is read exactly, never through a float.",
        )
    }
}

impl ToSchema for Amount {}

/// What a coupon gives: an amount or a percentage, as a text or a number that is read exactly; of a gift what it is.
pub(crate) struct CouponValue;

impl PartialSchema for CouponValue {
    fn schema() -> RefOr<Schema> {
        let text = "Roubles off, per cent off (above 0, up to 100), bonuses, or of a gift what it is (kept in the vault). A number is read exactly.";
        text_or(Type::Number, r"^.{1,500}$", "500.00", text)
    }
}

impl ToSchema for CouponValue {}

/// An amount up or down, but not nothing: a text, or a number that is read exactly.
pub(crate) struct SignedAmount;

impl PartialSchema for SignedAmount {
    fn schema() -> RefOr<Schema> {
        text_or(
            Type::Number,
            r"^-?[0-9]+(\.[0-9]{1,2})?$",
            "-150.00",
            "Not 0, at most 100000000 either way, with up to two decimals. A number is read exactly, never through a float.",
        )
    }
}

impl ToSchema for SignedAmount {}

/// A factor or a share: a text, or a number that is read exactly.
pub(crate) struct Factor;

impl PartialSchema for Factor {
    fn schema() -> RefOr<Schema> {
        text_or(
            Type::Number,
            r"^[0-9]+(\.[0-9]+)?$",
            "1.50",
            "A number is read exactly, never through a float.",
        )
    }
}

impl ToSchema for Factor {}

/// The version of a consent's text: a text, or a whole number.
pub(crate) struct Version;

impl PartialSchema for Version {
    fn schema() -> RefOr<Schema> {
        text_or(Type::Integer, "^.+$", "1", "The version of the text she saw.")
    }
}

impl ToSchema for Version {}

fn text_or(other: Type, pattern: &str, example: &str, description: &str) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example]);
    OneOfBuilder::new()
        .item(text)
        .item(ObjectBuilder::new().schema_type(other))
        .description(Some(description))
        .into()
}

/// What a business does.
pub(crate) fn categories() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What it does."))
        .enum_values(Some(Category::ALL.map(Category::as_str)))
        .build()
        .into()
}

/// Parameters of a policy by the names of the rule book.
pub(crate) fn parameters() -> Schema {
    let mut map = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("The parameters that change, by name; at least one."))
        .min_properties(Some(1))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    for name in Parameters::NAMES {
        map = map.property(*name, ObjectBuilder::new().schema_type(SchemaType::AnyValue));
    }
    map.build().into()
}

/// A moment in RFC 3339.
pub(crate) fn moment() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, with a zone."))
        .build()
        .into()
}

/// A moment in RFC 3339, or `null` to take it away.
pub(crate) fn moment_or_null() -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, with a zone; null takes it away."))
        .build()
        .into()
}

/// A moment of a till's own clock. Rule T6.
pub(crate) fn local_moment() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("RFC 3339; without a zone it is a Moscow clock's (`2024-03-02T10:00:00`)."))
        .examples(["2024-03-02T10:00:00"])
        .build()
        .into()
}

/// How a purchase came.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum Source {
    Manual,
    Api,
    Qr,
    Csv,
    Crm,
}

/// Whether a business is held to medical secrecy.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum Secrecy {
    Ordinary,
    Medical,
}
