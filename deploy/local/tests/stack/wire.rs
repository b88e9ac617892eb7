//! Just enough of each server's protocol to ask it something, so that the crate's tests need no client library.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What a PostgreSQL server answers: its version, and the first column of the first row.
pub(crate) struct PostgresAnswer {
    pub(crate) version: String,
    pub(crate) value: Option<String>,
    pub(crate) error: Option<String>,
}

/// Logs in with the URL's account and runs one statement.
pub(crate) fn postgres(url: &str, statement: &str) -> PostgresAnswer {
    let (account, place) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (user, password) = account.split_once(':').unwrap();
    let (address, database) = place.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let startup = [&[0, 3, 0, 0][..], format!("user\0{user}\0database\0{database}\0\0").as_bytes()].concat();
    stream.write_all(&(u32::try_from(startup.len()).unwrap() + 4).to_be_bytes()).unwrap();
    stream.write_all(&startup).unwrap();
    let mut answer = PostgresAnswer { version: String::new(), value: None, error: None };
    let mut asked = false;
    loop {
        // A server that shuts down says why and hangs up.
        let Some((kind, body)) = message(&mut stream) else { return answer };
        match kind {
            // 3: the password as it is; 0: welcome.
            b'R' if body.starts_with(&[0, 0, 0, 3]) => send(&mut stream, b'p', password),
            b'S' => {
                let text = String::from_utf8_lossy(&body).into_owned();
                if let Some(version) = text.strip_prefix("server_version\0") {
                    answer.version = version.trim_end_matches('\0').to_owned();
                }
            }
            b'D' if answer.value.is_none() => {
                answer.value = Some(String::from_utf8(body[6..].to_vec()).unwrap())
            }
            b'E' => {
                answer.error = Some(String::from_utf8_lossy(&body).into_owned());
                if !asked {
                    return answer;
                }
            }
            b'Z' if asked => return answer,
            b'Z' => {
                send(&mut stream, b'Q', statement);
                asked = true;
            }
            _ => {}
        }
    }
}

fn message(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0_u8; 5];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut body).ok()?;
    Some((head[0], body))
}

fn send(stream: &mut TcpStream, kind: u8, text: &str) {
    let length = (u32::try_from(text.len()).unwrap() + 5).to_be_bytes();
    stream.write_all(&[&[kind][..], &length, text.as_bytes(), &[0]].concat()).unwrap();
}

/// The body of a ClickHouse answer to one statement.
pub(crate) fn clickhouse(url: &str, statement: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = statement.len();
    write!(stream, "POST / HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{statement}")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split_once("\r\n\r\n").unwrap().1.trim().to_owned()
}

/// The numbers of the requests a Kafka broker understands.
pub(crate) fn kafka_requests(address: &str) -> Vec<i16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xFF, 0xFF]).unwrap();
    let mut length = [0_u8; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(body[..6], [0, 0, 0, 7, 0, 0], "correlation id 7, no error");
    body[10..].chunks_exact(6).map(|entry| i16::from_be_bytes([entry[0], entry[1]])).collect()
}

/// Waits until `last()` is `wanted`; says the last value if it never is.
pub(crate) fn eventually<T: PartialEq + std::fmt::Debug>(wanted: &T, limit: Duration, last: impl Fn() -> T) {
    let begun = Instant::now();
    loop {
        let value = last();
        if value == *wanted {
            return;
        }
        assert!(begun.elapsed() < limit, "wanted {wanted:?}, last seen {value:?}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Command lines of the living processes that mention a folder (zombies have none).
pub(crate) fn processes_of(folder: &std::path::Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(folder)).collect()
}
