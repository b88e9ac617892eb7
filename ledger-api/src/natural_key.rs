//! Keys and fingerprints of idempotency. Rule D1, design L4.
//!
//! Keys are HMAC-SHA-256 under the installation's secret, so the log says nothing of a partner's own numbers. Parts are
//! preceded by their length: no two lists of parts give the same bytes. Fingerprints are SHA-256 over what was asked,
//! after look-up: an id stands where a phone stood.

use aws_lc_rs::{digest, hmac};
use ledger_core::ids::{BusinessId, MemberId, NaturalKey, SourceKey};
use ledger_core::member::command::PurchaseDocument;
use uuid::Uuid;

/// The system of a document that names none (`api.md`).
pub(crate) const DEFAULT_SOURCE: &str = "api";

/// Makes keys.
pub(crate) struct Keyed {
    key: hmac::Key,
}

impl Keyed {
    /// With the installation's secret.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&length(part));
            context.update(part);
        }
        array(context.sign().as_ref())
    }

    /// The natural key of a purchase. Rule D1.
    pub(crate) fn purchase(
        &self,
        business: BusinessId,
        source_system: &str,
        external_id: &str,
    ) -> NaturalKey {
        let business = business.as_uuid();
        let parts =
            [b"purchase", business.as_bytes().as_slice(), source_system.as_bytes(), external_id.as_bytes()];
        NaturalKey::from_bytes(self.mac(&parts))
    }

    /// Which of the business's systems `source_system` is; none for the one that documents come from which name none. Rule D5.
    pub(crate) fn source(&self, business: BusinessId, source_system: &str) -> Option<SourceKey> {
        let business = business.as_uuid();
        let parts = [b"source", business.as_bytes().as_slice(), source_system.as_bytes()];
        (source_system != DEFAULT_SOURCE).then(|| {
            let mut key = [0; 8];
            key.iter_mut().zip(self.mac(&parts)).for_each(|(byte, of_mac)| *byte = of_mac);
            SourceKey::from_bytes(key)
        })
    }

    /// The key of a refund, in a scope of its own. Rules D1, F1.
    pub(crate) fn refund(&self, business: BusinessId, source_system: &str, external_id: &str) -> [u8; 32] {
        let business = business.as_uuid();
        self.mac(&[b"refund", business.as_bytes(), source_system.as_bytes(), external_id.as_bytes()])
    }

    /// The natural key of a payment, by its own number: through the payment system that would lead to a person.
    pub(crate) fn payment(&self, payment_ref: &str) -> NaturalKey {
        NaturalKey::from_bytes(self.mac(&[b"payment", payment_ref.as_bytes()]))
    }

    /// The code of a coupon as somebody typed it: blanks around it and small letters do not matter. Anything else is another
    /// code, and nobody's.
    pub(crate) fn coupon_code(&self, typed: &str) -> NaturalKey {
        NaturalKey::from_bytes(self.mac(&[b"coupon code", typed.trim().to_ascii_uppercase().as_bytes()]))
    }

    /// The key of a request by its header, in the scope of the credential's owner and the route: which call, and what it
    /// is `about`, however the address names that. Design L4.
    pub(crate) fn request(
        &self,
        owner: Uuid,
        operation: &str,
        about: Option<Uuid>,
        header: &str,
    ) -> [u8; 32] {
        let about = about.as_ref().map_or(&[][..], |id| id.as_bytes());
        self.mac(&[b"request", owner.as_bytes(), operation.as_bytes(), about, header.as_bytes()])
    }
}

/// A fingerprint of what was asked.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&length(part));
        context.update(part);
    }
    array(context.finish().as_ref())
}

/// The fingerprint of a purchase document: exactly the fields of design L4.
pub(crate) fn purchase_fingerprint(member: MemberId, document: &PurchaseDocument) -> [u8; 32] {
    let redemption = document.redemption_id.map(|id| id.as_uuid());
    let redeem_amount = document.redeem_amount.map(|amount| amount.kopecks().to_be_bytes());
    fingerprint(&[
        member.as_uuid().as_bytes(),
        &document.amount.kopecks().to_be_bytes(),
        &document.occurred_at.micros().to_be_bytes(),
        redemption.as_ref().map_or(&[], |id| id.as_bytes().as_slice()),
        redeem_amount.as_ref().map_or(&[], <[u8; 8]>::as_slice),
        document.coupon_code.as_ref().map_or(&[], |code| code.as_bytes().as_slice()),
        &[u8::from(document.cancelled)],
    ])
}

fn length(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// SHA-256 values have 32 bytes by definition.
fn array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_d1_no_two_documents_share_a_key() {
        let keyed = Keyed::new(&[7; 32]);
        let business = BusinessId::from_uuid(Uuid::from_u128(1));
        let other = BusinessId::from_uuid(Uuid::from_u128(2));
        let key = |business, system: &str, id: &str| keyed.purchase(business, system, id);
        let base = key(business, "api", "r1");
        assert_eq!(base, key(business, "api", "r1"));
        for different in [key(other, "api", "r1"), key(business, "apir", "1"), key(business, "", "apir1")] {
            assert_ne!(base, different);
        }
        assert_ne!(base, Keyed::new(&[8; 32]).purchase(business, "api", "r1"));
    }

    #[test]
    fn rule_d5_a_system_is_known_by_its_business_and_its_name() {
        let keyed = Keyed::new(&[7; 32]);
        let business = BusinessId::from_uuid(Uuid::from_u128(1));
        let other = BusinessId::from_uuid(Uuid::from_u128(2));
        let crm = keyed.source(business, "crm");
        assert_eq!(crm, keyed.source(business, "crm"));
        assert_eq!(keyed.source(business, "api"), None);
        for different in [keyed.source(other, "crm"), keyed.source(business, "pos"), None] {
            assert_ne!(crm, different);
        }
    }

    #[test]
    fn rule_c2_a_code_may_be_typed_in_small_letters_and_look_alikes_are_other_codes() {
        let keyed = Keyed::new(&[7; 32]);
        for same in ["AB2C34", "ab2c34", " Ab2c34\u{a0}"] {
            assert_eq!(keyed.coupon_code(same), keyed.coupon_code("AB2C34"), "{same}");
        }
        for other in ["АВ2С34", "AB2C35", "AB2C3", "AB2C34A", "ＡＢ2C34", "AB2 C34"] {
            assert_ne!(keyed.coupon_code(other), keyed.coupon_code("AB2C34"), "{other}");
        }
    }

    #[test]
    fn design_l4_a_header_counts_for_its_owner_and_route_alone() {
        let keyed = Keyed::new(&[7; 32]);
        let key = |owner, operation: &str, about: Option<u128>, header: &str| {
            let about = about.map(Uuid::from_u128);
            keyed.request(Uuid::from_u128(owner), operation, about, header)
        };
        let base = key(1, "SetMultiplier", Some(7), "k1");
        assert_eq!(base, key(1, "SetMultiplier", Some(7), "k1"));
        for different in [
            key(2, "SetMultiplier", Some(7), "k1"),
            key(1, "IssueKey", Some(7), "k1"),
            key(1, "SetMultiplier", Some(8), "k1"),
            key(1, "SetMultiplier", None, "k1"),
            key(1, "SetMultiplier", Some(7), "k2"),
        ] {
            assert_ne!(base, different);
        }
    }
}
