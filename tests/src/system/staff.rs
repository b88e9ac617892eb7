//! Staff: invited, enrolled, and let in with a password and a code of an authenticator.

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::client::{Answer, Client};
use super::site::Site;

/// The password that everybody here has.
pub const PASSWORD: &str = "правильная лошадь";

/// One of staff who has chosen her secrets.
#[derive(Debug, Clone)]
pub struct Person {
    /// Her account.
    pub id: String,
    /// What she calls herself.
    pub login: String,
    /// Her TOTP secret, as an authenticator reads it.
    pub secret: String,
    /// Her recovery codes.
    pub recovery: Vec<String>,
}

impl Person {
    /// Somebody whom `inviter` makes an account for at `path`, and who chooses her secrets.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn enrolled(site: &Site, inviter: &Client, path: &str, login: &str, role: &str) -> Self {
        let invited = inviter.post(path, &json!({"login": login, "role": role})).await.data(201);
        let body = json!({"enrolment_token": invited["enrolment_token"], "password": PASSWORD});
        let enrolled = site.nobody().post("/auth/staff/enrol", &body).await.data(200);
        let again = site.nobody().post("/auth/staff/enrol", &body).await;
        assert_eq!((again.status, again.code()), (401, "UNAUTHENTICATED"), "a token is good once");
        let uri = enrolled["otpauth_uri"].as_str().expect("a URI").to_owned();
        let secret = uri.split("secret=").nth(1).and_then(|rest| rest.split('&').next()).expect("a secret");
        let codes = enrolled["recovery_codes"].as_array().expect("codes").iter();
        Self {
            id: invited["staff_id"].as_str().expect("an id").to_owned(),
            login: login.to_owned(),
            secret: secret.to_owned(),
            recovery: codes.map(|code| code.as_str().expect("a code").to_owned()).collect(),
        }
    }

    /// What her authenticator shows at a second of Unix time.
    ///
    /// # Panics
    /// When her secret is none.
    #[must_use]
    pub fn code(&self, unix: i64) -> String {
        let secret = Secret::try_from_base32(&self.secret).expect("a secret");
        let totp = Builder::new().with_secret(secret).build().expect("an authenticator");
        totp.generate(u64::try_from(unix).expect("after 1970")).to_string()
    }

    /// Tries to get in.
    pub async fn try_sign_in(&self, site: &Site, password: &str, code: &str) -> Answer {
        let body = json!({"login": self.login, "password": password, "code": code});
        site.nobody().post("/auth/staff/sign-in", &body).await
    }

    /// Gets in; the tokens.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn sign_in(&self, site: &Site, code: &str) -> Value {
        self.try_sign_in(site, PASSWORD, code).await.data(200)
    }
}

/// The caller of an access token.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn bearer(site: &Site, tokens: &Value) -> Client {
    site.nobody().with(format!("Bearer {}", tokens["access_token"].as_str().expect("a token")))
}
