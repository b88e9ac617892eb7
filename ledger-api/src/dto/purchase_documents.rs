//! Purchase documents as the OpenAPI document shows them; `purchases.rs` reads them, and a test holds the two together.

use utoipa::openapi::schema::{AnyOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::values::{Amount, Source, local_moment, moment};

/// Ways of naming the member, each alone.
macro_rules! selectors {
    ($($(#[$doc:meta])* $name:ident { $($fields:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "documents fields")]
        pub(crate) struct $name { $($fields)* }
    )*};
}

selectors! {
    /// By id.
    ById { member_id: Uuid }
    /// By phone, in any common form.
    ByPhone { phone: String }
    /// By the code she shows, as scanned.
    ByQr {
        #[schema(max_length = 2000)]
        qr: String,
    }
    /// By HMAC-SHA-256 of the E.164 phone under the key shared with the business, hexadecimal.
    ByPhoneHash {
        #[schema(pattern = "^[0-9a-f]{64}$")]
        phone_hash: String,
    }
    /// By id, with the moment since when she is a member.
    PastById {
        member_id: Uuid,
        #[schema(schema_with = local_moment, required = false)]
        registered_at: String,
    }
    /// By phone, with the moment since when she is a member.
    PastByPhone {
        phone: String,
        #[schema(schema_with = local_moment, required = false)]
        registered_at: String,
    }
}

/// How a document names the member.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) enum MemberSelector {
    Id(ById),
    Phone(ByPhone),
    Qr(ByQr),
    PhoneHash(ByPhoneHash),
}

/// How a line of an import names the member.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) enum PastMember {
    Id(PastById),
    Phone(PastByPhone),
}

/// The documents of a purchase: the fields that all have, and each one's own.
macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident { $($own:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "documents fields")]
        pub(crate) struct $name {
            /// The partner's own number.
            #[schema(max_length = 128, min_length = 1)]
            external_id: String,
            /// Which of the partner's systems; `api` when absent.
            #[schema(max_length = 32, min_length = 1, nullable = false)]
            source_system: Option<String>,
            /// Orders edits; 1 when absent.
            #[schema(minimum = 1, nullable = false)]
            revision: Option<i32>,
            /// Whether the purchase is void.
            #[schema(nullable = false)]
            cancelled: Option<bool>,
            /// The bill.
            amount: Amount,
            /// The hold it captures.
            #[schema(nullable = false)]
            redemption_id: Option<Uuid>,
            /// How much of the hold; the rest is released.
            #[schema(nullable = false)]
            redeem_amount: Option<Amount>,
            /// An activation code.
            #[schema(max_length = 32, min_length = 1, nullable = false)]
            coupon_code: Option<String>,
            /// How it came.
            #[schema(nullable = false)]
            source: Option<Source>,
            $($own)*
        }
    )*};
}

documents! {
    /// A purchase at an ordinary business.
    OrdinaryPurchase {
        member: MemberSelector,
        #[schema(schema_with = moment)]
        occurred_at: String,
        /// Accepted, not stored.
        #[schema(max_length = 1000, nullable = false)]
        description: Option<String>,
        /// Only from an admin, who must: id or slug.
        #[schema(max_length = 64, nullable = false)]
        business_id: Option<String>,
    }
    /// A purchase at a medical business: any other field is 422 FIELD_NOT_ALLOWED.
    MedicalPurchase {
        member: MemberSelector,
        #[schema(schema_with = moment)]
        occurred_at: String,
        /// Only from an admin, who must: id or slug.
        #[schema(max_length = 64, nullable = false)]
        business_id: Option<String>,
    }
    /// A purchase at an ordinary business, of the member whose code was scanned.
    OrdinaryScan {
        /// As scanned.
        #[schema(max_length = 2000)]
        qr: String,
        #[schema(schema_with = moment)]
        occurred_at: String,
        /// Accepted, not stored.
        #[schema(max_length = 1000, nullable = false)]
        description: Option<String>,
        /// Only from an admin, who must: id or slug.
        #[schema(max_length = 64, nullable = false)]
        business_id: Option<String>,
    }
    /// A purchase at a medical business, of the member whose code was scanned.
    MedicalScan {
        /// As scanned.
        #[schema(max_length = 2000)]
        qr: String,
        #[schema(schema_with = moment)]
        occurred_at: String,
        /// Only from an admin, who must: id or slug.
        #[schema(max_length = 64, nullable = false)]
        business_id: Option<String>,
    }
    /// A past purchase at an ordinary business.
    OrdinaryLine {
        member: PastMember,
        #[schema(schema_with = local_moment)]
        occurred_at: String,
        /// Accepted, not stored.
        #[schema(max_length = 1000, nullable = false)]
        description: Option<String>,
        /// Slug or id.
        #[schema(max_length = 64)]
        business_id: String,
    }
    /// A past purchase at a medical business.
    MedicalLine {
        member: PastMember,
        #[schema(schema_with = local_moment)]
        occurred_at: String,
        /// Slug or id.
        #[schema(max_length = 64)]
        business_id: String,
    }
}

/// Documents of which a business's own kind says which one it may send. A medical one's fields are among an ordinary one's,
/// so a document may well be both.
macro_rules! either {
    ($($(#[$doc:meta])* $name:ident: $ordinary:ident or $medical:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                AnyOfBuilder::new()
                    .item(Ref::from_schema_name($ordinary::name()))
                    .item(Ref::from_schema_name($medical::name()))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push(($ordinary::name().into_owned(), $ordinary::schema()));
                schemas.push(($medical::name().into_owned(), $medical::schema()));
                $ordinary::schemas(schemas);
                $medical::schemas(schemas);
            }
        }
    )*};
}

either! {
    /// A purchase.
    PurchaseDocument: OrdinaryPurchase or MedicalPurchase;
    /// A purchase of the member whose code was scanned.
    Scan: OrdinaryScan or MedicalScan;
    /// One line of an import.
    ImportLine: OrdinaryLine or MedicalLine;
}

/// Purchases, each the body of a single call.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct Batch {
    /// Those of one member take effect in this order.
    #[schema(min_items = 1, max_items = 1000)]
    transactions: Vec<PurchaseDocument>,
}
