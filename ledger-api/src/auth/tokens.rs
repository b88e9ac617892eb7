//! Access tokens of members and staff, and QR tokens: JWT, RS256 and nothing else.
//!
//! Why it is right: the algorithm is fixed and the key is found by `kid` among ours alone, so `none`, HMAC under a public
//! key and addresses in the header lead nowhere; times are whole numbers checked by the installation's clock; an access
//! token is no QR token and the other way round (`type`). A token that names an audience is not ours: ours name none.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use ledger_core::ids::{BusinessId, MemberId};
use ledger_core::member::status::Status;
use ledger_core::time::Timestamp;
use pii_vault::auth::{IssuedRefresh, SigningKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Caller, Role, Scopes};
use crate::problem::{ApiError, Cause};
use crate::settings;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenType {
    Access,
    Qr,
}

#[derive(Debug, Serialize, Deserialize)]
struct AccessClaims {
    sub: Uuid,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    biz: Option<Uuid>,
    /// The sign-in it is from: one that was ended takes its tokens with it, so a token of none is not good.
    sid: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
    #[serde(rename = "type")]
    kind: TokenType,
}

#[derive(Debug, Serialize, Deserialize)]
struct QrClaims {
    sub: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
    #[serde(rename = "type")]
    kind: TokenType,
}

/// A QR token whose signature is good; its time is the caller's to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QrToken {
    /// Whose.
    pub(crate) member_id: MemberId,
    /// Its id, good for one scan.
    pub(crate) jti: Uuid,
    /// Its last moment.
    pub(crate) expires_at: Timestamp,
}

/// The keys as the service uses them.
#[derive(Clone)]
pub(crate) struct TokenKeys {
    signing: Option<(String, EncodingKey)>,
    verifying: HashMap<String, DecodingKey>,
    jwks: serde_json::Value,
}

impl TokenKeys {
    /// The keys of the vault: the first signs, all verify.
    pub(crate) fn new(keys: &[SigningKey]) -> Result<Self, jsonwebtoken::errors::Error> {
        let mut signing = None;
        let mut verifying = HashMap::new();
        let mut public = Vec::new();
        for key in keys {
            if signing.is_none() && key.retired_at.is_none() {
                signing = Some((key.key_id.clone(), EncodingKey::from_rsa_pem(key.expose_pem().expose())?));
            }
            let (n, e) = (key.jwk_n(), key.jwk_e());
            verifying.insert(key.key_id.clone(), DecodingKey::from_rsa_components(&n, &e)?);
            public.push(serde_json::json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.key_id, "n": n, "e": e,
            }));
        }
        Ok(Self { signing, verifying, jwks: serde_json::json!({ "keys": public }) })
    }
}

/// Signs and checks tokens.
pub(crate) struct Tokens {
    keys: RwLock<Arc<TokenKeys>>,
    lives: settings::Tokens,
    rules: Validation,
}

impl Tokens {
    /// With these keys and lives.
    pub(crate) fn new(keys: TokenKeys, lives: settings::Tokens) -> Self {
        let mut rules = Validation::new(Algorithm::RS256);
        // Times are checked below, by the installation's clock.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.required_spec_claims.clear();
        Self { keys: RwLock::new(Arc::new(keys)), lives, rules }
    }

