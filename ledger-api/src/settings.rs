//! What `ledger-api` is told at start, checked before anything is opened.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger_ops::settings::{ClickHouse, Database, Kafka, Profile, Seal, Secret, SettingsError, load};
use ledger_ops::telemetry::LogFormat;
use ledger_store::seal::{NoWitnessKey, WitnessKey};
use pii_vault::keys::{self, KmsSettings};
use serde::Deserialize;

/// All settings of the service.
///
/// Sections that only other processes read are accepted and ignored, so that one file or environment serves them all.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    /// Which installation this is.
    #[serde(default)]
    pub(crate) profile: Profile,
    /// The log's database.
    pub(crate) ledger: Database,
    /// The read models' database.
    pub(crate) read: Database,
    /// The vault's database.
    pub(crate) vault: Database,
    /// The HTTP server.
    #[serde(default)]
    pub(crate) http: Http,
    /// Keys.
    #[serde(default)]
    pub(crate) secrets: Secrets,
    /// Tokens.
    #[serde(default)]
    pub(crate) tokens: Tokens,
    /// The `dev` profile's own.
    #[serde(default)]
    pub(crate) dev: Dev,
    /// For `migrate` alone.
    #[serde(default)]
    pub(crate) admin: Admin,
    /// How log lines look.
    #[serde(default)]
    pub(crate) log: Log,
    /// How the log's topic is divided, by which read models are ahead or behind.
    #[serde(default)]
    pub(crate) kafka: Option<Kafka>,
    /// Who seals the log: for `migrate`, which lets it in.
    #[serde(default)]
    pub(crate) seal: Option<Seal>,
    /// Whose cosignatures are taken.
    #[serde(default)]
    pub(crate) audit: Audit,
    /// Whether analytics is part of this installation.
    #[serde(default)]
    pub(crate) clickhouse: Option<ClickHouse>,
    /// Who operates it, as acts of destruction say.
    #[serde(default)]
    pub(crate) operator: Option<Operator>,
}

/// The operator of personal data (152-ФЗ), as its papers name it. Outside the `dev` profile nothing has a default: without it no
/// act can be drawn up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    /// Its name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) address: String,
    /// The name of the information system (ИСПДн).
    pub(crate) information_system: String,
    /// Who answers for destructions.
    pub(crate) responsible_name: String,
    /// As what.
    pub(crate) responsible_position: String,
    /// Who processes on its behalf, if anybody.
    #[serde(default)]
    pub(crate) processor_name: Option<String>,
    /// And where.
    #[serde(default)]
    pub(crate) processor_address: Option<String>,
}

impl Operator {
    /// A developer's.
    fn of_dev() -> Self {
        Self {
            name: "ООО «Свой круг» (разработка)".to_owned(),
            address: "Москва, адрес не указан".to_owned(),
            information_system: "Программа лояльности «Свой круг» (разработка)".to_owned(),
            responsible_name: "Ответственный не назначен".to_owned(),
            responsible_position: "Разработка".to_owned(),
            processor_name: None,
            processor_address: None,
        }
    }

    fn is_whole(&self) -> bool {
        let texts = [
            &self.name,
            &self.address,
            &self.information_system,
            &self.responsible_name,
            &self.responsible_position,
        ];
        texts.iter().all(|text| !text.trim().is_empty() && text.chars().count() <= 500)
            && self.processor_name.is_some() == self.processor_address.is_some()
    }
}

/// The HTTP server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// Address and port; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Worker threads.
    pub(crate) workers: usize,
    /// How long a GET waits for its read model, in milliseconds. Design J7.
    pub(crate) read_wait_ms: u64,
    /// Where to write the address once it is listening: for whoever started it with port 0.
    pub(crate) address_file: Option<PathBuf>,
    /// Seconds to finish what is under way when asked to stop.
    pub(crate) shutdown_seconds: u64,
    /// Lines of one import that are under way at the same time.
    pub(crate) import_in_flight: usize,
    /// Calls of one credential in a second, and as many at once. Off in the `dev` profile.
    pub(crate) calls_per_second: NonZeroU32,
    /// Origins whose pages may call from a browser, such as `https://app.example.org`; none unless named.
    pub(crate) cors_origins: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            workers: 2,
            read_wait_ms: 2_000,
            address_file: None,
            shutdown_seconds: 10,
            import_in_flight: 1_024,
            calls_per_second: const { NonZeroU32::new(500).expect("not zero") },
            cors_origins: Vec::new(),
        }
    }
}

