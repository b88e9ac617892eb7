//! The address of a ClickHouse database.

use std::str::FromStr;

use clickhouse::Client;

use crate::error::AuditError;

/// Where a ClickHouse database is, and who asks. It holds a password, and is not shown.
#[derive(Clone)]
pub(super) struct Address {
    url: String,
    user: Option<String>,
    password: Option<String>,
    database: String,
}

impl Address {
    /// Somebody who asks there.
    pub(super) fn client(&self) -> Client {
        let mut client = Client::default().with_url(&self.url).with_database(&self.database);
        if let Some(user) = &self.user {
            client = client.with_user(user);
        }
        if let Some(password) = &self.password {
            client = client.with_password(password);
        }
        client
    }
}

fn wrong(why: &str) -> AuditError {
    AuditError::Input(format!(
        "--clickhouse-url {why}: it is to be http://USER:PASSWORD@HOST:8123/DATABASE, without USER:PASSWORD@ where none is asked for"
    ))
}

/// A part of an address as it is meant; `None` for what is no text.
fn decoded(part: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part.bytes());
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            bytes.extend(hex::decode([rest.next()?, rest.next()?]).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

impl FromStr for Address {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Self, AuditError> {
        if text.starts_with("https://") {
            return Err(wrong("begins with https://, which this program does not speak (take a tunnel)"));
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| wrong("does not begin with http://"))?;
        let (server, database) = rest.split_once('/').ok_or_else(|| wrong("names no database"))?;
        let (login, host) =
            server.rsplit_once('@').map_or((None, server), |(login, host)| (Some(login), host));
        let database = database.trim_end_matches('/');
        if host.is_empty() || database.is_empty() || database.contains(['/', '?', '#']) {
            return Err(wrong("names no server, no database, or more than these"));
        }
        let unreadable = || wrong("has a part that is no text");
        let read = |part: Option<&str>| part.map(|part| decoded(part).ok_or_else(unreadable)).transpose();
        let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
            None => (None, None),
            Some(Ok((user, password))) => (Some(user), Some(password)),
            Some(Err(user)) => (Some(user), None),
        };
        let database = decoded(database).ok_or_else(unreadable)?;
        Ok(Self { url: format!("http://{host}"), user: read(user)?, password: read(password)?, database })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, Option<String>, Option<String>, String)> {
        let Address { url, user, password, database } = text.parse().ok()?;
        Some((url, user, password, database))
    }

    #[test]
    fn an_address_is_taken_apart_and_what_is_none_is_not_shown() {
        let some = |text: &str| Some(text.to_owned());
        let own = |text: &str| text.to_owned();
        assert_eq!(
            parts("http://127.0.0.1:8123/own_circle"),
            Some((own("http://127.0.0.1:8123"), None, None, own("own_circle")))
        );
        assert_eq!(
            parts("http://auditor:s%40%3Acret@host:8123/own_circle/"),
            Some((own("http://host:8123"), some("auditor"), some("s@:cret"), own("own_circle")))
        );
        assert_eq!(
            parts("http://auditor@host/one"),
            Some((own("http://host"), some("auditor"), None, own("one")))
        );
        for none in [
            "",
            "host/one",
            "postgres://host/one",
            "https://secret@host/one",
            "http://secret@host",
            "http://secret@host/",
            "http://secret@/one",
            "http://secret@host/one?user=x",
            "http://secret%zz@host/one",
            "http://secret%4@host/one",
            "http://secret%ff@host/one",
        ] {
            let error = none.parse::<Address>().err().expect(none).to_string();
            assert!(error.contains("HOST:8123/DATABASE") && !error.contains("secret"), "{error}");
        }
    }
}
