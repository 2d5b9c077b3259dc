//! An API server that refuses whatever it is asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::error::{Failure, Result};

/// The server; its thread ends with the process.
#[derive(Debug)]
pub struct Refusing {
    address: String,
}

impl Refusing {
    /// Starts one on the loopback.
    ///
    /// # Errors
    /// No socket.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::io("listening on the loopback"))?;
        let address = listener.local_addr().map_err(Failure::io("listening on the loopback"))?;
        std::thread::spawn(move || listener.incoming().flatten().for_each(|s| drop(refuse(&s))));
        Ok(Self { address: format!("http://{address}") })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn address(&self) -> String {
        self.address.clone()
    }
}

fn refuse(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let body = r#"{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no rights", "reason": "Forbidden", "code": 403}"#;
        let head = format!(
            "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (&*stream).write_all((head + body).as_bytes())?;
    }
}