/// Keys. Outside the `dev` profile none has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// The folder of the vault's keys.
    pub(crate) dir: Option<PathBuf>,
    /// The key service that has the vault's keys, in place of a folder.
    pub(crate) kms: Option<Kms>,
    /// 64 hexadecimal digits: keys the natural keys of purchases on the log. Rule D1, design L4.
    pub(crate) natural_key: Option<Secret>,
}

/// A key service with the API of HashiCorp Vault and OpenBao, behind its agent on this machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kms {
    /// `http://`, a loopback address and a port.
    address: String,
    /// The key of `transit` that wraps data keys.
    key: String,
    /// Where `transit` is mounted.
    #[serde(default = "Kms::transit_mount")]
    transit_mount: String,
    /// Where `kv` version 2 is mounted.
    #[serde(default = "Kms::secrets_mount")]
    secrets_mount: String,
    /// The folder of the named secrets in it.
    secrets_path: String,
    /// A token, where the agent adds none of its own.
    #[serde(default)]
    token: Option<Secret>,
    /// How long a call may take, in milliseconds.
    #[serde(default = "Kms::timeout_ms")]
    timeout_ms: u64,
}

impl Kms {
    fn transit_mount() -> String {
        "transit".to_owned()
    }

    fn secrets_mount() -> String {
        "secret".to_owned()
    }

    const fn timeout_ms() -> u64 {
        2_000
    }

    /// As the vault takes it.
    pub(crate) fn to_provider(&self) -> KmsSettings {
        let token = self.token.as_ref();
        KmsSettings {
            address: self.address.clone(),
            transit_mount: self.transit_mount.clone(),
            transit_key: self.key.clone(),
            secrets_mount: self.secrets_mount.clone(),
            secrets_path: self.secrets_path.clone(),
            token: token.map(|token| keys::Secret::new(token.reveal().as_bytes().to_vec())),
            patience: Duration::from_millis(self.timeout_ms),
        }
    }
}

/// Lives of tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokens {
    /// Seconds an access token is good.
    pub(crate) access_seconds: i64,
    /// Seconds a QR token is good.
    pub(crate) qr_seconds: i64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { access_seconds: 900, qr_seconds: 60 }
    }
}

/// The `dev` profile's own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dev {
    /// Becomes a superadmin's API key at start.
    pub(crate) admin_key: Option<Secret>,
}

/// Who watches the log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// The keys of witnesses, with commas between, as `ledger-audit witness-key` prints them.
    pub(crate) witnesses: String,
}

/// For `migrate`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// The PostgreSQL owner's address.
    pub(crate) url: Option<Secret>,
}

/// How log lines look.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Text or JSON.
    pub(crate) format: LogFormat,
}

/// A scheme, a host and perhaps a port: what a browser says of a page. A star is none.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:".contains(&byte);
    !host.is_empty() && host.bytes().all(fits)
}