    fn keys(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Uses these keys from now on.
    pub(crate) fn replace(&self, keys: TokenKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The public keys.
    pub(crate) fn jwks(&self) -> serde_json::Value {
        self.keys().jwks.clone()
    }

    /// Seconds an access token is good.
    pub(crate) fn access_seconds(&self) -> i64 {
        self.lives.access_seconds
    }

    /// An access token of a member.
    pub(crate) fn access(
        &self,
        member: MemberId,
        session: Uuid,
        status: Status,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        self.access_of(member.as_uuid(), session, (Role::Member, Some(status), None), now)
    }

    /// An access token of one of staff, who has just signed in or come again.
    pub(crate) fn staff_access(
        &self,
        issued: &IssuedRefresh,
        role: Role,
        business: Option<BusinessId>,
        now: Timestamp,
    ) -> Result<String, ApiError> {
        self.access_of(issued.holder_id, issued.session_id, (role, None, business), now)
    }

    fn access_of(
        &self,
        sub: Uuid,
        session: Uuid,
        (role, status, business): (Role, Option<Status>, Option<BusinessId>),
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let iat = now.to_utc().timestamp();
        self.sign(&AccessClaims {
            sub,
            role,
            status,
            biz: business.map(|business| business.as_uuid()),
            sid: session,
            iat,
            exp: iat.saturating_add(self.lives.access_seconds),
            jti: Uuid::new_v4(),
            kind: TokenType::Access,
        })
    }

    /// A QR token of a member, and its last moment.
    pub(crate) fn qr(&self, member: MemberId, now: Timestamp) -> Result<(String, Timestamp), ApiError> {
        let iat = now.to_utc().timestamp();
        let exp = iat.saturating_add(self.lives.qr_seconds);
        let claims = QrClaims { sub: member.as_uuid(), iat, exp, jti: Uuid::new_v4(), kind: TokenType::Qr };
        Ok((self.sign(&claims)?, seconds(exp)))
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, ApiError> {
        let keys = self.keys();
        let none = ApiError::Unavailable(Cause::Impossible("no key signs tokens"));
        let (kid, key) = keys.signing.as_ref().ok_or(none)?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(kid.clone());
        encode(&header, claims, key)
            .map_err(|_| ApiError::Unavailable(Cause::Impossible("a token cannot be signed")))
    }

    fn verified<T: for<'de> Deserialize<'de>>(&self, token: &str) -> Option<T> {
        let header = decode_header(token).ok()?;
        let keys = self.keys();
        let key = keys.verifying.get(header.kid.as_deref()?)?;
        decode::<T>(token, key, &self.rules).ok().map(|token| token.claims)
    }

    /// Whose access token this is; `None` for anything that is not a good one now.
    pub(crate) fn caller(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let claims: AccessClaims = self.verified(token)?;
        let now = now.to_utc().timestamp();
        // A clock that was set back (dev) makes a token of the future: still signed by us, but not of this time.
        let in_time = claims.iat <= now && now < claims.exp;
        let business = claims.biz.map(BusinessId::from_uuid);
        let fits = match claims.role {
            Role::Member | Role::Support | Role::Analyst | Role::Admin | Role::Superadmin | Role::Auditor => {
                business.is_none()
            }
            Role::BusinessOwner | Role::BusinessManager | Role::BusinessStaff => business.is_some(),
            Role::Business => false,
        };
        (claims.kind == TokenType::Access && in_time && fits).then_some(Caller {
            role: claims.role,
            credential: claims.sub,
            business,
            session: Some(claims.sid),
            scopes: Scopes::ALL,
        })
    }

    /// A QR token with a good signature; `None` for anything else.
    pub(crate) fn scanned(&self, token: &str) -> Option<QrToken> {
        let claims: QrClaims = self.verified(token)?;
        (claims.kind == TokenType::Qr).then_some(QrToken {
            member_id: MemberId::from_uuid(claims.sub),
            jti: claims.jti,
            expires_at: seconds(claims.exp),
        })
    }
}

fn seconds(unix: i64) -> Timestamp {
    Timestamp::from_micros(unix.saturating_mul(1_000_000)).unwrap_or(Timestamp::BEGINNING)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

    use super::*;

    fn tokens(kid: &str) -> Tokens {
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
        use aws_lc_rs::encoding::AsDer;
        use aws_lc_rs::signature::KeyPair as _;
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().expect("der");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            base64::engine::general_purpose::STANDARD.encode(der.as_ref())
        );
        let public = pair.public_key();
        let n = B64.encode(public.modulus().big_endian_without_leading_zero());
        let e = B64.encode(public.exponent().big_endian_without_leading_zero());
        let keys = TokenKeys {
            signing: Some((kid.to_owned(), EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"))),
            verifying: [(kid.to_owned(), DecodingKey::from_rsa_components(&n, &e).expect("a key"))].into(),
            jwks: serde_json::json!({ "keys": [{ "kty": "RSA", "kid": kid, "n": n, "e": e }] }),
        };
        Tokens::new(keys, settings::Tokens::default())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn an_access_token_is_good_for_its_life_and_for_nothing_else() {
        let tokens = tokens("k1");
        let member = MemberId::from_uuid(Uuid::from_u128(7));
        let token = tokens
            .access(member, Uuid::from_u128(9), Status::Vip, at("2026-03-02T10:00:00Z"))
            .expect("a token");
        let caller = tokens.caller(&token, at("2026-03-02T10:14:59Z")).expect("good");
        assert_eq!((caller.role, caller.credential, caller.business), (Role::Member, member.as_uuid(), None));
        assert_eq!(tokens.caller(&token, at("2026-03-02T10:15:00Z")), None);
        assert_eq!(tokens.caller(&token, at("2026-03-02T09:59:59Z")), None);
        assert_eq!(tokens.scanned(&token), None);
        let (qr, expires_at) = tokens.qr(member, at("2026-03-02T10:00:00Z")).expect("a token");
        assert_eq!(expires_at, at("2026-03-02T10:01:00Z"));
        assert_eq!(tokens.scanned(&qr).map(|qr| qr.member_id), Some(member));
        assert_eq!(tokens.caller(&qr, at("2026-03-02T10:00:30Z")), None);
    }

    /// Battery, JWT: every way of forging one that its table names.
    #[test]
    fn battery_jwt_forged_tokens_are_nobody() {
        let tokens = tokens("k1");
        let other = self::tokens("k1");
        let now = at("2026-03-02T10:00:00Z");
        let member = MemberId::from_uuid(Uuid::from_u128(7));
        let good = tokens.access(member, Uuid::from_u128(9), Status::Insider, now).expect("a token");
        let payload = good.split('.').nth(1).expect("a payload").to_owned();
        let claims = B64.decode(&payload).expect("base64");
        let text = String::from_utf8(claims).expect("text");
        let head = |json: &str| B64.encode(json);
        let string_exp = B64.encode(text.replace("\"exp\":", "\"exp\":\"1\",\"x\":"));
        let with_aud = B64.encode(text.replacen('{', "{\"aud\":\"other\",", 1));
        let rs256 = head("{\"alg\":\"RS256\",\"kid\":\"k1\"}");
        for forged in [
            format!("{}.{payload}.", head("{\"alg\":\"none\",\"kid\":\"k1\"}")),
            format!("{}.{payload}.AAAA", head("{\"alg\":\"HS256\",\"kid\":\"k1\"}")),
            format!("{rs256}.{string_exp}.{}", good.rsplit('.').next().expect("a signature")),
            format!("{rs256}.{with_aud}.{}", good.rsplit('.').next().expect("a signature")),
            good.replacen('e', "f", 1),
            other.access(member, Uuid::from_u128(9), Status::Insider, now).expect("a token"),
            self::tokens("k2").access(member, Uuid::from_u128(9), Status::Insider, now).expect("a token"),
            String::new(),
            "a.b.c".to_owned(),
        ] {
            assert_eq!(tokens.caller(&forged, now), None, "{forged}");
        }
        assert!(tokens.caller(&good, now).is_some());
    }

    /// Battery, JWT: "HS/RS confusion". The public key is known to everybody: as an HMAC key it signs nothing.
    #[test]
    fn battery_jwt_signed_with_the_public_key_as_a_secret_is_nobody() {
        let tokens = tokens("k1");
        let now = at("2026-03-02T10:00:00Z");
        let member = MemberId::from_uuid(Uuid::from_u128(7));
        let good = tokens.access(member, Uuid::from_u128(9), Status::Insider, now).expect("a token");
        let claims = B64.decode(good.split('.').nth(1).expect("claims")).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("json");
        let jwks = tokens.jwks();
        let n = jwks["keys"][0]["n"].as_str().unwrap_or("n").to_owned();
        for secret in
            [n.clone().into_bytes(), B64.decode(&n).unwrap_or_default(), jwks.to_string().into_bytes()]
        {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let mut header = Header::new(algorithm);
                header.kid = Some("k1".to_owned());
                let forged = encode(&header, &claims, &EncodingKey::from_secret(&secret)).expect("signed");
                assert_eq!(tokens.caller(&forged, now), None, "{algorithm:?}");
            }
        }
    }

    /// A token says of which sign-in it is, and one of staff speaks for her business alone.
    #[test]
    fn a_token_of_staff_has_its_business_and_its_sign_in() {
        let tokens = tokens("k1");
        let now = at("2026-03-02T10:00:00Z");
        let iat = now.to_utc().timestamp();
        let caller = |role: &str, biz: Option<u128>| {
            let claims = serde_json::json!({
                "sub": Uuid::from_u128(7), "role": role, "biz": biz.map(Uuid::from_u128), "sid": Uuid::from_u128(9),
                "iat": iat, "exp": iat + 60, "jti": Uuid::from_u128(8), "type": "access",
            });
            tokens.caller(&tokens.sign(&claims).expect("signed"), now)
        };
        let cashier = caller("business_staff", Some(1)).expect("good");
        assert_eq!((cashier.role, cashier.session), (Role::BusinessStaff, Some(Uuid::from_u128(9))));
        assert_eq!(caller("business_staff", None), None, "of no business");
        assert_eq!(caller("admin", Some(1)), None, "the programme's, of a business");
        assert_eq!(caller("business", Some(1)), None, "a machine has a key and no token");
        assert_eq!(caller("owner_of_all", None), None);
    }

    /// Nobody could end it before its time.
    #[test]
    fn a_signed_token_of_no_sign_in_is_nobody() {
        let tokens = tokens("k1");
        let now = at("2026-03-02T10:00:00Z");
        let member = MemberId::from_uuid(Uuid::from_u128(7));
        let good = tokens.access(member, Uuid::from_u128(9), Status::Insider, now).expect("a token");
        let claims = B64.decode(good.split('.').nth(1).expect("claims")).expect("base64");
        let mut claims: serde_json::Value = serde_json::from_slice(&claims).expect("json");
        assert!(tokens.caller(&tokens.sign(&claims).expect("signed"), now).is_some());
        claims["sid"] = serde_json::Value::Null;
        assert_eq!(tokens.caller(&tokens.sign(&claims).expect("signed"), now), None);
        claims.as_object_mut().expect("claims").remove("sid");
        assert_eq!(tokens.caller(&tokens.sign(&claims).expect("signed"), now), None);
    }

    #[test]
    fn a_signed_token_with_an_audience_or_a_text_as_time_is_not_ours() {
        let tokens = tokens("k1");
        let now = at("2026-03-02T10:00:00Z");
        let iat = now.to_utc().timestamp();
        let claims = |exp: serde_json::Value, aud: Option<&str>| {
            let mut claims = serde_json::json!({
                "sub": Uuid::from_u128(7), "role": "member", "sid": Uuid::from_u128(9), "iat": iat, "exp": exp,
                "jti": Uuid::from_u128(8), "type": "access",
            });
            if let Some(aud) = aud {
                claims["aud"] = aud.into();
            }
            tokens.sign(&claims).expect("signed")
        };
        assert!(tokens.caller(&claims((iat + 60).into(), None), now).is_some());
        assert_eq!(tokens.caller(&claims((iat + 60).into(), Some("elsewhere")), now), None);
        assert_eq!(tokens.caller(&claims((iat + 60).to_string().into(), None), now), None);
    }
}
