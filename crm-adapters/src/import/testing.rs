//! A service for the tests: takes import requests on a socket, answers as told, and breaks connections as told.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reaction {
    /// Every line is answered.
    Answer,
    /// So many lines are answered, then the connection breaks.
    BreakAfter(usize),
    /// The connection breaks before any answer.
    Hang,
    /// This status with a failure envelope.
    Status(u16, &'static str),
}

/// Serves one connection per reaction, in order; the lines each request brought come back.
pub(crate) async fn serve(reactions: Vec<Reaction>) -> (String, tokio::task::JoinHandle<Vec<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut requests = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for reaction in reactions {
            let (mut socket, _) = listener.accept().await.unwrap();
            let lines = read_lines(&mut socket).await;
            react(&mut socket, reaction, &lines, &mut seen).await;
            requests.push(lines);
        }
        requests
    });
    (url, task)
}

async fn react(
    socket: &mut TcpStream,
    reaction: Reaction,
    lines: &[Value],
    seen: &mut std::collections::BTreeSet<String>,
) {
    // A line's natural key is kept even if its answer never arrives.
    let outcome = |line: &Value, seen: &mut std::collections::BTreeSet<String>| {
        let id = line["external_id"].as_str().unwrap().to_owned();
        let new = seen.insert(id.clone());
        format!("{}\n", json!({"external_id": id, "outcome": if new { "created" } else { "replayed" }}))
    };
    let answers: Vec<String> = match reaction {
        Reaction::Status(..) | Reaction::Hang => Vec::new(),
        _ => lines.iter().map(|line| outcome(line, seen)).collect(),
    };
    let whole: String = answers.concat();
    let head = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let text = match reaction {
        Reaction::Answer => head(whole.len()) + &whole,
        Reaction::BreakAfter(count) => head(whole.len() + 1) + &answers[..count].concat(),
        Reaction::Hang => String::new(),
        Reaction::Status(status, code) => {
            let body = json!({"success": false, "error": {"code": code, "message": "no"}}).to_string();
            format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
        }
    };
    socket.write_all(text.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
}

/// The lines of a chunked request body.
async fn read_lines(socket: &mut TcpStream) -> Vec<Value> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n0\r\n\r\n") {
        assert!(socket.read_buf(&mut bytes).await.unwrap() > 0, "the request broke off");
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, mut body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("transfer-encoding: chunked"), "{head}");
    let mut content = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        content.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").unwrap();
    }
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
