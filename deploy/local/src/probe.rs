//! Questions that only a server which really works answers. Each is one short exchange by hand over TCP, so the
//! stack needs no client library.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

const EXCHANGE_LIMIT: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const PROTOCOL_3: [u8; 4] = [0, 3, 0, 0];
const API_VERSIONS: [u8; 2] = [0, 18];
const CORRELATION: [u8; 4] = *b"ping";

/// What a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// PostgreSQL: does it take a connection to the point where it asks for a password?
    Postgres(u16),
    /// Kafka: does it answer ApiVersions? The broker does so only after it has joined its controller.
    Kafka(u16),
    /// ClickHouse: `GET /ping`.
    ClickHouse(u16),
}

impl Probe {
    /// Whether the server answers as it should. Never takes longer than a few seconds.
    pub(crate) fn answers(self) -> bool {
        match self {
            Self::Postgres(port) => postgres(port).unwrap_or(false),
            Self::Kafka(port) => kafka(port).unwrap_or(false),
            Self::ClickHouse(port) => {
                get(&format!("http://127.0.0.1:{port}/ping")).is_ok_and(|status| status == 200)
            }
        }
    }
}

fn local(port: u16) -> io::Result<TcpStream> {
    connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, EXCHANGE_LIMIT)?;
    stream.set_read_timeout(Some(EXCHANGE_LIMIT))?;
    stream.set_write_timeout(Some(EXCHANGE_LIMIT))?;
    Ok(stream)
}

fn with_length(body: &[u8], counts_itself: usize) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body.len() + counts_itself).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes(), body].concat())
}

fn postgres(port: u16) -> io::Result<bool> {
    let mut stream = local(port)?;
    let body = [&PROTOCOL_3[..], b"user\0postgres\0database\0postgres\0\0"].concat();
    stream.write_all(&with_length(&body, 4)?)?;
    let mut kind = [0_u8; 1];
    stream.read_exact(&mut kind)?;
    // `R` asks for the password; `E` says that it is still starting.
    Ok(kind == *b"R")
}

fn kafka(port: u16) -> io::Result<bool> {
    let mut stream = local(port)?;
    let no_client_id = [0xFF_u8, 0xFF];
    let body = [&API_VERSIONS[..], &[0, 0], &CORRELATION, &no_client_id].concat();
    stream.write_all(&with_length(&body, 0)?)?;
    let mut answer = [0_u8; 10];
    stream.read_exact(&mut answer)?;
    // Length, then the correlation id, then the error code.
    Ok(answer.get(4..8) == Some(&CORRELATION[..]) && answer.get(8..10) == Some(&[0, 0][..]))
}

/// The status of `GET url`, for an address of the form `http://host:port/path`.
///
/// # Errors
/// The address cannot be used, nobody answers, or the answer is not HTTP.
pub(crate) fn get(url: &str) -> io::Result<u16> {
    let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidInput, problem.to_owned());
    let rest =
        url.strip_prefix("http://").ok_or_else(|| invalid("the address does not begin with http://"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = authority.to_socket_addrs()?.next().ok_or_else(|| invalid("the host has no address"))?;
    let mut stream = connect(address)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    // Read to its end (bounded): a server logs an error when the asker hangs up in the middle.
    let mut reader = BufReader::new(stream).take(ANSWER_BYTES_MAX);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    io::copy(&mut reader, &mut io::sink())?;
    let status = line.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    status.ok_or_else(|| invalid("the answer is not HTTP"))
}
