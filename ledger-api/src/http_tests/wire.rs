//! Over a real connection: what a client may do while its body is still on the way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use actix_web::HttpServer;

use super::*;

/// So many that neither the bodies nor the answers fit into the buffers of a connection.
const MANY: usize = 150_000;
/// Longer than the import of them takes; a client and a service that wait for each other would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

async fn listening() -> SocketAddr {
    let app = web::Data::new(state(Profile::Dev).await);
    let service = move || {
        Service::new()
            .app_data(app.clone())
            .wrap(from_fn(edge))
            .configure(crate::routing::configure(Profile::Dev))
    };
    let server =
        HttpServer::new(service).workers(1).disable_signals().bind(("127.0.0.1", 0)).expect("a port");
    let address = *server.addrs().first().expect("an address");
    actix_web::rt::spawn(server.run());
    address
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Sends an import to its end, as Python's `http.client` does, and only then reads.
fn import(address: SocketAddr, body: &[Vec<u8>]) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_write_timeout(Some(PATIENCE))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let path = Operation::Import.path();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nAuthorization: ApiKey admin\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    connection.write_all(head.as_bytes())?;
    for part in body {
        connection.write_all(part)?;
    }
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

async fn answer_to(body: Vec<Vec<u8>>) -> String {
    let address = listening().await;
    let answer = tokio::task::spawn_blocking(move || import(address, &body)).await.expect("no panic");
    answer.expect("an answer")
}

#[actix_web::test]
async fn a_client_that_sends_its_import_to_the_end_before_it_reads_gets_every_answer() {
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    let mut body = vec![chunk(&line.repeat(1_000)); MANY / 1_000];
    body.push(chunk(b""));
    let answer = answer_to(body).await;
    assert_eq!(answer.matches("{\"line\":").count(), MANY);
    assert!(answer.contains(&format!("{{\"line\":{MANY},")), "the last line is answered");
}

/// A client that ends its body twice, or sends an empty chunk in its middle: the rest is no request. The server's own
/// words for it in its log are "invalid Header provided".
#[actix_web::test]
async fn what_follows_the_end_of_an_import_takes_nothing_from_its_answer() {
    let answer = answer_to(vec![[chunk(b"x\ny\n"), chunk(b""), chunk(b"z\n"), chunk(b"")].concat()]).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(answer.matches("{\"line\":").count(), 2, "{answer}");
}