impl Settings {
    /// Reads and checks the settings.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, SettingsError> {
        let settings: Self = load(file)?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |key, right: &str| Err(SettingsError::Wrong { key, right: right.to_owned() });
        for (key, database) in
            [("ledger.url", &self.ledger), ("read.url", &self.read), ("vault.url", &self.vault)]
        {
            let url = database.url.reveal();
            if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
                return wrong(key, "must be an address such as postgres://user:password@host:port/database");
            }
        }
        if !(1..=64).contains(&self.http.workers) {
            return wrong("http.workers", "must be from 1 to 64");
        }
        if self.http.read_wait_ms > 60_000 {
            return wrong("http.read_wait_ms", "must be at most 60000");
        }
        if !(1..=10_000).contains(&self.http.import_in_flight) {
            return wrong("http.import_in_flight", "must be from 1 to 10000");
        }
        if !self.http.cors_origins.iter().all(|origin| is_origin(origin)) {
            return wrong(
                "http.cors_origins",
                "must be origins such as https://app.example.org, without a path",
            );
        }
        if !(60..=86_400).contains(&self.tokens.access_seconds) {
            return wrong("tokens.access_seconds", "must be from 60 to 86400");
        }
        if !(5..=600).contains(&self.tokens.qr_seconds) {
            return wrong("tokens.qr_seconds", "must be from 5 to 600");
        }
        if self.profile == Profile::Production && self.dev.admin_key.is_some() {
            return wrong("dev.admin_key", "must not be set outside the dev profile");
        }
        if self.dev.admin_key.as_ref().is_some_and(|key| key.reveal().len() < 8 || key.reveal().len() > 200) {
            return wrong("dev.admin_key", "must have 8 to 200 characters");
        }
        if self.operator.as_ref().is_some_and(|operator| !operator.is_whole()) {
            return wrong(
                "operator",
                "must have name, address, information_system, responsible_name and responsible_position, of at most 500 \
                 characters each, and a processor's name and address together",
            );
        }
        self.natural_key()?;
        self.witnesses()?;
        match &self.secrets.kms {
            None => self.secrets_dir().map(|_| ()),
            Some(_) if self.secrets.dir.is_some() => {
                wrong("secrets.dir", "must not be set beside secrets.kms: keys come from one place")
            }
            // A request may wait for it within a transaction, which the server ends after 10 s.
            Some(kms) if !(100..=5_000).contains(&kms.timeout_ms) => {
                wrong("secrets.kms.timeout_ms", "must be from 100 to 5000")
            }
            Some(_) => Ok(()),
        }
    }

    /// The key of the natural keys.
    pub(crate) fn natural_key(&self) -> Result<[u8; 32], SettingsError> {
        let wrong = || SettingsError::Wrong {
            key: "secrets.natural_key",
            right: "must be 64 hexadecimal digits (32 random bytes)".to_owned(),
        };
        let mut key = [0; 32];
        match (&self.secrets.natural_key, self.profile) {
            (Some(text), _) => hex::decode_to_slice(text.reveal(), &mut key).map_err(|_| wrong())?,
            // A developer's ledger has nobody's numbers in it.
            (None, Profile::Dev) => key = *b"the dev profile's natural key 00",
            (None, Profile::Production) => return Err(wrong()),
        }
        Ok(key)
    }

    /// The keys of the witnesses whose cosignatures are taken.
    pub(crate) fn witnesses(&self) -> Result<Vec<WitnessKey>, SettingsError> {
        let listed = self.audit.witnesses.split(',').filter(|key| !key.trim().is_empty());
        let keys: Result<_, NoWitnessKey> = listed.map(str::parse).collect();
        keys.map_err(|wrong| SettingsError::Wrong { key: "audit.witnesses", right: wrong.to_string() })
    }

    /// Who operates this installation, if it says so.
    pub(crate) fn operator(&self) -> Option<Operator> {
        match self.profile {
            Profile::Dev => Some(self.operator.clone().unwrap_or_else(Operator::of_dev)),
            Profile::Production => self.operator.clone(),
        }
    }

    /// The folder of the vault's keys.
    pub(crate) fn secrets_dir(&self) -> Result<PathBuf, SettingsError> {
        match (&self.secrets.dir, self.profile) {
            (Some(dir), _) => Ok(dir.clone()),
            (None, Profile::Dev) => Ok(PathBuf::from(".own-circle/keys")),
            (None, Profile::Production) => Err(SettingsError::Wrong {
                key: "secrets.dir",
                right: "must name the folder of the vault's keys".to_owned(),
            }),
        }
    }
}
